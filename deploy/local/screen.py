"""The last thing `foothold up` shows: what runs where, who the demo people are, and what to paste."""

import shutil
from collections.abc import Sequence
from typing import Any

import httpx
from rich.console import Console, Group
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from deploy.local.demo import highlights
from deploy.local.problems import StackProblem
from deploy.local.stack import SERVICES, Stack
from deploy.local.tokens import fetch_token

SELLER = "darcel.schlecht@example.com"
PEOPLE = (
    (SELLER, "sells; sees what is theirs and their accounts'"),
    ("melvin.marxen@example.com", "manages sellers, that one among them; sees what they see"),
    ("carl.lin@example.com", "sells in another team; to them Acme Corporation does not exist"),
    ("executive@example.com", "sees everything"),
    ("marketing@example.com", "sees everything, edits what is theirs"),
    ("reporting@example.com", "reads everything"),
    ("admin@example.com", "imports, keeps members, sees everything"),
)


def final_screen(console: Console, stack: Stack, *, demo: bool) -> None:
    """Show it. Asks the gateway for an account, so that the pasted commands answer with something."""
    people = PEOPLE if demo else PEOPLE[-1:]
    box = Group(_places(stack), "", _people(people), *(("", _worth_opening()) if demo else ()))
    panel = Panel(
        box, title="Foothold is up", subtitle="Ctrl-C or `foothold down` ends it", border_style="green"
    )
    console.print(panel)
    console.print("To paste:", style="bold")
    for line in _commands(stack):
        # As they are, however narrow the terminal: a wrapped command cannot be pasted.
        console.out(line, style="cyan", highlight=False)


def _places(stack: Stack) -> Table:
    table = Table.grid(padding=(0, 2))
    gateway = stack.url("gateway")
    table.add_row("[bold]Gateway[/]", f"{gateway}   [dim]its documentation: /docs[/]")
    for service in SERVICES:
        table.add_row(service.capitalize(), stack.url(f"{service}-api"))
    table.add_row("Issuer", stack.issuer)
    table.add_row("PostgreSQL", f"127.0.0.1:{stack.port('postgres')}" if stack.owns_postgres else "yours")
    table.add_row("Kafka", stack.bootstrap_servers)
    table.add_row("State, logs", escape(str(stack.home.directory)))
    return table


def _people(people: Sequence[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for email, may in people:
        table.add_row(f"[bold]{email}[/]", may)
    return table


def _worth_opening() -> Table:
    table = Table.grid(padding=(0, 2))
    for each in highlights():
        table.add_row(f"[bold]{escape(each.account)}[/]", escape(each.note))
    return table


def _commands(stack: Stack) -> list[str]:
    gateway = stack.url("gateway")
    account = _some_account(stack) or "ACCOUNT_ID"
    view, search = f"/v1/accounts/{account}/view", "/v1/accounts?q=tech"
    if shutil.which("curl"):
        ask = 'curl -s -H "Authorization: Bearer $TOKEN"'
        token = f"TOKEN=$({_foothold(stack)} token {SELLER})"
        return [token, f"{ask} {gateway}{view}", f"{ask} '{gateway}{search}'"]
    ask = f"{_foothold(stack)} api --as {SELLER}"
    return [f"{_foothold(stack)} token {SELLER}", f"{ask} {view}", f"{ask} '{search}'"]


def _foothold(stack: Stack) -> str:
    """The command as it is to be pasted, with what makes it speak to this very stack."""
    own = ("FOOTHOLD_HOME", "FOOTHOLD_PORT")
    settings = [f"{name}={stack.environment[name]} " for name in own if stack.environment.get(name)]
    return "".join(settings) + ".venv/bin/foothold"


def _some_account(stack: Stack) -> str | None:
    """The id of the account to show first, or of any that the demo's seller sees; None where there is none."""
    try:
        headers = {"Authorization": f"Bearer {fetch_token(stack.issuer, SELLER)}"}
        with httpx.Client(
            base_url=stack.url("gateway"), headers=headers, timeout=5, trust_env=False
        ) as client:
            found = _accounts(client, name=highlights()[0].account) or _accounts(client)
        return str(found[0]["id"])
    except (StackProblem, httpx.HTTPError, ValueError, LookupError):
        return None


def _accounts(client: httpx.Client, **filters: str) -> list[dict[str, Any]]:
    return client.get("/v1/accounts", params={"limit": "1"} | filters).raise_for_status().json()["items"]
