"""What is held here about a person and what is left of one who was erased, as requests and answers show it."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from services.contacts.people.schemas import ContactRead, LinkRead
from services.contacts.removal.domain import ErasureReason
from services.kit.fields import Body, Read
from services.kit.mentions import Mention


class ContactHeld(Read):
    """What this service holds about a person: the row, the links, its history's length, and texts with the name."""

    contact: ContactRead
    links: list[LinkRead]
    journal_entries: int
    mentions_in_contacts: list[Mention]


class ErasureCreate(Body):
    """Why a person is to be erased."""

    reason: ErasureReason = Field(description="A code, for words would name the person again.")


class ErasureShown(Read):
    """A person who was erased: since when, by when topics and dead letters have forgotten, and what people look at."""

    contact_id: UUID
    account_id: UUID
    erased_at: datetime
    reason: ErasureReason
    topics_clean_at: datetime = Field(
        description="When no topic holds anything more that was told of the person. What others wrote is not of it: a"
        " deal's name and `lost_to` and a product's names stay on their topic for as long as it keeps events."
    )
    mentions_in_contacts: list[Mention]
    more_in_contacts: bool


class ErasureRead(ErasureShown):
    """An erasure as it is answered at once; where texts of the other services stand is told by `location`."""

    location: str
