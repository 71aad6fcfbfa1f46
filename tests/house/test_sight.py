"""Sight in every executed statement: a sweep over all operations of all services, by callers of every kind."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI

from services.kit.app import create_api
from tests.apis import prepared, settings_for
from tests.conftest import DatabaseUrl
from tests.house.grounds import GROUNDS, KINDS, Ground, filled
from tests.house.sight import unguarded

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass
class Swept:
    """What the sweep of a service met: the statuses that each operation answered, and every statement."""

    statuses: dict[str, set[int]] = field(default_factory=dict[str, set[int]])
    statements: list[str] = field(default_factory=list[str])


def operations(app: FastAPI) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every operation; what takes away comes last, what lies within first."""
    paths: list[tuple[str, Any]] = [*app.openapi()["paths"].items()]
    made = [(m.upper(), path, told[m]) for m in METHODS[:-1] for path, told in paths if m in told]
    return made + [("DELETE", path, told["delete"]) for path, told in reversed(paths) if "delete" in told]


def variants(operation: dict[str, Any], ids: dict[str, str]) -> list[str]:
    """The queries with which an operation is read: as it comes, sorted and counted, by what it is selected by."""
    taken: dict[str, Any] = {
        told["name"]: told["schema"] for told in operation.get("parameters", []) if "$ref" not in told
    }
    sorts: list[str] = taken["sort"]["items"]["enum"] if "sort" in taken else []
    queries = ["", *[f"?count=true&limit=1&sort={sort}" for sort in sorts]]
    queries += [f"?{name}={ids[name]}" for name in sorted(taken.keys() & ids.keys())]
    return [*queries, "?q=云"] if "q" in taken else queries


async def sweep(ground: Ground) -> Swept:
    """Asks every operation as every kind of caller. Raises KeyError for one that nobody says how to ask."""
    swept = Swept()
    app = create_api(ground.service, settings_for(ground.service, ground.url), judge=ground.callers)
    swept.statuses |= {name: {status} for name, status in (await ground.queue_imports()).items()}
    ground.statements.clear()
    for method, path, operation in operations(app):
        # Whoever is erased is not there for what comes after; erasing has tests of its own, which hold it to the rule.
        if method == "POST" and path.endswith(("/imports", "/erasure")):
            continue
        name = f"{method} {path}"
        bodies = [None] if method == "GET" else ground.bodies[name]
        queries = variants(operation, ground.ids) if method == "GET" else [""]
        for who in KINDS:
            for query in queries:
                for body in bodies:
                    answer = await ground.ask(who, method, filled(path, ground.ids) + query, body)
                    swept.statuses.setdefault(name, set()).add(answer.status_code)
    swept.statements = list(ground.statements)
    return swept


@pytest.fixture(params=GROUNDS)
async def ground(request: pytest.FixtureRequest, database_url: DatabaseUrl) -> AsyncIterator[Ground]:
    service, opened = GROUNDS[request.param]
    async with opened(database_url(service.name, prepared(service))) as it:
        yield it


async def test_every_statement_that_reads_visible_rows_starts_from_sight(ground: Ground) -> None:
    swept = await sweep(ground)
    unheard = {name: codes for name, codes in swept.statuses.items() if not codes & {200, 201, 202, 204}}
    assert unheard == {}, "the sweep asks these operations wrongly, so that it does not meet their statements"
    assert max(max(codes) for codes in swept.statuses.values()) < 500
    blind = {text: tables for text in swept.statements if (tables := unguarded(text))}
    assert blind == {}
    assert sum("/* sight */" in text for text in swept.statements) > 50


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        ("SELECT * FROM account WHERE id = 1", {"account"}),
        ('SELECT "r"."id" FROM "contact" r', {"contact"}),
        ("SELECT 1 FROM member m, opportunity o WHERE m.id = o.owner_id", {"opportunity"}),
        ("SELECT 1 FROM member JOIN LATERAL (SELECT FROM time_log t) s ON true", {"time_log"}),
        ("UPDATE activity SET subject = 'x'", {"activity"}),
        ("DELETE FROM stakeholder", {"stakeholder"}),
        ('WITH a AS (SELECT * FROM public."account") SELECT * FROM a', {"account"}),
        (
            "WITH born AS (INSERT INTO activity (id) SELECT 1 WHERE EXISTS (SELECT FROM account)) SELECT 1",
            {"account"},
        ),
        ("SELECT 1 FROM account /* sight */", set[str]()),
        ("SELECT 1 FROM account /* no sight */", {"account"}),
        ("INSERT INTO account (id, name) VALUES (1, 'from account')", set[str]()),
        ("SELECT 'FROM account' AS contact, account_id, t.activity FROM member -- FROM account", set[str]()),
        ("SELECT 1 FROM member WHERE id = %(account)s AND name = %(contact)s", set[str]()),
        ("SELECT 1 FROM account_view JOIN person_up ON true", set[str]()),
    ],
)
def test_what_reads_a_visible_table_is_told_from_what_does_not(statement: str, tables: set[str]) -> None:
    assert unguarded(statement) == tables


async def test_a_planted_statement_is_found(database_url: DatabaseUrl) -> None:
    service, opened = GROUNDS["activities"]
    async with opened(database_url(service.name, prepared(service))) as ground:
        app = create_api(service, settings_for(service, ground.url), judge=ground.callers)
        assert operations(app)
        ground.statements.clear()
        planted = "SELECT r.subject FROM activity r WHERE r.id = %(id)s"
        ground.statements.append(planted)
        await ground.ask("stranger", "GET", "/v1/activities")
        assert {text for text in ground.statements if unguarded(text)} == {planted}
