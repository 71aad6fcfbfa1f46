"""What it costs to keep who sees which account, and what it saves: `python -m tests.bench.sight`.

2,112 people in four levels, 10,000 accounts with an owner and a team of two, 100,000 deals of which 30,000 are open.
Every change is measured inside a transaction that is rolled back, as the median of several; there is no fsync in it.
Compared are three ways to know what a viewer sees: nothing at all, the closure of the reporting line over the seats at
accounts (`person_up` and `account_seat`), and that with what follows from it written down (`account_view`), which is
what the triggers keep. Read the ratios.
"""

from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from tests.kit.library import prepare
from tests.servers import Databases, OwnServers

Connection = psycopg.Connection[TupleRow]

ROW = "id, version, partition_key, created_at, created_by, updated_at, updated_by"
STAMPS = "now(), 'x', now(), 'x'"
PEOPLE = 2_112
BOOKS = f"""
INSERT INTO member ({ROW}, name, manager_id)
SELECT person(n), 1, person(n), {STAMPS}, 'n', CASE
    WHEN n <= 1 THEN NULL
    WHEN n <= 11 THEN person(1)
    WHEN n <= 111 THEN person(2 + (n - 12) / 10)
    ELSE person(12 + (n - 112) / 20) END
FROM generate_series(0, {PEOPLE - 1}) n;
INSERT INTO account ({ROW}, owner_id, team)
SELECT account_(n), 1, account_(n), {STAMPS}, person(112 + n % 2000), jsonb_build_array(
    jsonb_build_object('member_id', person(112 + (n + 7) % 2000), 'function', 'SALES'),
    jsonb_build_object('member_id', person(112 + (n + 991) % 2000), 'function', 'SALES'))
FROM generate_series(0, 9999) n;
INSERT INTO opportunity (id, version, account_id, owner_id, status)
SELECT deal(n), 1, account_(n % 10000), person(112 + (n % 10000 + n / 10000 * 13) % 2000),
       CASE WHEN n < 30000 THEN 'OPEN' ELSE 'WON' END
FROM generate_series(0, 99999) n;
INSERT INTO book ({ROW}, title, genre, sold, account_id)
SELECT deal(n), 1, deal(n), {STAMPS}, md5(n::text), 'NOVEL', false, account_(n % 10000)
FROM generate_series(0, 99999) n;
"""
NAMED = """CREATE FUNCTION {}(n int) RETURNS uuid IMMUTABLE LANGUAGE sql
RETURN ('00000000-0000-0000-000{}-' || lpad(n::text, 12, '0'))::uuid"""
NEW_ACCOUNT = f"""INSERT INTO account ({ROW}, owner_id)
SELECT uuidv7(), 1, uuidv7(), {STAMPS}, person(500)"""
NEW_DEAL = """INSERT INTO opportunity (id, version, account_id, owner_id, status)
SELECT uuidv7(), 1, account_(7), person(600), 'OPEN'"""
NEW_MEMBER = f"""INSERT INTO member ({ROW}, name, manager_id)
SELECT uuidv7(), 1, uuidv7(), {STAMPS}, 'n', person(50)"""
GATHER = """UPDATE opportunity SET account_id = account_(3)
WHERE id IN (SELECT deal(n) FROM generate_series(0, 999) n)"""
CHANGES = {
    "an account is made": NEW_ACCOUNT,
    "a deal is made": NEW_DEAL,
    "a deal is won": "UPDATE opportunity SET status = 'WON' WHERE id = deal(77)",
    "an account with 1,000 deals is handed over": "UPDATE account SET owner_id = person(1900) WHERE id = account_(3)",
    "a member joins": NEW_MEMBER,
    "a seller gets another manager": "UPDATE member SET manager_id = person(60) WHERE id = person(300)",
    "a division of 211 moves": "UPDATE member SET manager_id = person(3) WHERE id = person(2)",
    "2,111 people get a new head": "UPDATE member SET manager_id = person(0) WHERE id = person(1)",
}
BY_VIEW = """coalesce((SELECT true FROM account_view v
  WHERE v.viewer_id = %(viewer)s::uuid AND v.account_id = r.account_id LIMIT 1), false)"""
BY_CLOSURE = """coalesce((SELECT true FROM account_seat s JOIN person_up u ON u.member_id = s.member_id
  WHERE s.account_id = r.account_id AND u.viewer_id = %(viewer)s::uuid LIMIT 1), false)"""
FROM_VIEW = (
    """r.account_id IN (SELECT v.account_id FROM account_view v WHERE v.viewer_id = %(viewer)s::uuid)"""
)
FROM_CLOSURE = """r.account_id IN (SELECT s.account_id FROM person_up u JOIN account_seat s ON s.member_id = u.member_id
  WHERE u.viewer_id = %(viewer)s::uuid)"""
PAGE = "SELECT r.id FROM book r WHERE {} ORDER BY r.title, r.id LIMIT 51"
READ = "SELECT r.id FROM book r WHERE r.id = deal(777) AND {}"
COUNT = "SELECT count(*) FROM book r WHERE {}"
VIEWERS = {
    "a stranger": 5_000,
    "a seller": 119,
    "a manager of 20": 12,
    "a head of 210": 2,
    "the head of all": 1,
}


def main() -> None:
    servers = OwnServers()
    try:
        databases = Databases(servers.postgres())
        with psycopg.connect(databases.create("sight", prepare), autocommit=True) as connection:
            load(connection)
            writes(connection)
            reads(connection)
        databases.close()
    finally:
        servers.close()


def load(connection: Connection) -> None:
    for number, name in enumerate(("person", "account_", "deal"), start=1):
        connection.execute(NAMED.format(name, number).encode())
    began = perf_counter()
    for statement in filter(str.strip, BOOKS.split(";")):
        connection.execute(statement.encode())
    connection.execute(GATHER.encode())
    connection.execute("VACUUM ANALYZE")
    print(f"Loaded in {perf_counter() - began:.1f} s: ", end="")
    for table in ("member", "account", "opportunity", "person_up", "account_seat", "account_view"):
        row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        print(f"{table} {row[0] if row else 0:,}", end="  ")
    print("\n")


def writes(connection: Connection) -> None:
    print(f"{'milliseconds':46}{'no sight':>10}{'closure':>10}{'and view':>10}{'for the view':>14}")
    for name, statement in CHANGES.items():
        bare, closure, view = (timed(connection, statement, off) for off in (ALL, VIEWS, NONE))
        print(f"{name:46}{bare:10.2f}{closure:10.2f}{view:10.2f}{view / closure:13.1f}x")
    print()


# What is switched off: everything, what keeps account_view, nothing.
ALL = ["ALTER TABLE account DISABLE TRIGGER USER", "ALTER TABLE opportunity DISABLE TRIGGER USER",
       "ALTER TABLE member DISABLE TRIGGER USER"]  # fmt: skip
VIEWS = [
    "ALTER TABLE account_seat RENAME TO seat_away",
    "CREATE TABLE account_seat (LIKE seat_away INCLUDING ALL)",
]
NONE: list[str] = []


def timed(connection: Connection, statement: str, off: Sequence[str]) -> float:
    """The median of some runs of the statement, in milliseconds, each rolled back."""

    def run() -> None:
        connection.execute(statement.encode())

    with connection.transaction(force_rollback=True):
        for one in off:
            connection.execute(one.encode())
        return medians(connection, run)


def medians(connection: Connection, run: Callable[[], None]) -> float:
    taken: list[float] = []
    while len(taken) < 5 or (sum(taken) < 1.0 and len(taken) < 200):
        with connection.transaction(force_rollback=True):
            began = perf_counter()
            run()
            taken.append(perf_counter() - began)
    return median(taken[1:]) * 1000


def reads(connection: Connection) -> None:
    for title, statement in (("a page of 50 of 100,000", PAGE), ("one row", READ), ("count of all", COUNT)):
        print(
            f"{title + ', milliseconds':46}{'closure':>10}{'view':>10}{'from view':>10}{'from closure':>14}"
        )
        for name, number in VIEWERS.items():
            viewer = connection.execute("SELECT person(%s)", [number]).fetchone()
            values = {"viewer": viewer[0] if viewer else None}
            found = [
                read(connection, statement.format(way), values)
                for way in (BY_CLOSURE, BY_VIEW, FROM_VIEW, FROM_CLOSURE)
            ]
            print(f"{name:46}{found[0]:10.2f}{found[1]:10.2f}{found[2]:10.2f}{found[3]:14.2f}")
        print()


def read(connection: Connection, statement: str, values: dict[str, Any]) -> float:
    def run() -> None:
        connection.execute(statement.encode(), values).fetchall()

    return medians(connection, run)


if __name__ == "__main__":
    main()
