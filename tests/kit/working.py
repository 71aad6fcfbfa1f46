"""A worker whose end is tested: `python -m tests.kit.working JSON`, which names `producer`, `url`, `bootstrap`, `port`.

It relays the producer's events and consumes them itself. A batch is done when the table `let` has a row.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import replace

from pydantic import SecretStr

from services.kit.db import Session
from services.kit.events import Event
from services.kit.handlers import Batch
from services.kit.run import create_worker, serve_worker
from tests.kit.backbone import PUBLIC, StackSettings, fold
from tests.kit.library import SERVICE


async def fold_when_let(tx: Session, events: Sequence[Event]) -> None:
    """Folds the events, and then waits to be let go."""
    for event in events:
        await fold(tx, event)
    while await (await tx.execute("SELECT FROM let")).fetchone() is None:  # noqa: ASYNC110  # others write it
        await asyncio.sleep(0.02)


def run(producer: str, url: str, bootstrap: str, port: int) -> None:
    service = replace(
        SERVICE,
        name=producer,
        public=PUBLIC,
        consumes=(producer,),
        handlers={"account": Batch(fold_when_let)},
    )
    settings = StackSettings(url=SecretStr(url), kafka_bootstrap_servers=bootstrap, port=port)
    serve_worker(create_worker(service, settings), settings)


if __name__ == "__main__":
    run(**json.loads(sys.argv[1]))
