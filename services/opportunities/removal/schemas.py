"""What is held here about a person, as answers show it."""

from uuid import UUID

from services.kit.fields import Read
from services.kit.mentions import Mention
from services.opportunities.stakeholders.schemas import StakeholderRead


class KnownContact(Read):
    """The copy that is kept of a person."""

    id: UUID
    account_id: UUID
    name: str
    former_names: list[str]
    title: str | None
    department: str
    level: str


class DealsAboutContact(Read):
    """What this service holds about a person: the copy, where the person stands on maps, and texts with the name."""

    known_to_opportunities: KnownContact
    stakeholders: list[StakeholderRead]
    mentions_in_opportunities: list[Mention]


class DealsMentioningContact(Read):
    """Where texts may name a person who was erased, and whether others may as well that are not listed."""

    mentions_in_opportunities: list[Mention]
    more_in_opportunities: bool
