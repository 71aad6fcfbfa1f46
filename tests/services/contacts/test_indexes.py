"""Every filter and sort that the lists declare together is found by an index, on tables of some size."""

from collections.abc import AsyncIterator
from typing import LiteralString

import psycopg
import pytest
import pytest_asyncio

from services.contacts.accounts.queries import ACCOUNTS
from services.contacts.main import SERVICE
from services.contacts.members.queries import MEMBERS
from services.contacts.people.queries import CONTACTS, LINKS
from services.contacts.removal.queries import ACCOUNTS as REMOVED
from services.kit.grammar import Listing
from services.kit.identity import Viewer
from tests.apis import prepared
from tests.plans import Plan, plan_of
from tests.servers import Databases

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROW = "id, version, partition_key, created_at, created_by, updated_at, updated_by"
STAMPS = "now() + n * interval '1 s', 'x', now(), 'x'"
NUMBERED: LiteralString = """CREATE FUNCTION numbered(kind int, n int) RETURNS uuid IMMUTABLE LANGUAGE sql
RETURN ('00000000-0000-0000-000' || kind || '-' || lpad(n::text, 12, '0'))::uuid"""
FILL = f"""
INSERT INTO member ({ROW}, email, name, function, manager_id, active)
SELECT numbered(1, n), 1, numbered(1, n), {STAMPS}, n || '@b.cd', md5(n::text), 'SALES', numbered(1, (n - 1) / 20), true
FROM generate_series(1, 2000) n;
INSERT INTO account ({ROW}, name, account_kind, currency, owner_id, parent_account_id)
SELECT numbered(2, n), 1, numbered(2, n), {STAMPS}, md5(n::text), 'PROJECT', 'USD', numbered(1, 1 + n % 2000),
       CASE WHEN n > 100 THEN numbered(2, 1 + n % 100) END
FROM generate_series(1, 20000) n;
INSERT INTO contact ({ROW}, account_id, name, department, level, public_official, do_not_contact)
SELECT numbered(3, n), 1, numbered(3, n), {STAMPS}, numbered(2, 1 + n % 5000), md5(n::text), 'OTHER', 'BASE', false,
       false
FROM generate_series(1, 30000) n;
INSERT INTO contact_link ({ROW}, account_id, from_contact_id, to_contact_id, kind)
SELECT numbered(4, n), 1, numbered(4, n), {STAMPS}, numbered(2, 1), numbered(3, 1 + n % 3000), numbered(3, 3001 + n),
       'ALLY'
FROM generate_series(1, 20000) n;
"""
OWNER, ACCOUNT, PERSON = (f"00000000-0000-0000-000{kind}-000000000007" for kind in (1, 2, 3))
ADMIN = Viewer("admin", "x", roles=frozenset({"admin"}))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(databases: Databases) -> AsyncIterator[str]:
    made = databases.create("contacts", prepared(SERVICE))
    async with await psycopg.AsyncConnection.connect(made, autocommit=True) as connection:
        await connection.execute(NUMBERED)
        # A manager comes after the people below in this file of numbers.
        await connection.execute("ALTER TABLE member DISABLE TRIGGER ALL")
        for statement in filter(str.strip, FILL.split(";")):
            await connection.execute(statement.encode())
        await connection.execute("ANALYZE")
    yield made


@pytest.mark.parametrize(
    ("described", "query", "index"),
    [
        (MEMBERS, {}, "member_name"),
        (MEMBERS, {"sort": "-name"}, "member_name"),
        (MEMBERS, {"manager_id": OWNER}, "member_manager"),
        (MEMBERS, {"email": "7@B.CD"}, "member__email__taken"),
        (ACCOUNTS, {}, "account_name"),
        (ACCOUNTS, {"sort": "created_at"}, "account_born"),
        (ACCOUNTS, {"sort": "-created_at"}, "account_born"),
        (ACCOUNTS, {"owner_id": OWNER}, "account_owner"),
        (ACCOUNTS, {"owner_id": OWNER, "sort": "-name"}, "account_owner"),
        (ACCOUNTS, {"parent_account_id": ACCOUNT}, "account_parent"),
        (ACCOUNTS, {"q": "0123"}, "account_search"),
        (ACCOUNTS, {"q": "0123", "sort": "-created_at"}, "account_search"),
        (CONTACTS, {}, "contact_name"),
        (CONTACTS, {"sort": "-created_at"}, "contact_born"),
        (CONTACTS, {"account_id": ACCOUNT}, "contact_account"),
        (CONTACTS, {"account_id": ACCOUNT, "department": "OTHER"}, "contact_account"),
        (CONTACTS, {"q": "0123"}, "contact_search"),
    ],
)
async def test_a_page_is_found_by_its_index(
    url: str, described: Listing, query: dict[str, str], index: str
) -> None:
    plan = await plan_of(url, described, ADMIN, query.items())
    assert plan.indexes(described.relation) == {index}, plan.tree
    assert plan.rows(described.relation) <= 60, plan.tree


async def test_whom_an_account_takes_along_is_found_by_indexes_also_when_it_is_purged(url: str) -> None:
    [links] = [each for each in REMOVED.dependants if each.noun == "contact-links"]
    of_one = links.where.replace("{root}", f"'{ACCOUNT}'::uuid")
    of_each = links.where.replace("{root}", "p.id")
    for statement in (
        f"SELECT r.id FROM contact_link r WHERE {of_one}",
        f"SELECT p.id FROM account p WHERE p.name < '01' AND NOT EXISTS (SELECT FROM contact_link r WHERE {of_each})",
    ):
        async with await psycopg.AsyncConnection.connect(url) as connection:
            asked = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
            [[told]] = await (await connection.execute(asked.encode())).fetchall()
        plan = Plan(told[0]["Plan"])
        assert not plan.sequential("contact_link"), plan.tree
        assert not plan.sequential("contact"), plan.tree


async def test_a_persons_links_are_found_by_their_index(url: str) -> None:
    plan = await plan_of(url, LINKS, ADMIN, [], {"contact": PERSON})
    assert plan.indexes("contact_link") == {"contact_link_from"}, plan.tree
