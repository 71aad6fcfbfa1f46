"""Every filter and sort that a list declares together is found by an index, for whoever asks; deep pages as the first.

50,000 rows a table. How much is read is counted, and no time is taken.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import orjson
import psycopg
import pytest
from psycopg import sql

from services.activities.engagements.queries import ACTIVITIES
from services.activities.main import SERVICE as OF_ACTIVITIES
from services.activities.timelogs.queries import TIME_LOGS
from services.contacts.accounts.queries import ACCOUNTS
from services.contacts.main import SERVICE as OF_CONTACTS
from services.contacts.members.queries import MEMBERS
from services.contacts.people.queries import CONTACTS
from services.kit import listing
from services.kit.app import Service
from services.kit.grammar import Listing, Pair
from services.kit.testing import prepared
from services.opportunities.main import SERVICE as OF_OPPORTUNITIES
from services.opportunities.pipeline.queries import OPPORTUNITIES
from services.opportunities.products.queries import PRODUCTS
from tests.filled import VIEWERS, fill
from tests.plans import Plan, plan_of
from tests.servers import Databases

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("pairs")]

ROWS, LIMIT = 50_000, 50
LISTS: Mapping[str, tuple[Service, tuple[Listing, ...]]] = {
    "contacts": (OF_CONTACTS, (ACCOUNTS, CONTACTS, MEMBERS)),
    "opportunities": (OF_OPPORTUNITIES, (OPPORTUNITIES, PRODUCTS)),
    "activities": (OF_ACTIVITIES, (ACTIVITIES, TIME_LOGS)),
}
GIVEN: Mapping[str, Mapping[str, str]] = {
    # Nobody is their own manager, and no account its own parent.
    "member": {
        "email": "n || '@example.com'",
        "subject": "'sub ' || n",
        "manager_id": "CASE WHEN n % 5 > 0 THEN numbered(100000 + n % 20) END",
    },
    "account": {"parent_account_id": "CASE WHEN n % 5 > 0 THEN numbered(100000 + n % 2000) END"},
}
ALL = {f"{service} {described.relation}": (service, described)
       for service, (_, lists) in LISTS.items() for described in lists}  # fmt: skip


class Filled:
    """The services' databases, each made and filled when it is first asked for."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._urls: dict[str, str] = {}

    def url(self, name: str) -> str:
        if name not in self._urls:
            service, lists = LISTS[name]
            made = self._databases.create(name, prepared(service))
            fill(made, lists, ROWS, GIVEN)
            self._urls[name] = made
        return self._urls[name]


@pytest.fixture(scope="module")
def filled(databases: Databases) -> Filled:
    return Filled(databases)


@dataclass(frozen=True)
class Case:
    """One request: its filter's field if any, its query, how many values it asks for, whether these are few rows."""

    query: Mapping[str, str]
    field: str = ""
    values: int = 1
    narrow: bool = False


def cases(url: str, described: Listing) -> Iterator[Case]:
    """Every sort, every pair of a filter with a sort, every range of a sort's own column."""
    for sort in described.orders:
        yield Case({"sort": sort})
    for field, pair in described.pairs.items():
        found = often(url, described, field)
        for sort in pair.sorts or described.orders:
            yield Case({field: found[0], "sort": sort}, field, narrow=not pair.sorts)
            if "in" in described.filters[field].kind.ops:
                yield Case({f"{field}[in]": ",".join(found), "sort": sort}, field, 2, narrow=not pair.sorts)
            if described.aggregate.columns[field].nullable and not pair.sparse and pair.sorts:
                yield Case({f"{field}[null]": "true", "sort": sort}, field)
    for name, order in described.orders.items():
        for field, known in described.filters.items():
            if known.sql == order.keys[0].column and "gte" in known.kind.ops:
                value = often(url, described, field)[0]
                yield from (Case({f"{field}[{op}]": value, "sort": name}) for op in ("gte", "lt"))
                yield Case({field: value, "sort": name})
                yield Case({f"{field}[null]": "false", "sort": name})


def often(url: str, described: Listing, field: str) -> list[str]:
    """The two values of the field that most rows have."""
    text = sql.SQL(
        "SELECT to_json({0}) #>> '{{}}' FROM {1} WHERE {0} IS NOT NULL AND deleted_at IS NULL"
        " GROUP BY {0} ORDER BY count(*) DESC, {0} LIMIT 2"
    ).format(sql.Identifier(field), sql.Identifier(described.relation))
    with psycopg.connect(url, options="-c timezone=UTC") as connection:
        return [row[0] for row in connection.execute(text).fetchall()]


def most(url: str, described: Listing, who: str, case: Case) -> int:
    """How many rows a page may read: of the index itself, of what the viewer sees, or of one value's few rows."""
    shown = LIMIT + 1
    sight = described.sight
    everything = sight is None or sight.everything(VIEWERS[who])
    # Every fourth row is the many's, and rows deleted lie among the others.
    page = case.values * shown * (1 if everything else 8)
    if case.narrow:
        page = max(page, counted(url, described, case.query))
    if who == "few" and not everything:
        page = max(page, 2 * seen(url, described)) + (
            counted(url, described, case.query) if case.field else 0
        )
    return round(page * 1.2) + shown


def counted(url: str, described: Listing, query: Mapping[str, str]) -> int:
    """How many rows match, whoever asks."""
    asked = listing.parse(described, query.items())
    text = sql.SQL("SELECT count(*) FROM {} r WHERE {}").format(
        sql.Identifier(described.relation),
        sql.SQL(" AND ".join((described.where, *asked.all_conditions))),
    )
    with psycopg.connect(url) as connection:
        row = connection.execute(text, dict(asked.values)).fetchone()
        assert row is not None
        return row[0]


def seen(url: str, described: Listing) -> int:
    """How many rows those see who see few."""
    assert described.sight is not None
    reach = described.sight.reach(described.relation)
    with psycopg.connect(url) as connection:
        viewer = {"viewer": VIEWERS["few"].member_id}
        row = connection.execute("SELECT count(*) FROM (" + reach + ") seen", viewer).fetchone()
        assert row is not None
        return row[0]


async def explained(url: str, described: Listing, who: str, query: Mapping[str, str]) -> Plan:
    return await plan_of(url, described, VIEWERS[who], [*query.items(), ("limit", str(LIMIT))])


async def wanting(url: str, described: Listing, who: str, case: Case) -> str:
    """What is wrong with how the page is found; "" for nothing."""
    plan = await explained(url, described, who, case.query)
    may = most(url, described, who, case)
    if plan.sequential(described.relation) or "" in plan.indexes(described.relation):
        return "reads the table without an index"
    if plan.rows(described.relation) > may:
        return f"reads {plan.rows(described.relation)} rows by {plan.indexes(described.relation)}, not {may}"
    return f"sorts {plan.sorted()} rows, not {2 * may}" if plan.sorted() > 2 * may else ""


@pytest.mark.parametrize("who", VIEWERS)
@pytest.mark.parametrize("name", ALL)
async def test_every_declared_pair_is_found_by_an_index(filled: Filled, name: str, who: str) -> None:
    service, described = ALL[name]
    url = filled.url(service)
    found = {str(case.query): await wanting(url, described, who, case) for case in cases(url, described)}
    assert len(found) > len(described.orders)
    assert {query: wrong for query, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("who", ["many", "executive"])
@pytest.mark.parametrize("name", ALL)
async def test_a_deep_page_reads_no_more_than_the_first(filled: Filled, name: str, who: str) -> None:
    service, described = ALL[name]
    url = filled.url(service)
    deeper: dict[str, tuple[int, int]] = {}
    for case in cases(url, described):
        if case.narrow or case.values > 1:
            continue
        first = await explained(url, described, who, case.query)
        deep = await explained(url, described, who, {**case.query, **await behind(url, described, who, case)})
        if deep.buffers > 1.5 * first.buffers + 50:
            deeper[str(case.query)] = (first.buffers, deep.buffers)
    assert deeper == {}


async def behind(url: str, described: Listing, who: str, case: Case) -> Mapping[str, str]:
    """The cursor of a page 1,000 rows behind the first, or as far as there are rows."""
    cursor: dict[str, str] = {}
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as session:
        for _ in range(5):
            asked = listing.parse(described, {**case.query, **cursor, "limit": "200", "fields": "id"}.items())
            page = orjson.loads(await listing.page(session, described, asked, VIEWERS[who]))
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
    return cursor


async def test_a_pair_without_its_index_is_noticed(filled: Filled) -> None:
    url = filled.url("opportunities")
    planted = replace(OPPORTUNITIES, pairs={**OPPORTUNITIES.pairs, "currency": Pair(("created_at", "name"))})
    rare = "UPDATE opportunity SET currency = 'rare' WHERE id = numbered(77)"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(rare)
    case = Case({"currency": "rare", "sort": "name"}, "currency")
    assert "reads" in await wanting(url, planted, "executive", case)
