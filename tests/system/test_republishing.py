"""The commands that tell all once more and make copies anew, on the running stack, with a worker killed half-way."""

import threading
import time
from uuid import uuid4

import psycopg

from tests.stack import RunningStack, eventually, on_the_stack

pytestmark = on_the_stack

SELLER = "darcel.schlecht@example.com"


def database(stack: RunningStack, service: str) -> str:
    record = stack.home.running()
    assert record is not None
    return record.addresses[f"{service.upper()}_DATABASE_URL"]


def rows(stack: RunningStack, service: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database(stack, service)) as connection:
        return connection.execute(query.encode()).fetchall()


def spoil(stack: RunningStack, service: str, *statements: str) -> None:
    with psycopg.connect(database(stack, service)) as connection:
        for statement in statements:
            connection.execute(statement.encode())


ACCOUNTS = "SELECT id, name, owner_id FROM account WHERE deleted_at IS NULL ORDER BY id"
PEOPLE = "SELECT id, account_id, name FROM contact WHERE deleted_at IS NULL ORDER BY id"
SIGHT = "SELECT viewer_id, account_id FROM account_view ORDER BY 1, 2"


def test_copies_are_made_anew_though_a_worker_is_killed(stack: RunningStack) -> None:
    account = rows(
        stack, "contacts", "SELECT id FROM account WHERE owner_id IS NOT NULL ORDER BY id LIMIT 1"
    )[0][0]
    person = rows(stack, "contacts", "SELECT id FROM contact ORDER BY id LIMIT 1")[0][0]
    sight = rows(stack, "opportunities", SIGHT)
    spoil(
        stack,
        "opportunities",
        f"UPDATE account SET name = 'Spoilt', owner_id = NULL, team = '[]', version = 900 WHERE id = '{account}'",
        f"DELETE FROM contact WHERE id = '{person}'",
        f"INSERT INTO account (id, version, name, team, external_ids) VALUES ('{uuid4()}', 3, 'Stray', '[]', '{{}}')",
    )
    assert rows(stack, "opportunities", ACCOUNTS) != rows(stack, "contacts", ACCOUNTS)
    killing = threading.Timer(1.5, lambda: stack.kill("contacts-worker"))
    killing.start()
    said = stack.foothold("events", "rebuild", "opportunities", "--from", "contacts")
    killing.join()
    assert "Copies that were not told of: 1." in said
    assert rows(stack, "opportunities", ACCOUNTS) == rows(stack, "contacts", ACCOUNTS)
    assert rows(stack, "opportunities", PEOPLE) == rows(stack, "contacts", PEOPLE)
    assert rows(stack, "opportunities", SIGHT) == sight


def test_a_restored_service_goes_on_in_a_new_epoch(stack: RunningStack) -> None:
    """What the others learnt after the backup is put back by the marks of the epoch alone."""
    deals = "SELECT id, name, stage, status FROM opportunity WHERE deleted_at IS NULL ORDER BY id"
    spoil(
        stack,
        "activities",
        "UPDATE opportunity SET name = 'Learnt after the backup', version = version + 5 WHERE stage = 'BIDDING'",
    )
    said = stack.foothold("events", "new-epoch", "opportunities")
    assert "Epoch 2 of opportunities begins at position " in said

    def same() -> bool:
        return rows(stack, "activities", deals) == rows(stack, "opportunities", deals)

    eventually(same, 60)
    path = f"/v1/accounts/{rows(stack, 'contacts', 'SELECT id FROM account ORDER BY id LIMIT 1')[0][0]}/view"
    assert stack.get("admin@example.com", path)["missing"] == []
    assert rows(stack, "opportunities", "SELECT epoch FROM journal_epoch ORDER BY epoch") == [(1,), (2,)]


def test_one_kind_is_told_once_more(stack: RunningStack) -> None:
    before = time.time()
    assert "Republished " in stack.foothold("events", "republish", "activities", "--aggregate", "time_log")
    told = rows(
        stack,
        "activities",
        f"""SELECT type, count(*) FROM journal
        WHERE recorded_at > to_timestamp({before}) AND (type LIKE '%.snapshot' OR aggregate = 'republish')
        GROUP BY type ORDER BY type""",
    )
    logs = rows(stack, "activities", "SELECT count(*) FROM time_log WHERE deleted_at IS NULL")[0][0]
    assert told == [("republish.finished", 1), ("republish.started", 1), ("time_log.snapshot", logs)]
