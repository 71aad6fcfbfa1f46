"""Jobs worked off in a test's own process, as a worker would do them."""

import asyncio

from services.kit.jobs import Worker


async def work_off(worker: Worker) -> None:
    """Works until no job can be claimed."""
    while await worker.work_one(asyncio.Event()):
        pass
