"""One run: a stack comes up, clients fill it, the nemesis rages, all heals, checkers look."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from deploy.local.stack import SERVICES
from deploy.local.tokens import fetch_token
from tests.chaos import checks, evidence, history, plan, story
from tests.chaos.checks import reports, views
from tests.chaos.clients import SPEAKERS, Clients, Places
from tests.chaos.evidence import Evidence
from tests.chaos.finding import Finding
from tests.chaos.followers import Followers
from tests.chaos.history import Operation
from tests.chaos.nemesis import Nemesis
from tests.chaos.pager import Pagers
from tests.chaos.plan import KINDS, Fault, Weights
from tests.chaos.poison import Poisoner
from tests.chaos.quiet import PATIENCE, Quiet
from tests.chaos.retelling import Retelling
from tests.chaos.stack import EDGES, PROCESSES, READY_SECONDS, Stack
from tests.chaos.verdict import Verdict, counted
from tests.chaos.zygote import Zygote

Say = Callable[[str], None]

_WARM_UP = 3.0
_SEEING_THROUGH = 45.0
_SHORT = 5.0  # Patience with what somebody has spoiled on purpose.


@dataclass(frozen=True)
class Asked:
    """What kind of run: how many faults, by which seed, what mistake is planted, and where its papers go."""

    kills: int
    seed: int
    results: Path
    mistake: str | None = None
    weights: Weights = field(default_factory=lambda: KINDS)
    pace: float = plan.PACE

    @property
    def name(self) -> str:
        """The beginning of every key and request id of the run."""
        return f"chaos-{self.seed}"


class Run:
    """One run, to be conducted once. `say` is told what goes on, a line at a time."""

    def __init__(self, zygote: Zygote, asked: Asked, say: Say) -> None:
        self._asked, self._say = asked, say
        asked.results.mkdir(parents=True, exist_ok=True)
        self._stack = Stack(zygote, asked.results / "logs", mistake=asked.mistake)
        self._urls = {service: self._stack.database_url(service) for service in SERVICES}
        ports = self._stack.ports
        places = Places(ports.url("door"), ports.url("issuer"))
        self._clients = Clients(places, asked.name, asked.seed, asked.results)
        self._followers = Followers(places, asked.results)
        self._poisoner = Poisoner(self._urls, self._stack.bootstrap_servers, self._accounts, asked.seed)
        self._retelling = Retelling(self._urls)
        self._nemesis = Nemesis(self._stack, self._poisoner, self._retelling, asked.results, say)
        self._pagers = Pagers(self._urls)
        self._left: list[str] = []

    async def conduct(self) -> Verdict:
        """From nothing to the verdict, and back to nothing."""
        began = time.monotonic()
        try:
            await self._stack.up()
            self._say(f"      {time.monotonic() - began:7.1f} s  {len(PROCESSES)} processes are ready")
            async with self._clients, self._followers:
                await self._rage(self._planned())
                return await self._judge(time.monotonic() - began)
        finally:
            self._stack.close()

    def _planned(self) -> Sequence[Fault]:
        """The seed's faults; where no mistake is planted, a rolling restart ends them."""
        asked = self._asked
        faults = plan.plan(asked.seed, asked.kills, asked.weights, asked.pace)
        return faults if asked.mistake else [*faults, plan.roll(len(faults) + 1)]

    def _accounts(self) -> Sequence[str]:
        return [row["id"] for row in self._clients.world.of("account")]

    async def _rage(self, faults: Sequence[Fault]) -> None:
        """Load and faults, then none of either."""
        await self._clients.settle()
        paging = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pagers.run(paging))
            group.create_task(self._followers.run(paging))
            working = group.create_task(self._clients.work())
            await asyncio.sleep(_WARM_UP)
            await self._nemesis.run(faults)
            await self._heal()
            self._clients.stop.set()
            await asyncio.wait({working}, timeout=_SEEING_THROUGH)
            self._clients.giving_up.set()
            await working
            quiet = Quiet(self._urls, self._stack.bootstrap_servers, self._poisoner, self._retelling)
            self._left += await quiet.come(PATIENCE if self._asked.mistake is None else _SHORT)
            paging.set()

    async def _heal(self) -> None:
        """Everything runs and every edge is open, whatever was in the way of a fault's own healing."""
        for edge in EDGES:
            await self._stack.switchboard.tell(edge, "open")
        for process in self._stack.processes.values():
            if not process.alive():
                process.start()
        patience = READY_SECONDS if self._asked.mistake is None else 2 * _SHORT
        ready = await asyncio.gather(*(self._stack.ready(name, patience) for name in PROCESSES))
        self._left += [
            f"{name} is not ready" for name, it_is in zip(PROCESSES, ready, strict=True) if not it_is
        ]

    async def _judge(self, seconds: float) -> Verdict:
        operations = history.read(self._asked.results)
        held = await asyncio.to_thread(evidence.gather, self._urls, self._stack.bootstrap_servers)
        findings = await asyncio.to_thread(self._found, operations, held)
        findings += await self._followers.findings()
        # Of a planted mistake others shall tell: all sorts of things may come of one.
        self._left += [] if self._asked.mistake else self._rude(operations)
        findings += [Finding("rest", said, ()) for said in self._left]
        if not any(each.acknowledged for each in operations.values()):
            findings.append(Finding("rest", "no write was acknowledged, so nothing is proven", ()))
        told = story.tell(findings[0], operations, held, self._nemesis.done) if findings else []
        counts = {
            "faults": len(self._nemesis.done),
            **counted(operations, held),
            "rows followed": self._followers.held,
            "planted": self._poisoner.planted,
            "given up": self._poisoner.given_up,
            "seconds": round(seconds),
        }
        verdict = Verdict(
            findings, counts, [f"{name} ended by itself" for name in self._nemesis.fallen], told
        )
        (self._asked.results / "verdict.json").write_text(verdict.written())
        return verdict

    def _found(self, operations: Mapping[str, Operation], held: Mapping[str, Evidence]) -> list[Finding]:
        ports = self._stack.ports
        bases = {name: ports.url(name) for name in ("door", *SERVICES)}
        tokens = [fetch_token(ports.url("issuer"), email) for email in SPEAKERS]
        owned = held["contacts"].owned
        accounts, people = [str(id) for id in owned["account"]], [str(id) for id in owned["contact"]]
        with httpx.Client(timeout=30, trust_env=False) as client:
            seen = list(views.check(client, bases, tokens, accounts, people))
        reported = reports.check(
            self._urls, self._stack.bootstrap_servers, self._asked.results / "report.duckdb"
        )
        return [*checks.all_of(operations, held, self._pagers.seen()), *seen, *reported]

    def _rude(self, operations: Mapping[str, Operation]) -> list[str]:
        """What is lost to nobody who asks again, and should not be all the same."""
        crashed = sum(answer.status == 500 for each in operations.values() for answer in each.answers)
        found = [f"{name} did not drain within its time" for name in self._nemesis.undrained]
        return found + ([f"{crashed} answers were crashes (500)"] if crashed else [])
