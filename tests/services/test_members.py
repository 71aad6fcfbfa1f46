"""Every request asks who its caller is: among many members the answer is found by indexes, in every service."""

import psycopg
import pytest

from services.activities.main import SERVICE as ACTIVITIES
from services.contacts.main import SERVICE as CONTACTS
from services.kit.db import Database
from services.kit.descriptor import Service
from services.kit.membership import member_lookup
from services.opportunities.main import SERVICE as OPPORTUNITIES
from tests.apis import prepared
from tests.conftest import DatabaseUrl
from tests.plans import Plan

MEMBERS = 20_000
ROW = "id, version, partition_key, created_at, created_by, updated_at, updated_by, external_ids"
OWN = f"INSERT INTO member ({ROW}, email, subject, name, function, active) SELECT id, 1, id, now(), 'x', now(), 'x'"
COPY = "INSERT INTO member (id, version, external_ids, email, subject, name, function, active) SELECT id, 1"
# Every second member is bound to a subject; whoever is not has none, so that this alone finds half of all.
VALUES = f""", '{{}}', 'Person.' || n || '@Example.com', CASE WHEN n % 2 = 0 THEN 'sub-' || n END, n, 'SALES', true
FROM (SELECT n, uuidv7() AS id FROM generate_series(1, {MEMBERS}) n) people"""
INSERT = {CONTACTS: OWN, OPPORTUNITIES: COPY, ACTIVITIES: COPY}


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize(
    ("service", "indexes"),
    [
        (CONTACTS, {"member__subject__taken", "member__email__taken"}),
        (OPPORTUNITIES, {"member_subject", "member_email"}),
        (ACTIVITIES, {"member_subject", "member_email"}),
    ],
)
async def test_a_member_is_found_by_subject_and_address_among_many(
    service: Service, indexes: set[str], mode: str, database_url: DatabaseUrl
) -> None:
    url = database_url(service.name, prepared(service))
    statement = await asked_of(url)
    with psycopg.connect(url, autocommit=True) as session:
        if not session.execute("SELECT FROM member LIMIT 1").fetchone():
            session.execute("SET session_replication_role = replica")
            session.execute((INSERT[service] + VALUES).encode())
        session.execute("ANALYZE member")
        session.execute(f"SET plan_cache_mode = {mode}".encode())
        numbered = statement.replace("%(subject)s", "$1").replace("%(email)s", "$2")
        numbered = numbered.replace("%(days)s", "$3")
        session.execute(f"PREPARE lookup(text, text, integer) AS {numbered}".encode())
        for subject, email, found in (
            ("sub-500", "person.501@example.com", 2),
            ("sub-x", "person.501@example.com", 1),
            ("sub-x", "person.500@example.com", 0),
            ("sub-x", None, 0),
        ):
            explained = psycopg.ClientCursor(session).execute(
                "EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE lookup(%s, %s, 30)", (subject, email)
            )
            [[told]] = explained.fetchall()
            plan = Plan(told[0]["Plan"])
            assert plan.indexes("member") <= indexes, plan.tree
            assert plan.tree["Actual Rows"] == found, plan.tree
            assert plan.rows("member") <= 2, plan.tree


async def asked_of(url: str) -> str:
    """The statement by which a member is looked up."""
    asked: list[str] = []
    db = Database(url, name="lookup", size=1, on_statement=asked.append)
    await db.open()
    await member_lookup(db, 30)("sub-x", None)
    await db.close()
    [statement] = asked
    return statement
