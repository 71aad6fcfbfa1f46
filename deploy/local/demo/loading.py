"""Loads the demo data: decides whether it is due, imports the files, sends the rest."""

import asyncio
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from rich.console import Console

from deploy.local import importing
from deploy.local.demo import cast, generator
from deploy.local.demo.progress import Progress
from deploy.local.demo.request import Kind, Ref
from deploy.local.demo.sender import Sender, Tokens
from deploy.local.problems import StackProblem
from deploy.local.stack import Stack
from deploy.local.steps import Steps
from deploy.local.tokens import FreshToken, fetch_token
from services.kit.clients import AsyncClient, HTTPError, open_client
from services.kit.grammar import MAX_LIMIT

FILES = Path(__file__).parent / "data" / "maven-crm"
PROFILE = "maven-crm"

_CALL_SECONDS = 30.0
_KNOWN: tuple[tuple[Kind, str, str], ...] = (
    ("account", "accounts", "name"),
    ("member", "members", "email"),
    ("product", "products", "name"),
)


async def load(stack: Stack, console: Console) -> None:
    """Load what is missing of the demo data; nothing where it is whole, or where somebody else's data is.

    Raises a StackProblem when the platform does not take it.
    """
    progress = Progress.read(stack.home.directory)
    if progress and progress.finished:
        return
    async with open_client(seconds=_CALL_SECONDS) as client:
        client.base_url = stack.url("gateway")
        await _Loading(stack, console, client).go_on(progress)


class _Loading:
    def __init__(self, stack: Stack, console: Console, client: AsyncClient) -> None:
        self._stack = stack
        self._console = console
        self._steps = Steps(console)
        self._client = client
        self._tokens = Tokens(client, stack.issuer)

    async def go_on(self, progress: Progress | None) -> None:
        if progress is None:
            if not await self._is_empty():
                self._steps.say("The platform holds accounts already; the demo data is left out.")
                return
            progress = Progress.begin(self._stack.home.directory, generator.SEED, self._today())
        try:
            await self._load(progress)
        finally:
            progress.close()

    async def _load(self, progress: Progress) -> None:
        if not progress.imported:
            await asyncio.to_thread(self._import)
            progress.note_import()
        requests = generator.generate(progress.seed, progress.today)
        sender = Sender(self._client, self._tokens, progress, await self._known())
        with self._steps.shown(), self._steps.step("Demo data") as tell:
            await sender.send(requests, lambda done, what: tell(f"{done} of {len(requests)}, {what}"))
        progress.finish()

    def _import(self) -> None:
        auth = FreshToken(lambda: fetch_token(self._stack.issuer, cast.ADMIN))
        with httpx.Client(
            base_url=self._stack.url("gateway"), auth=auth, timeout=120, trust_env=False
        ) as client:
            importing.Importer(client, self._console).import_folder(FILES, PROFILE)

    async def _is_empty(self) -> bool:
        return not (await self._page("accounts", "?limit=1"))["items"]

    async def _known(self) -> dict[Ref, str]:
        """The ids of everything that the files brought and the demo speaks of."""
        pages = await asyncio.gather(*(self._all(noun) for _, noun, _ in _KNOWN))
        return {
            Ref(kind, item[name]): item["id"]
            for (kind, _, name), items in zip(_KNOWN, pages, strict=True)
            for item in items
        }

    async def _all(self, noun: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await self._page(noun, f"?limit={MAX_LIMIT}{'&cursor=' + cursor if cursor else ''}")
            items += page["items"]
            cursor = page["next_cursor"]
        return items

    async def _page(self, noun: str, query: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {await self._tokens.of(cast.ADMIN)}"}
        try:
            answer = await self._client.get(f"/v1/{noun}{query}", headers=headers)
            answer.raise_for_status()
        except HTTPError as error:
            raise StackProblem(f"The demo data needs a running platform: {error}") from error
        return answer.json()

    def _today(self) -> date:
        """The organisation's day."""
        return datetime.now(ZoneInfo(self._stack.environment.get("ORGANISATION_TIMEZONE") or "UTC")).date()
