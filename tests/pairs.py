"""The pairs of filter and sort that lists declare, and how PostgreSQL finds a page of each in tables of any size.

How much is read is counted, and no time is taken.
"""

from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import orjson
import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from services.activities.engagements.queries import ACTIVITIES
from services.activities.main import SERVICE as OF_ACTIVITIES
from services.activities.timelogs.queries import TIME_LOGS
from services.contacts.accounts.queries import ACCOUNTS
from services.contacts.main import SERVICE as OF_CONTACTS
from services.contacts.members.queries import MEMBERS
from services.contacts.people.queries import CONTACTS
from services.kit import asking, listing
from services.kit.db import Session
from services.kit.descriptor import Service
from services.kit.grammar import Listing
from services.opportunities.main import SERVICE as OF_OPPORTUNITIES
from services.opportunities.pipeline.queries import OPPORTUNITIES
from services.opportunities.products.queries import PRODUCTS
from tests.apis import prepared
from tests.filled import VIEWERS, fill
from tests.plans import Explaining, Plan, explaining, plan_in
from tests.servers import Databases

LIMIT = 50
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
        "manager_id": "CASE WHEN n % 5 > 0 THEN numbered(5000000 + n % 20) END",
    },
    "account": {"parent_account_id": "CASE WHEN n % 5 > 0 THEN numbered(5000000 + n % 2000) END"},
}
ALL = {f"{service} {described.relation}": (service, described)
       for service, (_, lists) in LISTS.items() for described in lists}  # fmt: skip


class Filled:
    """The services' databases, each made and filled with so many rows a table when it is first asked for.

    What is found out about one is kept: the rows stay as they are.
    """

    def __init__(self, databases: Databases, stack: AsyncExitStack, rows: int) -> None:
        self._databases, self._stack, self._size = databases, stack, rows
        self._urls: dict[str, str] = {}
        self._sessions: dict[str, psycopg.Connection[TupleRow]] = {}
        self._explaining: dict[str, Explaining] = {}
        self._told: dict[tuple[str, str], list[TupleRow]] = {}
        self._plans: dict[tuple[str, str, str], Plan] = {}

    def url(self, name: str) -> str:
        if name not in self._urls:
            service, lists = LISTS[name]
            made = self._databases.create(name, prepared(service))
            fill(made, lists, self._size, GIVEN)
            self._urls[name] = made
        return self._urls[name]

    def rows(
        self, name: str, query: sql.SQL | sql.Composed, values: Mapping[str, Any] | None = None
    ) -> list[TupleRow]:
        """What a query finds."""
        if name not in self._sessions:
            connection = psycopg.connect(self.url(name), autocommit=True, options="-c timezone=UTC")
            self._sessions[name] = self._stack.enter_context(connection)
        session = self._sessions[name]
        asked = (name, f"{query.as_string(session)} {values}")
        if asked not in self._told:
            self._told[asked] = session.execute(query, values).fetchall()
        return self._told[asked]

    async def plan(self, name: str, described: Listing, who: str, query: Mapping[str, str]) -> Plan:
        """How a page is found."""
        asked = (described.relation, who, str(query))
        if asked not in self._plans:
            if name not in self._explaining:
                opened = explaining(self.url(name))
                self._explaining[name] = await self._stack.enter_async_context(opened)
            told = [*query.items(), ("limit", str(LIMIT))]
            self._plans[asked] = await plan_in(self._explaining[name], described, VIEWERS[who], told)
        return self._plans[asked]


@dataclass(frozen=True)
class Case:
    """One request: its filter's field if any, its query, how many values it asks for, whether these are few rows."""

    query: Mapping[str, str]
    field: str = ""
    values: int = 1
    narrow: bool = False


@dataclass(frozen=True)
class Shelf:
    """One list of a service that is filled."""

    filled: Filled
    service: str
    described: Listing

    def cases(self) -> Iterator[Case]:
        """Every sort, every pair of a filter with a sort, every range of a sort's own column."""
        described = self.described
        for sort in described.orders:
            yield Case({"sort": sort})
        for field, pair in described.pairs.items():
            found = self.often(field)
            for sort in pair.sorts or described.orders:
                yield Case({field: found[0], "sort": sort}, field, narrow=not pair.sorts)
                if "in" in described.filters[field].kind.ops:
                    several = {f"{field}[in]": ",".join(found), "sort": sort}
                    yield Case(several, field, 2, narrow=not pair.sorts)
                if described.aggregate.columns[field].nullable and not pair.sparse and pair.sorts:
                    yield Case({f"{field}[null]": "true", "sort": sort}, field)
        yield from self._ranges()

    def _ranges(self) -> Iterator[Case]:
        for name, order in self.described.orders.items():
            for field, known in self.described.filters.items():
                if known.sql == order.keys[0].column and "gte" in known.kind.ops:
                    value = self.often(field)[0]
                    yield from (Case({f"{field}[{op}]": value, "sort": name}) for op in ("gte", "lt"))
                    yield Case({field: value, "sort": name})
                    yield Case({f"{field}[null]": "false", "sort": name})

    def often(self, field: str) -> list[str]:
        """The two values of the field that most rows have."""
        text = sql.SQL(
            "SELECT to_json({0}) #>> '{{}}' FROM {1} WHERE {0} IS NOT NULL AND deleted_at IS NULL"
            " GROUP BY {0} ORDER BY count(*) DESC, {0} LIMIT 2"
        ).format(sql.Identifier(field), sql.Identifier(self.described.relation))
        return [row[0] for row in self.filled.rows(self.service, text)]

    def most(self, who: str, case: Case) -> int:
        """How many rows a page may read: of the index itself, of what is seen, or of one value's few rows."""
        shown = LIMIT + 1
        sight = self.described.sight
        everything = sight is None or sight.everything(VIEWERS[who])
        # Every fourth row is the many's, and rows deleted lie among the others.
        page = case.values * shown * (1 if everything else 8)
        if case.narrow:
            page = max(page, self.counted(case.query))
        if who == "few" and not everything:
            page = max(page, 2 * self.seen()) + (self.counted(case.query) if case.field else 0)
        return round(page * 1.2) + shown

    def counted(self, query: Mapping[str, str]) -> int:
        """How many rows match, whoever asks."""
        asked = asking.parse(self.described, query.items())
        text = sql.SQL("SELECT count(*) FROM {} r WHERE {}").format(
            sql.Identifier(self.described.relation),
            sql.SQL(" AND ".join((self.described.where, *asked.all_conditions))),
        )
        return self.filled.rows(self.service, text, dict(asked.values))[0][0]

    def seen(self) -> int:
        """How many rows those see who see few."""
        assert self.described.sight is not None
        reach = sql.SQL(
            "SELECT count(*) FROM (" + self.described.sight.reach(self.described.relation) + ") seen"
        )
        return self.filled.rows(self.service, reach, {"viewer": VIEWERS["few"].member_id})[0][0]

    async def explained(self, who: str, query: Mapping[str, str]) -> Plan:
        return await self.filled.plan(self.service, self.described, who, query)

    async def wanting(self, who: str, case: Case) -> str:
        """What is wrong with how the page is found; "" for nothing."""
        relation = self.described.relation
        plan = await self.explained(who, case.query)
        may = self.most(who, case)
        if plan.sequential(relation) or "" in plan.indexes(relation):
            return "reads the table without an index"
        if plan.rows(relation) > may:
            return f"reads {plan.rows(relation)} rows by {plan.indexes(relation)}, not {may}"
        return f"sorts {plan.sorted()} rows, not {2 * may}" if plan.sorted() > 2 * may else ""

    async def behind(self, session: Session, who: str, case: Case) -> Mapping[str, str]:
        """The cursor of a page 1,000 rows behind the first, or of the first where there are less."""
        asked = asking.parse(self.described, {**case.query, "fields": "id"}.items())
        for limit in (1_000, 200, LIMIT):
            text = await listing.page(session, self.described, replace(asked, limit=limit), VIEWERS[who])
            cursor = orjson.loads(text)["next_cursor"]
            if cursor is not None:
                return {"cursor": cursor}
        return {}

    async def deep(self, session: Session, who: str, case: Case) -> Plan:
        """How the page is found that begins 1,000 rows behind the first."""
        return await self.explained(who, {**case.query, **await self.behind(session, who, case)})

    def too_deep(self, who: str, case: Case, first: Plan, deep: Plan) -> str:
        """What is wrong with how a deep page is found; "" for nothing.

        It goes down the index to its cursor instead of to the end, and from there reads as many rows as the first page
        may. Twice its blocks, because how many rows lie between those that are seen is chance; and a block for each
        row shown, because the first page's rows may lie together in the table, and these apart.
        """
        relation = self.described.relation
        may_rows, may_blocks = self.most(who, case), 2 * first.buffers + LIMIT + 1
        if deep.rows(relation) > may_rows:
            return f"a deep page reads {deep.rows(relation)} rows by {deep.indexes(relation)}, not {may_rows}"
        if deep.buffers > may_blocks:
            return f"a deep page looks at {deep.buffers} blocks, not {may_blocks}, twice the first one's"
        return ""
