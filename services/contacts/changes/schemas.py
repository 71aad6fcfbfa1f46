"""The feed of changes as it is answered."""

from services.contacts.accounts.schemas import AccountRead
from services.contacts.members.schemas import MemberRead
from services.contacts.people.schemas import ContactRead, LinkRead
from services.kit.changes import Change
from services.kit.fields import Read


class ChangeRead(Change):
    """A change of members, accounts, people and the links between them."""

    data: MemberRead | AccountRead | ContactRead | LinkRead | None


class ChangeList(Read):
    """What has changed since the token; `next` is the token to go on from, at once where there is `more`."""

    items: list[ChangeRead]
    next: str
    more: bool
