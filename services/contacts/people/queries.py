"""Every SELECT of people and of the links between them."""

from typing import LiteralString
from uuid import UUID

from services.contacts.accounts.queries import NAMES as ACCOUNTS
from services.contacts.members.queries import NAMES as MEMBERS
from services.contacts.people.domain import Department, Level, LinkKind, RealInfluence
from services.contacts.people.tables import Contact, ContactLink
from services.kit.access import Sight, as_teammate
from services.kit.aggregates import Aggregate
from services.kit.calls import Call
from services.kit.db import Session, one
from services.kit.filters import BOOLEAN, DAY, IDENTIFIER, INSTANT, TEXT, Filter, code, day, plain
from services.kit.grammar import Listing, Pair, Within
from services.kit.identity import Viewer
from services.kit.past import Names, Past
from services.kit.rows import STAMPS

CONTACT = Aggregate(
    "contact",
    "contacts",
    Contact,
    (
        "id", "account_id", "name", "title", "department", "level", "phones", "emails", "tenure_end_on",
        "real_influence", "public_official", "preferred_channel", "do_not_contact", "external_ids", "version", *STAMPS,
    ),
    kept=("erased_at", "erasure_reason"),
)  # fmt: skip
LINK = Aggregate(
    "contact_link",
    "contact-links",
    ContactLink,
    ("id", "from_contact_id", "to_contact_id", "kind", "note", "version", *STAMPS),
    kept=("account_id",),
    confided=("note",),
)

SIGHT = Sight(account="r.account_id")
NAMES = (MEMBERS, ACCOUNTS, Names("contact", SIGHT))
OWNER: LiteralString = "(SELECT a.owner_id FROM account a WHERE a.id = r.account_id)"

FROM_CONTACT: LiteralString = " AND r.from_contact_id = %(contact)s::uuid"


def notes(viewer: Viewer) -> LiteralString:
    """Whether the viewer may know what is noted about the people of row `r`: SQL.

    The account team, the managers above it, and administrators; not those who see every account for their role's sake.
    """
    return SIGHT.visible(as_teammate(viewer))


CONTACTS = Listing(
    aggregate=CONTACT,
    relation="contact",
    sight=SIGHT,
    filters={
        "account_id": Filter("r.account_id", IDENTIFIER, selective=True),
        "name": Filter("r.name", TEXT),
        "department": Filter("r.department", code(Department)),
        "level": Filter("r.level", code(Level)),
        "real_influence": Filter("r.real_influence", code(RealInfluence)),
        "tenure_end_on": Filter("r.tenure_end_on", DAY),
        "public_official": Filter("r.public_official", BOOLEAN),
        "do_not_contact": Filter("r.do_not_contact", BOOLEAN),
        "created_at": Filter("r.created_at", INSTANT),
    },
    sorts={
        "name": plain("r.name", "text"),
        "created_at": plain("r.created_at", "timestamptz"),
        "tenure_end_on": day("r.tenure_end_on"),
    },
    default_sort="name",
    search="r.name",
    pairs={
        "account_id": Pair(),
        "department": Pair(("name", "-name")),
        "level": Pair(("name", "-name")),
        "real_influence": Pair(("name", "-name"), sparse=True),
    },
)
LINKS = Listing(
    aggregate=LINK,
    relation="contact_link",
    sight=SIGHT,
    filters={
        "kind": Filter("r.kind", code(LinkKind)),
        "to_contact_id": Filter("r.to_contact_id", IDENTIFIER),
    },
    sorts={"created_at": plain("r.created_at", "timestamptz")},
    default_sort="created_at",
    where="r.deleted_at IS NULL" + FROM_CONTACT,
    small=True,
    knows=notes,
    within=Within("contact", "contact", "contact", SIGHT),
)

_ABOVE: LiteralString = """
WITH RECURSIVE up(id) AS (
  SELECT %(start)s::uuid
  UNION SELECT r.to_contact_id FROM contact_link r JOIN up ON up.id = r.from_contact_id
        WHERE r.kind = 'REPORTS_TO' AND r.deleted_at IS NULL
) SELECT EXISTS (SELECT FROM up WHERE id = %(contact)s::uuid) /* sight */"""


def link_seen(viewer: Viewer) -> LiteralString:
    """Whether the viewer sees the link `r` as one of the person `contact`: SQL."""
    return SIGHT.visible(viewer) + FROM_CONTACT


PAST = Past(CONTACT, SIGHT.visible, names=NAMES)
LINK_PAST = Past(LINK, link_seen, names=NAMES, knows=notes)


async def account_of(
    session: Session, call: Call, contact: UUID, viewer: Viewer | None = None
) -> UUID | None:
    """The account of a person that the caller sees, or does as `viewer`; or None.

    The person is not deleted before the transaction ends.
    """
    row = await one(
        session,
        "SELECT r.account_id FROM contact r WHERE r.id = %(id)s::uuid AND r.deleted_at IS NULL AND "
        + SIGHT.visible(viewer or call.viewer)
        + " FOR KEY SHARE OF r",
        {"id": contact, "viewer": call.member_id},
    )
    return row[0] if row else None


async def lock_lines(session: Session) -> None:
    """Takes the one lock under which REPORTS_TO links change, until the transaction ends."""
    await session.execute("SELECT pg_advisory_xact_lock(7104, 0)")


async def is_above(session: Session, contact: UUID, start: UUID) -> bool:
    """Whether `contact` is `start` or anyone above `start` by REPORTS_TO."""
    row = await one(session, _ABOVE, {"contact": contact, "start": start})
    return bool(row and row[0])
