"""Sight is kept by triggers: whatever happens in whatever order, it is what a computation from nothing gives."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from services.kit.access import (
    Sight,
    may_edit,
    may_hand_over,
    require_admin,
    require_entrusted,
    require_scope,
    require_writer,
    scope_of,
)
from services.kit.identity import Viewer
from services.kit.problems import Forbidden
from tests.kit.library import prepare
from tests.servers import Databases

Connection = psycopg.Connection[TupleRow]

MEMBERS = [UUID(int=0xA0 + n) for n in range(7)]
ACCOUNTS = [UUID(int=0xB0 + n) for n in range(4)]
DEALS = [UUID(int=0xC0 + n) for n in range(4)]

UPSERT_MEMBERS = """
INSERT INTO member (id, version, partition_key, created_at, created_by, updated_at, updated_by, name, manager_id)
SELECT id, 1, id, now(), 'x', now(), 'x', 'x', manager_id FROM jsonb_to_recordset(%s) AS r(id uuid, manager_id uuid)
ON CONFLICT (id) DO UPDATE SET manager_id = excluded.manager_id"""
UPSERT_ACCOUNTS = """
INSERT INTO account (id, version, partition_key, created_at, created_by, updated_at, updated_by, owner_id,
  team, deleted_at)
SELECT id, 1, id, now(), 'x', now(), 'x', owner_id, team, CASE WHEN gone THEN now() END
FROM jsonb_to_recordset(%s) AS r(id uuid, owner_id uuid, team jsonb, gone boolean)
ON CONFLICT (id) DO UPDATE SET owner_id = excluded.owner_id, team = excluded.team, deleted_at = excluded.deleted_at"""
UPSERT_DEALS = """
INSERT INTO opportunity (id, version, account_id, owner_id, status, deleted_at)
SELECT id, 1, account_id, owner_id, status, CASE WHEN gone THEN now() END
FROM jsonb_to_recordset(%s) AS r(id uuid, account_id uuid, owner_id uuid, status text, gone boolean)
ON CONFLICT (id) DO UPDATE SET account_id = excluded.account_id, owner_id = excluded.owner_id,
  status = excluded.status, deleted_at = excluded.deleted_at"""


@dataclass(frozen=True)
class Step:
    """One statement: rows of one table as they are from now on."""

    statement: str
    rows: tuple[tuple[tuple[str, Any], ...], ...]

    def take(self, connection: Connection) -> None:
        rows = [dict(row) for row in self.rows]
        connection.execute(self.statement.encode(), [Jsonb(rows, dumps=_dumps)])


def _dumps(value: Any) -> str:
    return json.dumps(value, default=str)


def step(statement: str, rows: Sequence[Mapping[str, Any]]) -> Step:
    found = {row["id"]: tuple(row.items()) for row in rows}
    return Step(statement, tuple(found.values()))


someone = st.sampled_from(MEMBERS)
perhaps = st.one_of(st.none(), someone)
moves = st.lists(st.fixed_dictionaries({"id": someone, "manager_id": perhaps}), min_size=1, max_size=4).map(
    lambda rows: step(UPSERT_MEMBERS, rows)
)
handovers = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.sampled_from(ACCOUNTS),
            "owner_id": perhaps,
            "team": st.lists(someone, max_size=3)
            .map(lambda team: tuple({"member_id": str(m), "function": "SALES"} for m in team))
            .map(list),
            "gone": st.sampled_from([False, False, False, True]),
        }
    ),
    min_size=1,
    max_size=3,
).map(
    lambda rows: step(
        UPSERT_ACCOUNTS, [row | {"team": _Team(cast("list[dict[str, str]]", row["team"]))} for row in rows]
    )
)
deals = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.sampled_from(DEALS),
            "account_id": st.one_of(st.none(), st.sampled_from(ACCOUNTS)),
            "owner_id": perhaps,
            "status": st.sampled_from(["OPEN", "OPEN", "WON", "LOST"]),
            "gone": st.sampled_from([False, False, False, True]),
        }
    ),
    min_size=1,
    max_size=3,
).map(lambda rows: step(UPSERT_DEALS, rows))
steps = st.one_of(moves, moves, handovers, deals)


class _Team(list[dict[str, str]]):
    """A list that can stand in a frozen step."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(str(self))


def up(connection: Connection) -> set[tuple[UUID, UUID]]:
    """Who is above whom, computed from nothing: everybody is above themselves; loops end where they close."""
    managers: dict[UUID, UUID | None] = dict(
        connection.execute("SELECT id, manager_id FROM member").fetchall()
    )
    found: set[tuple[UUID, UUID]] = set()
    for member in managers:
        above: UUID | None = member
        while above is not None and (above, member) not in found:
            found.add((above, member))
            above = managers.get(above)
    return found


def seats(connection: Connection) -> set[tuple[UUID, UUID, str, UUID]]:
    """Who has a place at which account, and for what."""
    found: set[tuple[UUID, UUID, str, UUID]] = set()
    for id, owner, team in connection.execute(
        "SELECT id, owner_id, team FROM account WHERE deleted_at IS NULL"
    ):
        found |= {(id, owner, "OWNER", id)} if owner else set()
        found |= {(id, UUID(seat["member_id"]), "TEAM", id) for seat in team}
    open_deals = (
        "SELECT id, account_id, owner_id FROM opportunity WHERE status = 'OPEN' AND deleted_at IS NULL"
    )
    for id, account, owner in connection.execute(open_deals):
        found |= {(account, owner, "DEAL", id)} if account and owner else set()
    return found


def assert_sight(connection: Connection) -> None:
    """What the triggers have kept is what a computation from nothing gives."""
    lines, places = up(connection), seats(connection)
    assert set(connection.execute("SELECT viewer_id, member_id FROM person_up").fetchall()) == lines
    kept = connection.execute("SELECT account_id, member_id, source, source_id FROM account_seat").fetchall()
    assert set(kept) == places
    above: dict[UUID, set[UUID]] = {}
    for viewer, member in lines:
        above.setdefault(member, set()).add(viewer)
    views = {(viewer, account) for account, member, *_ in places for viewer in above.get(member, ())}
    assert set(connection.execute("SELECT viewer_id, account_id FROM account_view").fetchall()) == views


def clear(connection: Connection) -> None:
    connection.execute("TRUNCATE member, account, opportunity, person_up, account_seat, account_view")


@pytest.fixture(scope="module")
def address(databases: Databases) -> str:
    return databases.create("sight", prepare)


@pytest.fixture
def connection(address: str) -> Iterator[Connection]:
    with psycopg.connect(address, autocommit=True) as opened:
        clear(opened)
        yield opened


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(steps, min_size=1, max_size=15))
def test_sight_is_what_it_would_be_computed_afresh(connection: Connection, taken: list[Step]) -> None:
    clear(connection)
    for one in taken:
        one.take(connection)
        assert_sight(connection)


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(steps, min_size=2, max_size=10))
def test_sight_holds_within_one_transaction(connection: Connection, taken: list[Step]) -> None:
    clear(connection)
    with connection.transaction():
        for one in taken:
            one.take(connection)
        assert_sight(connection)
    assert_sight(connection)


def _work(address: str, seed: int, chances: Sequence[Step]) -> int:
    """A session that takes steps at random, one to three a transaction, again where others stand in its way."""
    chance, refused = random.Random(seed), 0  # noqa: S311
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("SET deadlock_timeout = '20ms'")
        for _ in range(25):
            taken = chance.choices(chances, k=chance.randint(1, 3))
            while True:
                try:
                    with connection.transaction():
                        for one in taken:
                            one.take(connection)
                    break
                except psycopg.errors.DeadlockDetected:
                    refused += 1
    return refused


@pytest.mark.parametrize("seed", range(2))
def test_sight_holds_when_many_change_it_at_once(connection: Connection, address: str, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    chances = [_random_step(chance) for _ in range(60)]
    with ThreadPoolExecutor(5) as pool:
        works = [pool.submit(_work, address, seed * 100 + n, chances) for n in range(5)]
        for work in works:
            work.result()
    assert_sight(connection)


def _random_step(chance: random.Random) -> Step:
    def perhaps(ids: list[UUID]) -> UUID | None:
        return chance.choice([None, *ids])

    match chance.choice("mmad"):
        case "m":
            ids = chance.sample(MEMBERS, k=chance.randint(1, 3))
            return step(UPSERT_MEMBERS, [{"id": id, "manager_id": perhaps(MEMBERS)} for id in ids])
        case "a":
            team = _Team([{"member_id": str(chance.choice(MEMBERS))}])
            ids = chance.sample(ACCOUNTS, k=chance.randint(1, 2))
            rows = [
                {"id": id, "owner_id": perhaps(MEMBERS), "team": team, "gone": chance.random() < 0.2}
                for id in ids
            ]
            return step(UPSERT_ACCOUNTS, rows)
        case _:
            ids = chance.sample(DEALS, k=chance.randint(1, 2))
            rows = [
                {"id": id, "account_id": perhaps(ACCOUNTS), "owner_id": perhaps(MEMBERS), "gone": False,
                 "status": chance.choice(["OPEN", "WON"])}
                for id in ids
            ]  # fmt: skip
            return step(UPSERT_DEALS, rows)


def test_managers_may_come_after_their_people(connection: Connection) -> None:
    seller, manager, head = MEMBERS[:3]
    seated(seller).take(connection)
    for row in ({"id": seller, "manager_id": manager}, {"id": manager, "manager_id": head}, {"id": head}):
        step(UPSERT_MEMBERS, [{"manager_id": None} | row]).take(connection)
        assert_sight(connection)
    assert (head, seller) in up(connection)


def test_a_line_that_loops_ends(connection: Connection) -> None:
    connection.execute("SET statement_timeout = '5s'")
    ring = [{"id": id, "manager_id": MEMBERS[(n + 1) % len(MEMBERS)]} for n, id in enumerate(MEMBERS)]
    for row in ring:
        step(UPSERT_MEMBERS, [row]).take(connection)
    assert len(up(connection)) == len(MEMBERS) ** 2
    assert_sight(connection)
    step(UPSERT_MEMBERS, [{"id": MEMBERS[0], "manager_id": None}]).take(connection)
    assert_sight(connection)
    step(UPSERT_MEMBERS, [{"id": MEMBERS[0], "manager_id": MEMBERS[0]}]).take(connection)
    assert_sight(connection)


SELLER, MANAGER, HEAD, OTHER = MEMBERS[:4]
DESK = ACCOUNTS[0]


def moved(*pairs: tuple[UUID, UUID | None]) -> Step:
    return step(UPSERT_MEMBERS, [{"id": id, "manager_id": above} for id, above in pairs])


def seated(owner: UUID | None, *team: UUID) -> Step:
    named = _Team([{"member_id": str(id)} for id in team])
    return step(UPSERT_ACCOUNTS, [{"id": DESK, "owner_id": owner, "team": named, "gone": False}])


def sold_by(owner: UUID, status: str = "OPEN") -> Step:
    row = {"id": DEALS[0], "account_id": DESK, "owner_id": owner, "status": status, "gone": False}
    return step(UPSERT_DEALS, [row])


@pytest.mark.parametrize(
    ("before", "first", "second"),
    [
        pytest.param([seated(SELLER)], sold_by(OTHER), seated(None), id="one comes while another goes"),
        pytest.param([sold_by(OTHER)], seated(SELLER), sold_by(OTHER, "WON"), id="one comes, a deal closes"),
        pytest.param([], seated(SELLER), moved((SELLER, MANAGER)), id="a seat is taken, its member moves"),
        pytest.param([], moved((SELLER, MANAGER)), seated(SELLER), id="a member moves, takes a seat"),
        pytest.param([seated(SELLER)], seated(None), moved((SELLER, MANAGER)), id="a seat is left, its member moves"),
        pytest.param([seated(SELLER)], moved((SELLER, MANAGER)), seated(None), id="a member moves, leaves a seat"),
        pytest.param([seated(SELLER)], moved((SELLER, MANAGER)), moved((MANAGER, HEAD)), id="two moves in one line"),
        pytest.param([seated(SELLER), moved((SELLER, MANAGER))], moved((SELLER, None)), moved((MANAGER, HEAD)),
                     id="one leaves the line, the line grows"),
    ],
)  # fmt: skip
def test_hands_that_meet_wait_for_each_other(
    connection: Connection, address: str, before: list[Step], first: Step, second: Step
) -> None:
    people = moved((SELLER, None), (MANAGER, None), (HEAD, None), (OTHER, MANAGER))
    for one in [people, *before]:
        one.take(connection)
    with psycopg.connect(address) as one, psycopg.connect(address) as other, ThreadPoolExecutor(1) as pool:
        first.take(one)
        running = pool.submit(second.take, other)
        waited = _waits(connection, other.info.backend_pid, running)
        one.commit()
        running.result()
        other.commit()
    assert waited
    assert_sight(connection)


def _waits(connection: Connection, pid: int, running: Future[None]) -> bool:
    query = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
    while not running.done():
        if connection.execute(query, [pid]).fetchone() == (True,):
            return True
    return False


def test_two_who_take_seats_do_not_wait(connection: Connection, address: str) -> None:
    moved((SELLER, MANAGER), (OTHER, MANAGER)).take(connection)
    with psycopg.connect(address) as one, psycopg.connect(address) as other:
        other.execute("SET lock_timeout = '1s'")
        seated(SELLER).take(one)
        step(UPSERT_ACCOUNTS, [{"id": ACCOUNTS[1], "owner_id": OTHER, "team": _Team(), "gone": False}]).take(
            other
        )
        one.commit()
        other.commit()
    assert_sight(connection)


def test_a_lost_trigger_would_be_noticed(connection: Connection) -> None:
    connection.execute("ALTER TABLE member DISABLE TRIGGER members_changed")
    try:
        moved((SELLER, None), (MANAGER, None)).take(connection)
        moved((SELLER, MANAGER)).take(connection)
        with pytest.raises(AssertionError):
            assert_sight(connection)
    finally:
        connection.execute("ALTER TABLE member ENABLE TRIGGER members_changed")


# What the predicates say

MINE, HIS, FREE = (UUID(int=0xD0 + n) for n in range(3))
BOTH = Sight(account="r.account_id", owner="r.owner_id")
ACCOUNT = Sight(account="r.account_id")
OWNER = Sight(owner="r.owner_id")
PRIVATE = Sight(owner="r.owner_id", private=True)


def viewer(*roles: str, member: UUID | None = SELLER) -> Viewer:
    return Viewer("x", "https://issuer.test", None, frozenset(roles), frozenset(), member)


@pytest.fixture
def books(connection: Connection) -> Connection:
    """MINE is at the seller's account, HIS is the other's own, FREE is nobody's; the manager is above the seller."""
    connection.execute("TRUNCATE book")
    moved((SELLER, MANAGER), (MANAGER, None), (OTHER, None)).take(connection)
    seated(SELLER).take(connection)
    for id, account, owner in ((MINE, DESK, None), (HIS, None, OTHER), (FREE, ACCOUNTS[1], None)):
        connection.execute(
            "INSERT INTO book (id, version, partition_key, created_at, created_by, updated_at, updated_by, title,"
            " genre, sold, account_id, owner_id)"
            " VALUES (%s, 1, %s, now(), 'x', now(), 'x', 'x', 'NOVEL', false, %s, %s)",
            [id, id, account, owner],
        )
    return connection


def found(books: Connection, predicate: str, who: Viewer) -> set[UUID]:
    query = f"SELECT r.id FROM book r WHERE {predicate}"
    return {row[0] for row in books.execute(query.encode(), {"viewer": who.member_id})}


@pytest.mark.parametrize(
    ("sight", "who", "seen"),
    [
        (BOTH, viewer("rep"), {MINE}),
        (BOTH, viewer("manager", member=MANAGER), {MINE}),
        (BOTH, viewer("rep", member=OTHER), {HIS}),
        (BOTH, viewer("rep", member=HEAD), set[UUID]()),
        (BOTH, viewer("service", member=None), {MINE, HIS, FREE}),
        (PRIVATE, viewer("service", member=None), set[UUID]()),
        (BOTH, viewer("executive", member=None), {MINE, HIS, FREE}),
        (BOTH, viewer("admin", member=None), {MINE, HIS, FREE}),
        (BOTH, viewer("marketing", member=HEAD), {MINE, HIS, FREE}),
        (BOTH, viewer("reporting", member=HEAD), {MINE, HIS, FREE}),
        (ACCOUNT, viewer("rep", member=OTHER), set[UUID]()),
        (OWNER, viewer("rep"), set[UUID]()),
        (OWNER, viewer("rep", member=OTHER), {HIS}),
        (PRIVATE, viewer("admin", member=None), set[UUID]()),
        (PRIVATE, viewer("executive", member=OTHER), {HIS}),
    ],
)
def test_a_row_is_seen_through_its_account_and_its_owner(
    books: Connection, sight: Sight, who: Viewer, seen: set[UUID]
) -> None:
    assert found(books, sight.visible(who), who) == seen
    if not who.sees_all:
        assert found(books, f"r.id IN ({sight.reach('book')})", who) == seen


@pytest.mark.parametrize(
    ("who", "may"),
    [
        (viewer("rep"), {MINE, HIS, FREE}),
        (viewer("admin", member=None), {MINE, HIS, FREE}),
        (viewer("executive", member=OTHER), {HIS}),
        (viewer("marketing", member=HEAD), set[UUID]()),
        (viewer("reporting", member=None), set[UUID]()),
        (viewer("executive", "rep"), {MINE}),
        (viewer("marketing", "manager", member=OTHER), {HIS}),
        (viewer("executive", "admin", member=HEAD), {MINE, HIS, FREE}),
        (viewer("service", member=None), {MINE, HIS, FREE}),
    ],
)
def test_whoever_sees_all_for_a_role_edits_what_sellers_see(
    books: Connection, who: Viewer, may: set[UUID]
) -> None:
    assert found(books, may_edit(who, "r.owner_id", BOTH), who) == may


@pytest.mark.parametrize(
    ("who", "may"),
    [
        (viewer("rep", member=OTHER), {HIS}),
        (viewer("manager", member=MANAGER), set[UUID]()),
        (viewer("executive", member=OTHER), {HIS}),
        (viewer("admin", member=None), {MINE, HIS, FREE}),
        (viewer("service", member=None), set[UUID]()),
    ],
)
def test_owners_those_above_them_and_administrators_hand_over(
    books: Connection, who: Viewer, may: set[UUID]
) -> None:
    assert found(books, may_hand_over(who, "r.owner_id"), who) == may


def test_roles_that_read_are_refused() -> None:
    for role in ("executive", "marketing", "reporting"):
        with pytest.raises(Forbidden, match="reads"):
            require_writer(viewer(role))
        with pytest.raises(Forbidden, match="administrator"):
            require_admin(viewer(role, "rep"))
    require_writer(viewer("executive", "rep"))
    require_admin(viewer("admin"))
    with pytest.raises(Forbidden, match="administrator"):
        require_entrusted(viewer("rep"))
    require_entrusted(viewer("admin"))
    require_entrusted(viewer("service"))


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v1/accounts/{id}", "contacts:read"),
        ("HEAD", "/v1/accounts", "contacts:read"),
        ("POST", "/v1/accounts/lookup", "contacts:read"),
        ("POST", "/v1/relationship/evaluate", "contacts:read"),
        ("POST", "/v1/accounts", "contacts:write"),
        ("PATCH", "/v1/accounts/{id}", "contacts:write"),
        ("DELETE", "/v1/contacts/{id}/links/{link_id}", "contacts:write"),
        ("POST", "/v1/accounts/imports", "imports"),
        ("GET", "/v1/accounts/imports/{id}/report", "imports"),
        ("GET", "/v1/me", None),
    ],
)
def test_each_operation_has_a_scope(method: str, path: str, scope: str | None) -> None:
    assert scope_of("contacts", method, path) == scope


@pytest.mark.parametrize(
    ("scopes", "refused"),
    [
        ("", {"contacts:read", "contacts:write", "imports"}),
        ("contacts:read", {"contacts:write", "imports"}),
        ("contacts:write", {"imports"}),
        ("imports", {"contacts:read", "contacts:write"}),
        (
            "opportunities:write contacts CONTACTS:READ contacts:* imports:write",
            {"contacts:read", "contacts:write", "imports"},
        ),
    ],
)
def test_a_machine_account_does_what_its_scopes_say(scopes: str, refused: set[str]) -> None:
    machine = replace(viewer("service", "admin"), scopes=frozenset(scopes.split()))
    for scope in ("contacts:read", "contacts:write", "imports"):
        if scope in refused:
            with pytest.raises(Forbidden, match=scope) as problem:
                require_scope(machine, scope)
            assert problem.value.code == "scope_missing"
            assert f'scope="{scope}"' in problem.value.headers["WWW-Authenticate"]
        else:
            require_scope(machine, scope)
    require_scope(machine, None)


def test_people_need_no_scope() -> None:
    require_scope(viewer("rep"), "contacts:write")
