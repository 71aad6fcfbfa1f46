"""The schemas of events under `docs/events/`, made from what the services declare.

`python -m deploy.local.schemas` writes them; a test fails while the committed ones differ.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final

from deploy.local.stack import ROOT
from services.activities.events import PUBLIC as ACTIVITIES
from services.contacts.events import PUBLIC as CONTACTS
from services.kit.contract import schema_files, write_schemas
from services.kit.events import PublicAggregate
from services.opportunities.events import PUBLIC as OPPORTUNITIES

DIRECTORY: Final = ROOT / "docs" / "events"

PUBLIC: Final[Mapping[str, Sequence[PublicAggregate]]] = {
    "contacts": CONTACTS,
    "opportunities": OPPORTUNITIES,
    "activities": ACTIVITIES,
}
"""What each service tells, by the service's name."""


def declared() -> dict[str, bytes]:
    """The files that `docs/events/` should hold: name and text of each."""
    return schema_files(chain.from_iterable(PUBLIC.values()))


if __name__ == "__main__":
    write_schemas(DIRECTORY, declared())
