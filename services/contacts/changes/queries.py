"""Of what the feed tells, and who hears it."""

from services.contacts.accounts.queries import ACCOUNT
from services.contacts.accounts.queries import SIGHT as ACCOUNT_SIGHT
from services.contacts.members.queries import MEMBER
from services.contacts.people.queries import CONTACT, LINK, notes
from services.contacts.people.queries import SIGHT as CONTACT_SIGHT
from services.kit.feeds import Feed, Followed

FEED = Feed(
    "contacts",
    (
        Followed(MEMBER),
        Followed(ACCOUNT, ACCOUNT_SIGHT.visible),
        Followed(CONTACT, CONTACT_SIGHT.visible),
        Followed(LINK, CONTACT_SIGHT.visible, knows=notes),
    ),
)
