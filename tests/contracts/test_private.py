"""No private field gets onto a topic: a value is planted in every one of every aggregate, and looked for in records."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast
from uuid import UUID

import pytest

from deploy.local.schemas import PUBLIC
from deploy.local.stack import SERVICES, service_of
from services.kit.aggregates import Aggregate
from services.kit.envelope import Encoder, JournalRow
from services.kit.events import PublicAggregate
from services.kit.kafka import Record
from tests.contracts.examples import EXAMPLES

PLANTED: Final = "planted"
MAPS: Final = ("external_ids",)
"""What is told whole, whatever its members are called."""


def pairs() -> Iterator[tuple[str, Aggregate, PublicAggregate]]:
    """Each aggregate of each service, as it is journaled and as it is told."""
    for service in SERVICES:
        told = {each.name: each for each in PUBLIC[service]}
        for aggregate in service_of(service).aggregates:
            yield service, aggregate, told[aggregate.name]


def private(aggregate: Aggregate, public: PublicAggregate) -> list[str]:
    """The fields that the journal keeps of it and that nobody else is told of."""
    return sorted({*aggregate.fields, *aggregate.kept} - public.state.model_fields.keys())


def planted(state: Mapping[str, Any], fields: list[str]) -> dict[str, Any]:
    """The state with a word of its own in every private field, and one in every object in it, however deep."""
    inside = {name: value if name in MAPS else _deep(value) for name, value in state.items()}
    return {**inside, **{name: f"{PLANTED}-{name}" for name in fields}}


def _deep(value: object) -> object:
    if isinstance(value, dict):
        members = cast("dict[str, object]", value).items()
        return {**{name: _deep(each) for name, each in members}, "note": f"{PLANTED}-note"}
    return [_deep(each) for each in cast("list[object]", value)] if isinstance(value, list) else value


def records(service: str, public: PublicAggregate, fields: list[str]) -> Iterator[Record]:
    """What the relay would send of a row of each type, with words planted in its state and in what changed."""
    example = next(each for type_, each in EXAMPLES.items() if type_.startswith(f"{public.name}."))
    state = planted(example["value"]["data"], fields)
    changed = {name: {"from": f"{PLANTED}-before-{name}", "to": f"{PLANTED}-after-{name}"} for name in fields}
    encoder = Encoder(service, PUBLIC[service])
    for type_ in public.types:
        id = UUID(state["id"])
        row = JournalRow(
            1, datetime(2026, 1, 1, tzinfo=UTC), id, type_, public.name, id, 1, id, "sub:tests", None, None, False,
            changed, state,
        )  # fmt: skip
        record = encoder.encode(row)
        assert record is not None
        yield record


@pytest.mark.parametrize(
    ("service", "aggregate", "public"), [pytest.param(*each, id=each[1].name) for each in pairs()]
)
def test_what_is_private_is_in_no_record(service: str, aggregate: Aggregate, public: PublicAggregate) -> None:
    fields = private(aggregate, public)
    assert {"created_by", "updated_by"} <= set(fields), "who wrote a row last is in its events' actors alone"
    for record in records(service, public, fields):
        said = b"".join([record.key, record.value or b"", *(value for _, value in record.headers)]).decode()
        assert PLANTED not in said, said


def test_private_fields_are_those_that_one_would_expect() -> None:
    """A field that is added is private until somebody tells it; these were meant to be."""
    found = {aggregate.name: set(private(aggregate, public)) for _, aggregate, public in pairs()}
    assert {"phones", "emails", "real_influence", "preferred_channel", "tenure_end_on"} <= found["contact"]
    assert "note" in found["contact_link"]
    assert {"need_summary", "funding_source", "credit_limit"} <= found["opportunity"]
    assert "stance_note" in found["stakeholder"]
    assert {"subject", "outcome", "next_step"} <= found["activity"]
    assert "note" in found["time_log"]


def test_a_field_that_is_told_by_mistake_is_found() -> None:
    service, _, public = next(each for each in pairs() if each[1].name == "contact")
    told = [json.loads(record.value or b"{}") for record in records(service, public, ["name"])]
    assert all(each["data"]["name"] == f"{PLANTED}-name" for each in told)
