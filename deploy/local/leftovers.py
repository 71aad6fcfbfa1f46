"""What a stack that was killed hard left running: ended before the next one starts, strangers never touched.

A process counts as left over only when both its id and its start time are those of the record.
"""

import asyncio
import os
import signal
from contextlib import suppress

from deploy.local.home import Home, RunningChild
from deploy.local.launch import kill_group

_STOP_SIGNALS = {"postgres": signal.SIGINT}


async def end_leftovers(home: Home, grace: float = 20.0) -> list[str]:
    """End what the last supervisor of `home` left; returns the names of what had to be ended.

    They have `grace` seconds to end by themselves. To be called with the home's lock held, so that the record
    is nobody's who still lives.
    """
    record = home.read()
    if record is None:
        return []
    left = [child for child in record.children if child.identity.alive()]
    # Clients before servers, as in an orderly end: the record is in the order of the start.
    for child in reversed(left):
        _signal(child)
    await asyncio.gather(*(_wait_or_kill(child, grace) for child in left))
    home.forget()
    return [child.name for child in left]


def _signal(child: RunningChild) -> None:
    with suppress(ProcessLookupError):
        os.kill(child.identity.pid, _STOP_SIGNALS.get(child.name, signal.SIGTERM))


async def _wait_or_kill(child: RunningChild, grace: float) -> None:
    deadline = asyncio.get_running_loop().time() + grace
    while child.identity.alive():
        if asyncio.get_running_loop().time() > deadline:
            kill_group(child.identity.pid)
        await asyncio.sleep(0.05)
