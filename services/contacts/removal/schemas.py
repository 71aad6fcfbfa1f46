"""What is held here about a person, as answers show it."""

from services.contacts.people.schemas import ContactRead, LinkRead
from services.kit.fields import Read
from services.kit.mentions import Mention


class ContactHeld(Read):
    """What this service holds about a person: the row, the links, its history's length, and texts with the name."""

    contact: ContactRead
    links: list[LinkRead]
    journal_entries: int
    mentions_in_contacts: list[Mention]
