"""`foothold up`: from nothing, or from whatever a kill left, to a stack that serves; and back to nothing.

The order: look, end leftovers, PostgreSQL and Kafka at once, migrations while Kafka boots, topics, then every
process at once, then the demo data. A signal at any moment leads to the same orderly end.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine

import httpx
from rich.console import Console
from rich.markup import escape

from deploy.local import kafka, launch, preflight, topics, versions
from deploy.local.demonstration import Demonstration
from deploy.local.home import Home
from deploy.local.launch import Program
from deploy.local.leftovers import end_leftovers
from deploy.local.postgres import answers, create_databases
from deploy.local.problems import StackProblem, one_sentence
from deploy.local.screen import final_screen
from deploy.local.stack import STORES, Stack
from deploy.local.steps import Steps
from deploy.local.supervisor import Charge, Supervisor, last_words


def run(stack: Stack, console: Console, *, demo: bool) -> None:
    """Bring `stack` up, serve until asked to end, end it, and leave this process: 0, or 1 when it could not.

    It leaves by `os._exit`, for a thread may still wait for a network that nobody needs any more. Raises a
    StackProblem when the home cannot be used at all.
    """
    stack.home.prepare()
    with stack.home.hold():
        asyncio.run(_Up(stack, console, demo=demo).run())


class _Up:
    def __init__(self, stack: Stack, console: Console, *, demo: bool) -> None:
        self._stack = stack
        self._console = console
        self._steps = Steps(console)
        self._demo = demo
        self._supervisor = Supervisor(stack.home, stack.base_port, self._steps.say)

    async def run(self) -> None:
        code = 0
        try:
            await self._supervisor.conduct(self._serve())
        except (StackProblem, OSError) as error:
            self._steps.say(f"[red]{escape(one_sentence(error))}[/]")
            code = 1
        self._console.file.flush()
        os._exit(code)

    async def _serve(self) -> None:
        with self._steps.shown():
            await self._clear()
            watching = asyncio.create_task(self._supervisor.watch())
            await self._bring_up()
        if self._demo:
            await Demonstration(self._stack, self._supervisor, self._steps).load()
        self._supervisor.serving()
        await asyncio.to_thread(final_screen, self._console, self._stack, demo=self._demo)
        await watching

    async def _clear(self) -> None:
        """End what a killed stack left, then see whether ours can stand."""
        if self._stack.home.read():
            with self._steps.step("Ending what a killed stack left"):
                await end_leftovers(self._stack.home)
        await asyncio.to_thread(preflight.look, self._stack)

    async def _bring_up(self) -> None:
        self._supervisor.addresses = self._stack.addresses()
        await asyncio.gather(self._databases(), self._topics())
        with self._steps.step("Services, workers, gateway"):
            async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
                await self._supervisor.start(*self._stack.charges(client))

    async def _databases(self) -> None:
        if self._stack.owns_postgres:
            with self._steps.step("PostgreSQL"):
                await self._start_postgres()
        if not await asyncio.to_thread(versions.are_current, self._stack):
            with self._steps.step("Migrations"):
                await self._migrate()

    async def _start_postgres(self) -> None:
        cluster = self._stack.cluster
        await asyncio.to_thread(cluster.prepare)
        ready = _in_thread(lambda: answers(cluster.admin_url))
        await self._supervisor.start(Charge(program=cluster.program(), ready=ready, stage=STORES))
        password = self._stack.home.password("postgres foothold")
        await asyncio.to_thread(create_databases, cluster.admin_url, self._stack.own_databases(), password)

    async def _migrate(self) -> None:
        program = self._stack.program("migrations", "deploy.local.migrating")
        if await self._supervisor.run(program):
            raise StackProblem(_failed(self._stack.home, program, "The databases could not be migrated"))
        await asyncio.to_thread(versions.remember, self._stack)

    async def _topics(self) -> None:
        if self._stack.owns_kafka:
            await self._equip_kafka()
            with self._steps.step("Apache Kafka"):
                await self._start_kafka()
        with self._steps.step("Topics"):
            declared = topics.declared("laptop", environment=self._stack.environment)
            await asyncio.to_thread(topics.apply, self._stack.bootstrap_servers, declared)

    async def _equip_kafka(self) -> None:
        if kafka.equipped():
            return
        with self._steps.step("Apache Kafka's jars (once)") as tell:
            await asyncio.to_thread(kafka.equip, tell)

    async def _start_kafka(self) -> None:
        broker = self._stack.broker
        await asyncio.to_thread(broker.prepare)
        ready = _in_thread(lambda: launch.listens(broker.port))
        await self._supervisor.start(Charge(program=broker.program(), ready=ready, stage=STORES, patience=90))


def _in_thread(look: Callable[[], bool]) -> Callable[[], Coroutine[None, None, bool]]:
    async def ready() -> bool:
        return await asyncio.to_thread(look)

    return ready


def _failed(home: Home, program: Program, what: str) -> str:
    log = home.log(program.name)
    return f"{what}; {log} ends: {last_words(log)}"
