"""What a delete means here: the table of what hangs on members, accounts, people and links."""

from datetime import datetime
from functools import lru_cache
from typing import Final, LiteralString, NamedTuple
from uuid import UUID

from psycopg import sql

from services.contacts.accounts.queries import ACCOUNT
from services.contacts.accounts.queries import SIGHT as ACCOUNT_SIGHT
from services.contacts.members.queries import MEMBER
from services.contacts.people.queries import CONTACT, LINK
from services.contacts.people.queries import SIGHT as CONTACT_SIGHT
from services.contacts.standings.queries import STANDING
from services.kit.access import Sight, as_teammate
from services.kit.calls import Call
from services.kit.db import Session, literal, one
from services.kit.dependants import Deletable, Dependant, Meaning, Need
from services.kit.mentions import FreeText, mentions
from services.kit.problems import NotFound

_DEAL_SIGHT = Sight(account="r.account_id", owner="r.owner_id")
_ENDS_LIVE: LiteralString = """2 = (SELECT count(*) FROM (
    SELECT FROM contact c WHERE c.id IN (r.from_contact_id, r.to_contact_id) AND c.deleted_at IS NULL
    ORDER BY c.id FOR KEY SHARE) ends)"""
# An array, so that the indexes of both ends are asked, for one account and for each that is purged.
_AT_ACCOUNT: LiteralString = "ANY (ARRAY(SELECT c.id FROM contact c WHERE c.account_id = {root}))"
_HISTORY: LiteralString = "keep the id; what was done stays what it was"
_HAND_OVER: LiteralString = "Or set the member inactive (`active: false`), which keeps everything."

MEMBERS: Final = Deletable(
    MEMBER,
    (
        Dependant(
            "members",
            Meaning.REFUSE,
            "report to this member: give them another manager first. " + _HAND_OVER,
            "member",
            "r.manager_id = {root}",
        ),
        Dependant(
            "accounts",
            Meaning.REFUSE,
            "have this member as owner or on the team: hand them over first. " + _HAND_OVER,
            "account",
            "r.id IN (SELECT s.account_id FROM account_seat s"
            " WHERE s.member_id = {root} AND s.source IN ('OWNER', 'TEAM'))",
            sight=ACCOUNT_SIGHT,
        ),
        Dependant(
            "opportunities",
            Meaning.REFUSE,
            "are open and this member's: hand them over first. " + _HAND_OVER,
            "opportunity",
            "r.owner_id = {root} AND r.status = 'OPEN'",
            sight=_DEAL_SIGHT,
        ),
        Dependant("activities", Meaning.STAY, _HISTORY),
        Dependant("time-logs", Meaning.STAY, _HISTORY),
    ),
    (
        Need(
            "manager_deleted",
            "r.manager_id IS NULL OR EXISTS ("
            "SELECT FROM member m WHERE m.id = r.manager_id AND m.deleted_at IS NULL FOR KEY SHARE)",
            "The member's manager is deleted; restore the manager first.",
        ),
    ),
)
ACCOUNTS: Final = Deletable(
    ACCOUNT,
    (
        Dependant(
            "opportunities",
            Meaning.REFUSE,
            "are open here: close them or move them to another account first",
            "opportunity",
            "r.account_id = {root} AND r.status = 'OPEN'",
            sight=_DEAL_SIGHT,
        ),
        Dependant(
            "accounts",
            Meaning.REFUSE,
            "have this account as their parent: give them another first",
            "account",
            "r.parent_account_id = {root}",
            sight=ACCOUNT_SIGHT,
        ),
        Dependant(
            "account-standings", Meaning.FOLLOW, "go along", "account_standing", "r.id = {root}", STANDING
        ),
        Dependant("contacts", Meaning.FOLLOW, "go along", "contact", "r.account_id = {root}", CONTACT),
        Dependant(
            "contact-links",
            Meaning.FOLLOW,
            "go along; a link comes back when both its ends are there",
            "contact_link",
            f"r.from_contact_id = {_AT_ACCOUNT} OR r.to_contact_id = {_AT_ACCOUNT}",
            LINK,
            whole=_ENDS_LIVE,
        ),
        Dependant("opportunities that are closed", Meaning.HIDE, "come back with the account"),
        Dependant("activities", Meaning.HIDE, "come back with the account"),
        Dependant("time-logs", Meaning.STAY, "remain their members' hours"),
    ),
    (
        Need(
            "parent_deleted",
            "r.parent_account_id IS NULL OR EXISTS ("
            "SELECT FROM account a WHERE a.id = r.parent_account_id AND a.deleted_at IS NULL FOR KEY SHARE)",
            "The parent account is deleted; restore it first.",
        ),
        Need(
            "owner_deleted",
            "r.owner_id IS NULL OR EXISTS ("
            "SELECT FROM member m WHERE m.id = r.owner_id AND m.deleted_at IS NULL FOR KEY SHARE)",
            "The account's owner is deleted; restore the member first.",
        ),
    ),
)
CONTACTS: Final = Deletable(
    CONTACT,
    (
        Dependant(
            "contact-links",
            Meaning.FOLLOW,
            "go along; a link comes back when both its ends are there",
            "contact_link",
            "r.from_contact_id = {root} OR r.to_contact_id = {root}",
            LINK,
            whole=_ENDS_LIVE,
        ),
        Dependant("stakeholders", Meaning.STAY, "stay on the maps of deals by id: take the person off there"),
        Dependant("activities", Meaning.STAY, _HISTORY),
    ),
    (
        Need(
            "account_deleted",
            "EXISTS (SELECT FROM account a WHERE a.id = r.account_id AND a.deleted_at IS NULL FOR KEY SHARE)",
            "The person's account is deleted; restore it first, and its people come back with it.",
        ),
        Need("erased", "r.erased_at IS NULL", "This person was erased; nothing is left to restore."),
    ),
    blank={
        "name": "",
        "title": None,
        "department": "OTHER",
        "level": "BASE",
        "phones": [],
        "emails": [],
        "tenure_end_on": None,
        "real_influence": None,
        "public_official": False,
        "preferred_channel": None,
        "do_not_contact": True,
        "external_ids": {},
    },
)
LINKS: Final = Deletable(
    LINK,
    blank={"note": None},
    needs=(
        Need("contact_deleted", _ENDS_LIVE, "One of the two people is deleted; restore the person first."),
        Need(
            "linked",
            """NOT EXISTS (SELECT FROM contact_link l WHERE l.from_contact_id = r.from_contact_id
    AND l.to_contact_id = r.to_contact_id AND l.kind = r.kind AND l.deleted_at IS NULL)""",
            "The two are linked in the same way again already.",
        ),
    ),
)

DELETABLES: Final = (LINKS, CONTACTS, Deletable(STANDING), ACCOUNTS, MEMBERS)
"""What is purged, each before what it hangs on."""

# A restored line that closes a circle leaves from a restored person; a link is kept under that person's account.
_CIRCLE: LiteralString = """
WITH RECURSIVE up(start, at) AS (
  SELECT r.from_contact_id, r.to_contact_id FROM contact_link r
  WHERE r.kind = 'REPORTS_TO' AND r.deleted_at IS NULL AND %(id)s::uuid IN (r.id, r.from_contact_id, r.account_id)
  UNION SELECT up.start, r.to_contact_id FROM contact_link r JOIN up ON up.at = r.from_contact_id
        WHERE r.kind = 'REPORTS_TO' AND r.deleted_at IS NULL AND up.at <> up.start
) SELECT EXISTS (SELECT FROM up WHERE start = at) /* sight */"""


async def is_circular(session: Session, id: UUID) -> bool:
    """Whether a line of reporting runs in a circle through the link or person of that id, or the account's people."""
    row = await one(session, _CIRCLE, {"id": id})
    return bool(row and row[0])


TEXTS: Final = (
    FreeText(
        "accounts",
        "account",
        "r.id = c.account_id",
        ("name", "industry", "region", "office_location", "website"),
    ),
    FreeText("contacts", "contact", "r.account_id = c.account_id", ("title",), own="ARRAY[r.id]"),
    FreeText(
        "contact-links",
        "contact_link",
        "r.account_id = c.account_id",
        ("note",),
        own="ARRAY[r.from_contact_id, r.to_contact_id]",
    ),
)
# What the person `r` is and was ever called. The journal's oldest months may be gone: what a name was changed from
# is then told by the change alone.
_NAMES: LiteralString = """ARRAY(
    SELECT said.name FROM (
      SELECT r.name UNION SELECT unnest(ARRAY[j.state ->> 'name', j.changed -> 'name' ->> 'from'])
      FROM journal j WHERE j.aggregate_id = r.id) said(name)
    WHERE said.name <> '')"""
_HELD: LiteralString = f"""
SELECT r.account_id, r.erased_at, r.external_ids, {_NAMES},
  ARRAY(SELECT DISTINCT said.word FROM journal j, LATERAL (
    SELECT jsonb_array_elements_text((j.state -> 'phones') || (j.state -> 'emails'))
    UNION ALL SELECT e.value FROM jsonb_each_text(j.state -> 'external_ids') e) said(word)
    WHERE j.aggregate_id = r.id AND said.word IS NOT NULL),
  EXISTS (SELECT FROM journal j WHERE j.aggregate_id = r.id AND j.version = 1)
FROM contact r WHERE r.id = %(id)s::uuid FOR UPDATE /* sight */"""


class Person(NamedTuple):
    """A person who is to be erased, or was, and what would know them again: what they are and were ever called.

    `from_start`: the journal reaches back to when they were made, so these are all of their names.
    """

    account_id: UUID
    erased_at: datetime | None
    external_ids: dict[str, str]
    names: list[str]
    numbers: list[str]
    from_start: bool


async def hold_person(session: Session, id: UUID) -> Person:
    """The person, deleted or not, locked until the transaction ends. Raises NotFound."""
    row = await one(session, _HELD, {"id": id})
    if row is None:
        raise NotFound("contact")
    return Person(*row)


async def links_of(session: Session, contact: UUID) -> list[UUID]:
    """The links of the person to others and of others to the person, deleted ones included; locked."""
    cursor = await session.execute(
        "SELECT r.id FROM contact_link r WHERE %(id)s::uuid IN (r.from_contact_id, r.to_contact_id)"
        " ORDER BY r.id FOR UPDATE /* sight */",
        {"id": contact},
    )
    return [row[0] for row in await cursor.fetchall()]


# OFFSET, so that the names are gathered once and not for each text.
_ABOUT = sql.SQL("""
SELECT json_build_object(
  'contact', {contact},
  'links', (
    SELECT coalesce(json_agg({link} ORDER BY r.id), '[]') FROM contact_link r
    WHERE c.id IN (r.from_contact_id, r.to_contact_id)),
  'journal_entries', (
    SELECT count(*) FROM journal j WHERE j.aggregate_id = ANY (ARRAY(
      SELECT c.id UNION SELECT l.id FROM contact_link l WHERE c.id IN (l.from_contact_id, l.to_contact_id)))),
  'mentions_in_contacts', {mentions})::text
FROM contact r, LATERAL (SELECT r.id, r.account_id, {names} AS names OFFSET 0) c
WHERE r.id = %(id)s::uuid AND r.erased_at IS NULL AND {sight}""")


@lru_cache
def _about(sight: LiteralString) -> LiteralString:
    text = _ABOUT.format(
        contact=CONTACT.json(),
        link=LINK.json(),
        mentions=mentions(TEXTS),
        names=sql.SQL(_NAMES),
        sight=sql.SQL(sight),
    )
    return literal(text)


async def about(session: Session, call: Call, id: UUID) -> str:
    """What is held about the person, deleted or not, for those who may know stances, as JSON text. Raises NotFound."""
    row = await one(
        session, _about(CONTACT_SIGHT.visible(as_teammate(call.viewer))), {"id": id, "viewer": call.member_id}
    )
    if row is None:
        raise NotFound("contact")
    return str(row[0])
