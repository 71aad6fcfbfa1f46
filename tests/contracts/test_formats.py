"""Ids, instants and days are read by the kit's own readers, so that each is written in one way, wherever it is sent.

What pydantic would read by itself is more than the document says: `urn:uuid:` before an id, seconds since 1970.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Annotated, Any, cast
from uuid import UUID

import pytest
from fastapi import Query, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter

from services.kit.descriptor import Service
from services.kit.fields import Body, Day, Id, Instant
from services.kit.past import AsOf
from services.kit.routing import StrictRoute
from tests.contracts.test_operations import SERVICES

_WRITTEN_IN_MANY_WAYS = frozenset({"uuid", "datetime", "date", "time", "timedelta"})


def loosely_read(route: APIRoute) -> list[str]:
    """What of the route's parameters and body is read by pydantic alone, each as where it is and its type."""
    fields = [*route.dependant.path_params, *route.dependant.query_params]
    fields += [route.body_field] if route.body_field else []
    return [f"{each.name} {kind}" for each in fields for kind in _loose(_schema(each), read=False)]


def _schema(field: Any) -> object:
    """What pydantic makes of the field."""
    annotation: Any = Annotated[field.field_info.annotation, field.field_info]
    return TypeAdapter[Any](annotation).core_schema


def _loose(node: object, *, read: bool) -> Iterator[str]:
    if isinstance(node, list):
        for each in cast("list[object]", node):
            yield from _loose(each, read=read)
    elif isinstance(node, Mapping):
        told = cast("Mapping[str, object]", node)
        # Of the fields of a model one may be called `type` as well.
        kind = str(told.get("type"))
        read = kind == "function-before" or (read and kind != "model")
        if kind in _WRITTEN_IN_MANY_WAYS and not read:
            yield kind
        for name, each in told.items():
            if name != "metadata":
                yield from _loose(each, read=read)


@pytest.mark.parametrize("service", SERVICES, ids=lambda each: each.name)
def test_every_request_is_read_by_readers_of_one_way(service: Service) -> None:
    routes = [each for router in service.routers for each in router.routes if isinstance(each, StrictRoute)]
    assert {each.path: told for each in routes if (told := loosely_read(each))} == {}


class _Inner(BaseModel):
    at: datetime | None = None


class _Loose(Body):
    ids: list[UUID]
    inner: _Inner


class _Read(Body):
    ids: list[Id]
    at: Instant | None = None
    on: Day


async def _planted(id: UUID, body: _Loose, on: Annotated[date | None, Query()] = None) -> Response:
    raise NotImplementedError(id, body, on)


async def _sound(id: Id, body: _Read, as_of: AsOf = None) -> Response:
    raise NotImplementedError(id, body, as_of)


def test_what_pydantic_reads_alone_is_found() -> None:
    assert loosely_read(StrictRoute("/v1/planted/{id}", _planted, methods=["POST"])) == [
        "id uuid", "on date", "body uuid", "body datetime",
    ]  # fmt: skip
    assert loosely_read(StrictRoute("/v1/sound/{id}", _sound, methods=["POST"])) == []
