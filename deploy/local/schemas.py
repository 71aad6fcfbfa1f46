"""The contract of events under `docs/events/`, made from what the services declare: schemas, and the AsyncAPI document.

`python -m deploy.local.schemas` writes it; a test fails while what is committed differs. With `--release`, the document
and the schemas of states are kept under `docs/events/released/` as what readers may rely on from then on; a test fails
on what breaks them.
"""

import sys
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final

from deploy.local.stack import ROOT
from services.activities.events import PUBLIC as ACTIVITIES
from services.contacts.events import PUBLIC as CONTACTS
from services.kit import asyncapi
from services.kit.contract import schema_files, write_schemas
from services.kit.events import MARKS, PublicAggregate
from services.opportunities.events import PUBLIC as OPPORTUNITIES

DIRECTORY: Final = ROOT / "docs" / "events"
RELEASED: Final = DIRECTORY / "released"

PUBLIC: Final[Mapping[str, Sequence[PublicAggregate]]] = {
    "contacts": CONTACTS,
    "opportunities": OPPORTUNITIES,
    "activities": ACTIVITIES,
}
"""What each service tells, by the service's name; the marks of a republish come on top."""


def declared() -> dict[str, bytes]:
    """The files that `docs/events/` should hold: name and text of each."""
    return {asyncapi.NAME: asyncapi.document(PUBLIC)} | schema_files(_aggregates())


def states() -> dict[str, bytes]:
    """Those of the files that tell what the state of an aggregate is."""
    names = {f"{aggregate.name}.v{aggregate.version}.json" for aggregate in _aggregates()}
    return {name: text for name, text in declared().items() if name in names}


def releasable() -> dict[str, bytes]:
    """Those of the files that readers may rely on: the others follow from them."""
    return {asyncapi.NAME: declared()[asyncapi.NAME]} | states()


def _aggregates() -> list[PublicAggregate]:
    return [*chain.from_iterable(PUBLIC.values()), MARKS]


if __name__ == "__main__":
    write_schemas(DIRECTORY, declared())
    if "--release" in sys.argv[1:]:
        write_schemas(RELEASED, releasable())
