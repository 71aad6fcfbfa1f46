"""Of what the feed tells, and who hears it."""

from services.contacts.accounts.queries import ACCOUNT
from services.contacts.accounts.queries import SIGHT as ACCOUNTS
from services.contacts.members.queries import MEMBER
from services.contacts.people.queries import CONTACT, LINK, notes
from services.contacts.people.queries import SIGHT as PEOPLE
from services.kit.changes import Feed, Followed

FEED = Feed(
    "contacts",
    (
        Followed(MEMBER),
        Followed(ACCOUNT, ACCOUNTS.visible),
        Followed(CONTACT, PEOPLE.visible),
        Followed(LINK, PEOPLE.visible, knows=notes),
    ),
)
