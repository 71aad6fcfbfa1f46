"""What is held here about a person, as answers show it."""

from uuid import UUID

from services.kit.fields import Read
from services.kit.mentions import Mention


class KnownContact(Read):
    """The copy that is kept of a person."""

    id: UUID
    account_id: UUID
    name: str
    former_names: list[str]


class ActivitiesAboutContact(Read):
    """What this service holds about a person: the copy, what the person took part in, and texts with the name."""

    known_to_activities: KnownContact
    activity_ids: list[UUID]
    mentions_in_activities: list[Mention]


class ActivitiesMentioningContact(Read):
    """Where texts may name a person who was erased, and whether others may as well that are not listed."""

    mentions_in_activities: list[Mention]
    more_in_activities: bool
