"""A small stack of stand-ins under the real supervisor: `python -m tests.deploy.standing HOME PORT...`.

One child listens on each port. The first also has a child of its own, and with STUBBORN=1 in the environment
every child ignores SIGTERM, so that only force ends it.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from deploy.local.home import Home
from deploy.local.launch import Program, listens
from deploy.local.leftovers import end_leftovers
from deploy.local.problems import StackProblem
from deploy.local.supervisor import Charge, Supervisor

CHILD = """
import os, signal, socket, subprocess, sys, time
if os.environ.get("STUBBORN"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "with-child" in sys.argv:
    print("grandchild", subprocess.Popen(["sleep", "1000"]).pid, flush=True)
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
while True:
    server.accept()[0].close()
"""


def listening(port: int) -> Callable[[], Awaitable[bool]]:
    """Ready when somebody listens on `port`."""

    async def ready() -> bool:
        return await asyncio.to_thread(listens, port)

    return ready


def charge(
    name: str, port: int, *arguments: str, listen_on: str = "", patience: float = 20.0, stage: int = 0
) -> Charge:
    """A stand-in that is ready when somebody listens on `port`; it does so itself, or on `listen_on` instead."""
    program = Program(
        name=name,
        argv=(sys.executable, "-I", "-S", "-c", CHILD, listen_on or str(port), *arguments),
        port=port,
        environment=dict(os.environ),
        grace=1.0,
    )
    return Charge(program=program, ready=listening(port), stage=stage, patience=patience)


async def stand(home: Home, ports: list[int]) -> None:
    """What `foothold up` does, with stand-ins."""
    supervisor = Supervisor(home, ports[0], print)

    async def serve() -> None:
        print("ended", *await end_leftovers(home, grace=1.0), flush=True)
        watching = asyncio.create_task(supervisor.watch())
        first, *others = ports
        charges = [charge("first", first, "with-child")]
        charges += [charge(f"other-{port}", port, stage=1) for port in others]
        await supervisor.start(*charges)
        supervisor.serving()
        await watching

    await supervisor.conduct(serve())


def main() -> None:
    home = Home(Path(sys.argv[1]))
    try:
        home.prepare()
        with home.hold():
            asyncio.run(stand(home, [int(port) for port in sys.argv[2:]]))
    except StackProblem as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
