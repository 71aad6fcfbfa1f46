"""The nemesis: does what the plan says, one fault begun after the other, each healed by itself."""

import asyncio
import json
import signal
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from tests.chaos.plan import Fault
from tests.chaos.poison import Poisoner
from tests.chaos.proxies import Way
from tests.chaos.retelling import Retelling
from tests.chaos.stack import PROCESSES, Stack

_DELAY = 0.15


class Nemesis:
    """Everything that goes wrong in a run. `say` is told a line for each fault."""

    def __init__(
        self,
        stack: Stack,
        poisoner: Poisoner,
        retelling: Retelling,
        histories: Path,
        say: Callable[[str], None],
    ) -> None:
        self._stack, self._poisoner, self._retelling, self._say = stack, poisoner, retelling, say
        self._file = (histories / "faults.jsonl").open("w")
        # What befalls one target befalls it one thing after the other.
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._began = time.monotonic()
        self.done: list[dict[str, Any]] = []
        self.undrained: list[str] = []
        self.fallen: list[str] = []

    async def run(self, faults: Sequence[Fault]) -> None:
        """Begins each fault in its time, and ends when the last is healed. Raises what the stack cannot bear."""
        watching = asyncio.create_task(self._watch())
        try:
            async with asyncio.TaskGroup() as group:
                for fault in faults:
                    await asyncio.sleep(fault.pause)
                    group.create_task(self._suffer(fault))
        finally:
            watching.cancel()
            self._file.close()

    async def _suffer(self, fault: Fault) -> None:
        async with self._locks[fault.target]:
            self._tell(fault)
            await self._do(fault)

    def _tell(self, fault: Fault) -> None:
        passed = time.monotonic() - self._began
        lasting = f"{fault.seconds:5.1f} s" if fault.seconds else ""
        self._say(f"{fault.number:4}  {passed:7.1f} s  {fault.kind:17}{fault.target:26}{lasting}")
        self.done.append({"at": time.time(), **vars(fault)})
        self._file.write(json.dumps(self.done[-1]) + "\n")
        self._file.flush()

    def _do(self, fault: Fault) -> Coroutine[None, None, None]:
        match fault.kind.partition(" "):
            case ("kill", _, "kafka"):
                return self._kill_kafka(fault)
            case ("kill", _, "postgres"):
                return self._end_postgres(fault, self._stack.kill_postgres())
            case ("restart", _, "postgres"):
                return self._end_postgres(fault, asyncio.to_thread(self._stack.postgres.close))
            case ("kill", _, _):
                return self._kill(fault)
            case ("pause", _, _):
                return self._pause(fault)
            case ("cut", _, _):
                return self._disturb(fault, "cut")
            case ("refuse", _, _):
                return self._disturb(fault, "refuse")
            case ("stall", _, _):
                return self._disturb(fault, "stall")
            case ("delay", _, _):
                return self._disturb(fault, "delay")
            case ("garbage", _, _):
                return self._poisoner.throw_garbage(fault.target)
            case ("poison", _, _):
                return self._poisoner.poison(fault.target, fault.seconds)
            case ("republish", _, _):
                return self._retelling.republish(fault.target)
            case ("rebuild", _, _):
                return self._retelling.rebuild(fault.target)
            case ("roll", _, _):
                return self._roll()
            case _:
                raise ValueError(f"nobody knows what {fault.kind} is")

    async def _kill(self, fault: Fault) -> None:
        process = self._stack.processes[fault.target]
        await process.end(signal.SIGKILL, 10)
        await asyncio.sleep(fault.seconds)
        process.start()

    async def _end_postgres(self, fault: Fault, ending: Awaitable[None]) -> None:
        await ending
        await asyncio.sleep(fault.seconds)
        await self._stack.postgres.start()

    async def _kill_kafka(self, fault: Fault) -> None:
        self._stack.kafka.kill()
        await asyncio.sleep(fault.seconds)
        await self._stack.kafka.start()

    async def _pause(self, fault: Fault) -> None:
        process = self._stack.processes[fault.target]
        process.send(signal.SIGSTOP)
        await asyncio.sleep(fault.seconds)
        process.send(signal.SIGCONT)

    async def _disturb(self, fault: Fault, way: Way) -> None:
        edge = self._stack.switchboard
        await edge.tell(fault.target, way, _DELAY if way == "delay" else 0.0)
        await asyncio.sleep(fault.seconds)
        await edge.tell(fault.target, "open")

    async def _roll(self) -> None:
        """Restarts every process in order, one after the other, while the others serve."""
        for name in PROCESSES:
            async with self._locks[name]:
                if not await self._stack.roll(name):
                    self.undrained.append(name)

    async def _watch(self) -> None:
        """Starts again what ended by itself, as whoever supervises processes does."""
        while True:
            await asyncio.sleep(0.5)
            for name, process in self._stack.processes.items():
                if not self._locks[name].locked() and not process.alive():
                    self.fallen.append(name)
                    process.start()
