"""Upserts: `PUT /v1/<noun>/by-external-id/{source}/{external_id}` makes a row, or changes the one that is there.

Who asks calls the row as another system does, and need not know whether it is here. A route takes the `Slot`; its use
case calls `put` with what is to be done in either case.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, LiteralString, Protocol, Self, TypeAlias, TypeVar
from uuid import UUID

import psycopg
from fastapi import Depends, Header, Path
from psycopg import sql
from pydantic import BaseModel, StringConstraints

from services.kit import current, idempotency
from services.kit.aggregates import Aggregate
from services.kit.conditional import ANY, RACES, Expected, parse_if_match
from services.kit.current import Shown
from services.kit.db import Session, literal, one
from services.kit.fields import ExternalId, Source
from services.kit.problems import Conflict, NotFound, PreconditionFailed, invalid

Create: TypeAlias = Callable[[], Awaitable[Shown]]
Change: TypeAlias = Callable[[UUID, Expected], Awaitable[Shown]]


class Named(Protocol):
    """A body that says what a row is called elsewhere."""

    external_ids: dict[str, str]

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self: ...


B = TypeVar("B", bound=Named)


@dataclass(frozen=True)
class Slot:
    """Where a row is put: under which id of which system, and on what condition.

    It is changed only at the `expected` version. `there` says whether there must be one, or none; None is either.
    """

    source: str
    external_id: str
    expected: Expected = ANY
    there: bool | None = None

    def named(self, body: B) -> B:
        """The body with this id among those of the row. Raises Invalid where it names another one of the source."""
        if body.external_ids.get(self.source, self.external_id) != self.external_id:
            message = "is not the id in the path; leave it out"
            raise invalid(f"external_ids.{self.source}", "disagrees", message)
        return body.model_copy(update={"external_ids": body.external_ids | {self.source: self.external_id}})


def without_nobody(told: Mapping[str, Any]) -> dict[str, Any]:
    """The fields but an owner who is not named: a new row is then its maker's, one that is there keeps its own."""
    return {name: value for name, value in told.items() if name != "owner_id" or value is not None}


async def _slot(
    source: Annotated[Source, Path(description="The other system, as external ids name it.")],
    external_id: Annotated[
        ExternalId,
        StringConstraints(pattern=r"^[^\x00-\x1f/\\\x7f-\x9f]+$"),
        Path(description="The row's id there, percent-encoded."),
    ],
    if_match: Annotated[str | None, Header(alias="If-Match")] = None,
    if_none_match: Annotated[
        str | None, Header(alias="If-None-Match", description="`*`: only if there is none.")
    ] = None,
) -> Slot:
    if if_none_match is None:
        if if_match is None:
            return Slot(source, external_id)
        return Slot(source, external_id, parse_if_match(if_match), there=True)
    if if_none_match.strip() != "*" or if_match is not None:
        raise invalid("If-None-Match", "etag", "must be *, without If-Match beside it")
    return Slot(source, external_id, there=False)


SlotDep = Annotated[Slot, Depends(_slot)]


def made(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """What a route of upserts declares beside its own answer: that of a new row, which is shown by the model."""
    return {201: {"model": model, "description": "It is new."}}


async def put(
    tx: Session,
    aggregate: Aggregate,
    slot: Slot,
    *,
    viewer: UUID | None,
    sight: LiteralString,
    create: Create,
    change: Change,
) -> tuple[Shown, bool]:
    """Makes the row or changes the one that is there, and tells whether it is new. `tx` is no transaction yet.

    Of two who make the same row at once the second waits for the first, and then changes what it made. Raises Conflict
    (it is deleted, or not seen), PreconditionFailed, and what `create` and `change` raise.
    """
    given = {"source": slot.source, "external_id": slot.external_id, "viewer": viewer}
    lost: Exception | None = None
    for _ in range(RACES):
        found = await one(tx, _found_statement(aggregate, sight), given)
        try:
            if found is not None:
                _check_standing(aggregate, *found)
                await _check_new(tx, aggregate, slot, found[0], viewer, sight)
                return await change(found[0], slot.expected), False
            if slot.there:
                raise PreconditionFailed.absent()
            if isinstance(lost, psycopg.errors.UniqueViolation):
                raise lost
            return await create(), True
        except NotFound as error:
            # It has gone meanwhile.
            lost = error
        except psycopg.errors.UniqueViolation as error:
            # It has come meanwhile, or something else is in the way.
            if error is lost or error.diag.constraint_name == idempotency.CONSTRAINT:
                raise
            lost = error
    assert lost is not None
    raise lost


def _check_standing(aggregate: Aggregate, id: UUID, seen: bool, deleted: bool) -> None:
    if not seen:
        # As a POST with this id would be answered: that it is taken cannot be hidden, by what it is.
        raise Conflict("taken", "There is one with the same external_ids already.")
    if deleted:
        path = f"POST /v1/{aggregate.plural}/{id}/restoration"
        raise Conflict("deleted", f"It is deleted; restore it by {path}, then put it again.")


async def _check_new(
    tx: Session, aggregate: Aggregate, slot: Slot, id: UUID, viewer: UUID | None, sight: LiteralString
) -> None:
    if slot.there is False:
        row = await current.read(tx, aggregate, id, viewer=viewer, sight=sight)
        raise PreconditionFailed.present(row.json.encode(), row.version)


@lru_cache(maxsize=128)
def _found_statement(aggregate: Aggregate, sight: LiteralString) -> LiteralString:
    text = sql.SQL("""SELECT r.id, {sight}, r.deleted_at IS NOT NULL
FROM external_id x JOIN {relation} r ON r.id = x.row_id
WHERE x.noun = {noun} AND x.source = %(source)s::text AND x.external_id = %(external_id)s::text""")
    relation = aggregate.relation
    return literal(
        text.format(sight=sql.SQL(sight), relation=relation, noun=sql.Literal(aggregate.table_name))
    )
