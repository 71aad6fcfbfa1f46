"""Every SELECT of maps of people and of what follows from them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, LiteralString
from uuid import UUID

from psycopg import sql
from psycopg.rows import TupleRow

from services.kit import past
from services.kit.access import may_edit
from services.kit.aggregates import Aggregate
from services.kit.calls import Call
from services.kit.clock import now
from services.kit.current import Shown
from services.kit.db import Session, literal, one
from services.kit.filters import IDENTIFIER, Filter, code, plain
from services.kit.grammar import Listing
from services.kit.identity import Viewer
from services.kit.past import Past
from services.kit.problems import NotFound
from services.kit.rows import STAMPS
from services.opportunities.policy import Influence, Policy, Stage, Stance, Status
from services.opportunities.sight import CONTACT_SIGHT, DEAL_SIGHT, NAMES, stances
from services.opportunities.stakeholders.tables import OpportunityStanding, Stakeholder

STAKEHOLDER = Aggregate(
    "stakeholder",
    "stakeholders",
    Stakeholder,
    (
        "id", "opportunity_id", "contact_id", "roles", "influence", "stance", "degree", "stance_reason", "stance_note",
        "changeable", "stance_confirmed_at", "version", *STAMPS,
    ),
)  # fmt: skip
STANDING = Aggregate(
    "opportunity_standing",
    "opportunity-standings",
    OpportunityStanding,
    (
        "id", "weight_total", "support", "opposition", "balance", "score", "foothold", "surface", "network", "rating",
        "probability", "warnings", "next_move", "valid_until", "version", *STAMPS,
    ),
)  # fmt: skip

# Whoever asks has been shown to know the deal's stances.
STAKEHOLDERS = Listing(
    aggregate=STAKEHOLDER,
    relation="stakeholder",
    sight=None,
    filters={
        "contact_id": Filter("r.contact_id", IDENTIFIER, selective=True),
        "influence": Filter("r.influence", code(Influence)),
        "stance": Filter("r.stance", code(Stance)),
    },
    sorts={"created_at": plain("r.created_at", "timestamptz")},
    default_sort="created_at",
    where="r.deleted_at IS NULL AND r.opportunity_id = %(deal)s::uuid /* sight */",
    small=True,
)


@dataclass(frozen=True)
class Mapped:
    """A deal with its map as it stands. `people` are rows of the map by contact, those taken off it among them;
    `purged` is the sum of the versions of those that are no longer there.

    `knows` says whether the caller may know who stands where, `may` whether the caller may change the deal, `known`
    which of the people asked for are known here and seen.
    """

    id: UUID
    partition_key: UUID
    account_id: UUID | None
    stage: Stage
    status: Status
    stage_entered_at: datetime | None
    stage_entered_on: date | None
    closed_at: datetime | None
    closed_on: date | None
    moves: Sequence[Mapping[str, Any]]
    knows: bool
    may: bool
    known: frozenset[UUID]
    people: Mapping[UUID, Mapping[str, Any]]
    purged: int
    links: Sequence[tuple[str, str, datetime | None]]
    standing: Mapping[str, Any] | None

    @property
    def version(self) -> int:
        """The version of the map as a set: each change of a person on it adds one, and nothing takes any away."""
        return self.purged + sum(row["version"] for row in self.people.values())

    @property
    def living(self) -> Mapping[UUID, Mapping[str, Any]]:
        """The rows of those who are on the map, by contact."""
        return {contact: row for contact, row in self.people.items() if row["deleted_at"] is None}


_COLUMNS: LiteralString = """r.id, r.partition_key, r.account_id, r.stage, r.status, r.stage_entered_at,
  r.stage_entered_on, r.closed_at, r.closed_on"""

# The map is read above the subquery, so after the lock: see the function.
_LOCKED: LiteralString = (
    "SELECT "
    + _COLUMNS
    + """, r.moves, r.knows, r.may, r.known,
       deal_map(r.id, %(contacts)s::uuid[], %(since)s::timestamptz) /* sight */
FROM (
  SELECT r.*, {knows} AS knows, {may} AS may, ARRAY(
    SELECT r.id FROM contact r WHERE r.id = ANY (%(contacts)s::uuid[]) AND r.deleted_at IS NULL AND {known}
  ) AS known
  FROM opportunity r
  WHERE r.id = %(id)s::uuid AND r.deleted_at IS NULL AND {sight} AND {held}
  FOR NO KEY UPDATE OF r
) r"""
)
_UNLOCKED: LiteralString = (
    "SELECT "
    + _COLUMNS
    + """, '[]'::jsonb, {knows}, false, '{}'::uuid[], deal_map(r.id, '{}', %(since)s::timestamptz)
FROM opportunity r WHERE r.id = %(id)s::uuid AND r.deleted_at IS NULL AND {sight}"""
)
_MANY: LiteralString = (
    "SELECT "
    + _COLUMNS
    + """, '[]'::jsonb, true, true, '{}'::uuid[], deal_map(r.id, '{}', %(since)s::timestamptz) /* sight */
FROM (
  SELECT r.* FROM opportunity r
  WHERE r.id = ANY (%(ids)s::uuid[]) AND (r.status = 'OPEN' OR %(closed)s::boolean) AND r.deleted_at IS NULL
  ORDER BY r.id FOR NO KEY UPDATE OF r
) r ORDER BY r.id"""
)

# Whoever puts people on maps shares these locks, whoever learns of links between people has them alone. So of a person
# and a link that appear at the same moment, the later of the two hands sees the other's.
_BUCKETS: LiteralString = """(
    SELECT count({lock}(7106, b.bucket)) >= 0 FROM (
      SELECT DISTINCT hashtext(c.id::text) & 1023 AS bucket FROM unnest(%(contacts)s::uuid[]) c(id) ORDER BY bucket
    ) b
  )"""


async def lock_deal(
    session: Session, call: Call, id: UUID, policy: Policy, contacts: Collection[UUID] = ()
) -> Mapped:
    """The deal, locked until the transaction ends, with its map. One statement. Raises NotFound.

    `contacts` are those who may be put on the map.
    """
    statement = _LOCKED.replace("{sight}", DEAL_SIGHT.visible(call.viewer))
    statement = statement.replace("{knows}", stances(call.viewer))
    statement = statement.replace("{may}", may_edit(call.viewer, "r.owner_id", DEAL_SIGHT))
    statement = statement.replace("{known}", CONTACT_SIGHT.visible(call.viewer))
    held: LiteralString = _BUCKETS.replace("{lock}", "pg_advisory_xact_lock_shared") if contacts else "true"
    given = {"contacts": list(contacts), "viewer": call.member_id, "since": _since(policy)}
    row = await one(session, statement.replace("{held}", held), given | {"id": id})
    return _found(row)


async def read_deal(session: Session, call: Call, id: UUID, policy: Policy) -> Mapped:
    """The deal with its map, for reading alone. One statement. Raises NotFound."""
    statement = _UNLOCKED.replace("{sight}", DEAL_SIGHT.visible(call.viewer))
    statement = statement.replace("{knows}", stances(call.viewer))
    given = {"id": id, "viewer": call.member_id, "since": _since(policy)}
    return _found(await one(session, statement, given))


async def lock_open_deals(session: Session, ids: Collection[UUID], policy: Policy) -> list[Mapped]:
    """Those of the deals that are open, locked in the order of their ids, with their maps. One statement."""
    return await _many(session, ids, policy, closed=False)


async def lock_deals(session: Session, ids: Collection[UUID], policy: Policy) -> list[Mapped]:
    """The deals, closed ones among them, locked in the order of their ids, with their maps. One statement."""
    return await _many(session, ids, policy, closed=True)


async def _many(session: Session, ids: Collection[UUID], policy: Policy, *, closed: bool) -> list[Mapped]:
    given = {"ids": list(ids), "since": _since(policy), "closed": closed}
    cursor = await session.execute(_MANY, given)
    return [_mapped(row) for row in await cursor.fetchall()]


async def lock_links(session: Session, contacts: Collection[UUID]) -> None:
    """Keeps these people from being put on maps elsewhere until the transaction ends."""
    locked: LiteralString = "SELECT " + _BUCKETS.replace("{lock}", "pg_advisory_xact_lock")
    await session.execute(locked, {"contacts": list(contacts)})


async def hold_map(session: Session, deal: UUID) -> None:
    """Keeps links between people of the deal's map from being learnt elsewhere until the transaction ends."""
    await session.execute(_MAP_HELD, {"deal": deal})


_MAP_HELD: LiteralString = """
SELECT count(pg_advisory_xact_lock_shared(7106, b.bucket)) FROM (
  SELECT DISTINCT hashtext(s.contact_id::text) & 1023 AS bucket FROM stakeholder s
  WHERE s.opportunity_id = %(deal)s::uuid ORDER BY bucket
) b /* sight */"""


async def deals_linked(session: Session, groups: Collection[Collection[UUID]]) -> set[UUID]:
    """The open deals that have two or more of the people of one of the groups on their map."""
    numbered = [(number, contact) for number, group in enumerate(groups) for contact in set(group)]
    cursor = await session.execute(
        _LINKED, {"groups": [n for n, _ in numbered], "contacts": [contact for _, contact in numbered]}
    )
    return {row[0] for row in await cursor.fetchall()}


_LINKED: LiteralString = """
SELECT DISTINCT s.opportunity_id
FROM unnest(%(groups)s::int[], %(contacts)s::uuid[]) AS g(number, contact_id)
JOIN stakeholder s ON s.contact_id = g.contact_id AND s.deleted_at IS NULL
JOIN opportunity o ON o.id = s.opportunity_id AND o.status = 'OPEN' AND o.deleted_at IS NULL
GROUP BY g.number, s.opportunity_id HAVING count(*) > 1 /* sight */"""


async def meetings_known(session: Session, ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Who took part in those of the activities that are kept as meetings of several people."""
    cursor = await session.execute(
        "SELECT id, contact_ids FROM joint_activity WHERE id = ANY (%(ids)s::uuid[]) AND deleted_at IS NULL",
        {"ids": list(ids)},
    )
    return {row[0]: row[1] for row in await cursor.fetchall()}


async def forget_meetings(session: Session, versions: Mapping[UUID, int]) -> None:
    """Marks those of the activities that are kept as no longer meetings of several people, as of these versions."""
    await session.execute(
        """
UPDATE joint_activity j SET version = t.version, deleted_at = now()
FROM unnest(%(ids)s::uuid[], %(versions)s::int[]) AS t(id, version)
WHERE j.id = t.id AND j.version <= t.version""",
        {"ids": list(versions), "versions": list(versions.values())},
    )


async def deals_due(session: Session, at: datetime, limit: int) -> list[UUID]:
    """The open deals whose standing time alone has changed by then, the longest overdue first."""
    cursor = await session.execute(
        """
SELECT s.id FROM opportunity_standing s JOIN opportunity o ON o.id = s.id AND o.status = 'OPEN'
WHERE s.valid_until <= %(at)s AND o.deleted_at IS NULL ORDER BY s.valid_until LIMIT %(limit)s /* sight */""",
        {"at": at, "limit": limit},
    )
    return [row[0] for row in await cursor.fetchall()]


async def map_version(session: Session, call: Call, id: UUID) -> int:
    """The version of the deal's map as a set. Raises NotFound also where the caller may not know stances."""
    statement: LiteralString = _VERSION.replace("{knows}", stances(call.viewer))
    row = await one(session, statement, {"id": id, "viewer": call.member_id})
    if row is None:
        raise NotFound("opportunity")
    return int(row[0])


_VERSION: LiteralString = """
SELECT (SELECT coalesce(sum(s.version), 0) FROM stakeholder s WHERE s.opportunity_id = r.id)
     + coalesce((SELECT p.version FROM map_purged p WHERE p.opportunity_id = r.id), 0)
FROM opportunity r WHERE r.id = %(id)s::uuid AND r.deleted_at IS NULL AND {knows}"""


_ON_MAP: LiteralString = "r.opportunity_id = %(id)s::uuid AND r.contact_id = %(contact)s::uuid"
_PERSON = sql.SQL(
    "SELECT r.id, r.version, {json}::text FROM stakeholder r WHERE {row} AND r.deleted_at IS NULL AND {knows}"
)
_PEOPLE = sql.SQL("""
SELECT coalesce(json_agg({json} ORDER BY r.created_at, r.id), '[]')::text FROM stakeholder r
WHERE r.opportunity_id = %(id)s::uuid AND r.deleted_at IS NULL /* sight */""")


def _known(viewer: Viewer) -> LiteralString:
    """Whether the viewer may know who stands where on the deal `id`: SQL."""
    return (
        "EXISTS (SELECT FROM opportunity r WHERE r.id = %(id)s::uuid AND r.deleted_at IS NULL AND "
        + stances(viewer)
        + ")"
    )


PAST = Past(STAKEHOLDER, _known, _ON_MAP, names=NAMES)


@lru_cache
def _person(knows: LiteralString) -> LiteralString:
    return literal(_PERSON.format(json=STAKEHOLDER.json(), row=sql.SQL(_ON_MAP), knows=sql.SQL(knows)))


@lru_cache
def _people() -> LiteralString:
    return literal(_PEOPLE.format(json=STAKEHOLDER.json()))


async def person(
    session: Session, call: Call, deal: UUID, contact: UUID, as_of: datetime | None = None
) -> Shown:
    """The person on the deal's map, now or as of an instant.

    Raises NotFound also where the caller may not know stances, and what `past.at` does.
    """
    given = {"id": deal, "contact": contact}
    if as_of is not None:
        return await past.at(session, PAST, as_of, call.viewer, given)
    row = await one(session, _person(_known(call.viewer)), {**given, "viewer": call.member_id})
    if row is None:
        raise NotFound("stakeholder")
    return Shown(row[0], row[1], row[2])


async def people(session: Session, deal: UUID) -> str:
    """Everybody on the map, as a list page's JSON text; whoever asks has been shown to know the deal's stances."""
    row = await one(session, _people(), {"id": deal})
    assert row is not None
    return f'{{"items":{row[0]},"next_cursor":null}}'


def _since(policy: Policy) -> datetime:
    """Before this no meeting counts, whatever the day is in the organisation's time zone."""
    return now() - timedelta(days=policy.network_days + 2)


def _found(row: TupleRow | None) -> Mapped:
    if row is None:
        raise NotFound("opportunity")
    return _mapped(row)


def _mapped(row: TupleRow) -> Mapped:
    *told, knows, may, known, found = row
    return Mapped(
        id=told[0],
        partition_key=told[1],
        account_id=told[2],
        stage=Stage(told[3]),
        status=Status(told[4]),
        stage_entered_at=told[5],
        stage_entered_on=told[6],
        closed_at=told[7],
        closed_on=told[8],
        moves=told[9],
        knows=knows,
        may=may,
        known=frozenset(known),
        people={UUID(person["contact_id"]): person for person in found["people"]},
        purged=found["purged"],
        links=[(one, other, at and datetime.fromisoformat(at)) for one, other, at in found["links"]],
        standing=found["standing"],
    )
