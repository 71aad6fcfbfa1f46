"""A row as it stands: read, held for a change, or read to say why a change has missed it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, LiteralString
from uuid import UUID

from psycopg import sql
from psycopg.rows import TupleRow

from services.kit.aggregates import Aggregate
from services.kit.conditional import Expected
from services.kit.db import Session, literal, one
from services.kit.problems import Forbidden, NotFound, PreconditionFailed


@dataclass(frozen=True)
class Shown:
    """A row as it stands after a change: its id, version and JSON text."""

    id: UUID
    version: int
    json: str


@lru_cache(maxsize=256)
def _read_statement(
    aggregate: Aggregate,
    sight: LiteralString,
    may: LiteralString,
    knows: LiteralString = "true",
    lock: LiteralString = "",
) -> LiteralString:
    text = sql.SQL(
        "SELECT r.id, r.version, {json}::text, {may} FROM {relation} r"
        " WHERE r.id = %(id)s::uuid AND r.deleted_at IS NULL AND ({sight}){lock}"
    ).format(
        json=aggregate.json(knows),
        may=sql.SQL(may),
        relation=aggregate.relation,
        sight=sql.SQL(sight),
        lock=sql.SQL(lock),
    )
    return literal(text)


async def read(
    session: Session,
    aggregate: Aggregate,
    id: UUID,
    *,
    viewer: UUID | None,
    sight: LiteralString,
    knows: LiteralString = "true",
    given: Mapping[str, Any] | None = None,
) -> Shown:
    """The row as it stands. Raises NotFound when there is none or the viewer may not see it.

    `sight` and `knows` are SQL over the row `r` and `given`.
    """
    parameters_ = {"id": id, "viewer": viewer, **(given or {})}
    row = await one(session, _read_statement(aggregate, sight, "true", knows), parameters_)
    if row is None:
        raise NotFound(aggregate.name.replace("_", " "))
    return Shown(row[0], row[1], row[2])


async def miss(
    session: Session,
    aggregate: Aggregate,
    id: UUID,
    *,
    viewer: UUID | None,
    sight: LiteralString,
    may: LiteralString = "true",
    knows: LiteralString = "true",
    expected: Expected = None,
    given: Mapping[str, Any] | None = None,
) -> Shown:
    """Why a change wrote nothing: the row as it stands when the change said nothing new.

    `sight`, `may` and `knows` are SQL over the row `r` and `given`. Raises NotFound, Forbidden (seen, but not the
    viewer's to edit), PreconditionFailed (another version).
    """
    parameters_ = {"id": id, "viewer": viewer, **(given or {})}
    statement = _read_statement(aggregate, sight, may, knows)
    return _judged(aggregate, await one(session, statement, parameters_), expected)


async def hold(
    session: Session,
    aggregate: Aggregate,
    id: UUID,
    *,
    viewer: UUID | None,
    sight: LiteralString,
    may: LiteralString,
    expected: Expected,
) -> Shown:
    """The row as it stands, locked until the transaction ends against changes and against all that would refer to it.

    Raises what `miss` does.
    """
    statement = _read_statement(aggregate, sight, may, lock=" FOR UPDATE OF r")
    return _judged(aggregate, await one(session, statement, {"id": id, "viewer": viewer}), expected)


def _judged(aggregate: Aggregate, row: TupleRow | None, expected: Expected) -> Shown:
    if row is None:
        raise NotFound(aggregate.name.replace("_", " "))
    if not row[3]:
        raise Forbidden("not_yours_to_edit", "You may see this, but only its owner may change it.")
    if expected is not None and row[1] != expected:
        raise PreconditionFailed(str(row[2]).encode(), row[1])
    return Shown(row[0], row[1], row[2])
