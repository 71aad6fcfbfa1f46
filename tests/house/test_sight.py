"""The rule of sight is alive; tests/services/conftest.py holds every statement of every API test to it."""

import pytest

from tests.house.sight import unguarded


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT r.id FROM account r WHERE r.id = %(id)s",
        'SELECT 1 FROM "opportunity" r JOIN product p ON p.id = r.product_id',
        "WITH hit AS (UPDATE time_log AS r SET minutes = 5 RETURNING r.id) SELECT id FROM hit",
        "SELECT 1 FROM product p JOIN stakeholder s ON true",
    ],
)
def test_a_visible_table_read_without_sight_is_found(statement: str) -> None:
    assert unguarded(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT r.id FROM account r WHERE /* sight */ true",
        "SELECT id FROM account_view WHERE viewer_id = %(viewer)s",
        "INSERT INTO account (id) VALUES (%(id)s)",
        "SELECT name FROM member",
    ],
)
def test_what_says_its_sight_or_reads_no_visible_table_passes(statement: str) -> None:
    assert not unguarded(statement)
