"""What services tell has the shape of the examples, satisfies the committed schemas, and carries no private word."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
import pytest_asyncio
from pydantic import create_model

from deploy.local.schemas import PUBLIC
from services.kit.envelope import Encoder, JournalRow
from services.kit.events import MARKS
from services.kit.kafka import Record
from tests.contracts.examples import (
    ALL_TYPES,
    EXAMPLES,
    KEYS,
    Example,
    header_refusals,
    key_of,
    refusals,
    service_of,
    types_of,
)
from tests.contracts.shapes import differences, event_of, example_of
from tests.contracts.telling import PRIVATE, TELLING, encoded
from tests.servers import Databases

MAPS: Final = ("value.changed", "value.data.external_ids")
"""Objects whose members are not of the shape."""

FIXED: Final = ("content-type", "ce_specversion", "ce_source", "ce_type", "ce_dataschema")
"""Headers that are the same in every record of a type."""


@dataclass(frozen=True)
class Told:
    """What a service has journaled, and how its relay publishes it."""

    rows: Sequence[JournalRow]
    records: Sequence[Record]

    def of(self, service: str, type_: str) -> list[Example]:
        """The records of the type, as examples show them."""
        rows = [row for row in self.rows if row.type == type_]
        return [example_of(record) for record in encoded(service, rows)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(databases: Databases) -> Mapping[str, Told]:
    """What each service tells when it is driven through all that makes it speak."""
    rows = {service: await tell(databases) for service, tell in TELLING.items()}
    return {service: Told(rows[service], encoded(service, rows[service])) for service in rows}


def test_every_type_has_an_example_and_every_example_a_type() -> None:
    assert sorted(EXAMPLES) == sorted(ALL_TYPES)


def test_no_two_services_tell_the_same_type() -> None:
    assert len(set(ALL_TYPES)) == len(ALL_TYPES)


@pytest.mark.parametrize("service", PUBLIC)
def test_the_scenes_bring_about_every_type(service: str, told: Mapping[str, Told]) -> None:
    # Whose sight of an account has changed is nobody else's business.
    rows = (row for row in told[service].rows if row.aggregate != "sight")
    assert {row.type for row in rows} == {*types_of(service), *MARKS.types}


@pytest.mark.parametrize("type_", ALL_TYPES)
def test_what_is_told_has_the_shape_of_the_example(type_: str, told: Mapping[str, Told]) -> None:
    service, example = service_of(type_), EXAMPLES[type_]
    records = told[service].of(service, type_)
    assert records
    for record in records:
        assert differences(example, record, free=MAPS) == []
        assert {name: record["headers"][name] for name in FIXED} == {
            name: example["headers"][name] for name in FIXED
        }
        assert (record["topic"], _noun(record)) == (example["topic"], _noun(example))
        # What belongs to no account is told under its own id.
        released = KEYS[type_]
        told_under_it = released == "" or record["value"]["data"].get(released)
        assert key_of(record) == (released if told_under_it else "id")


@pytest.mark.parametrize("type_", ALL_TYPES)
def test_what_is_told_satisfies_the_schema(type_: str, told: Mapping[str, Told]) -> None:
    service = service_of(type_)
    records = told[service].of(service, type_)
    assert list(refusals(type_, [record["value"] for record in records])) == []
    assert list(header_refusals(f"{type_}.v1", [record["headers"] for record in records])) == []


@pytest.mark.parametrize("type_", ALL_TYPES)
def test_an_example_is_an_event_of_its_type(type_: str) -> None:
    event = event_of(EXAMPLES[type_])
    assert (event.type, event.source) == (type_, service_of(type_))
    assert str(event.subject_id) == event.data["id"]


@pytest.mark.parametrize("type_", ALL_TYPES)
def test_an_example_satisfies_the_schema(type_: str) -> None:
    assert list(refusals(type_, [EXAMPLES[type_]["value"]])) == []
    assert list(header_refusals(f"{type_}.v1", [EXAMPLES[type_]["headers"]])) == []


@pytest.mark.parametrize("service", PUBLIC)
def test_private_words_stay_at_home(service: str, told: Mapping[str, Told]) -> None:
    kept = "".join(str(row.state) for row in told[service].rows)
    assert [word for word in PRIVATE[service] if word not in kept] == [], "the calls carried them"
    assert leaked(told[service].records, PRIVATE[service]) == []


def test_a_planted_leak_is_found(told: Mapping[str, Told]) -> None:
    phones: Any = (list[str], ...)
    careless = [
        replace(aggregate, state=create_model("Careless", __base__=aggregate.state, phones=phones))
        if aggregate.name == "contact"
        else aggregate
        for aggregate in PUBLIC["contacts"]
    ]
    encoder = Encoder("contacts", careless)
    records = [record for row in told["contacts"].rows if (record := encoder.encode(row))]
    assert leaked(records, PRIVATE["contacts"]) == list(PRIVATE["contacts"][:2])


def test_a_planted_difference_of_shape_is_found(told: Mapping[str, Told]) -> None:
    [first, *_] = told["contacts"].of("contacts", "contact.created")
    del first["value"]["data"]["level"]
    assert differences(EXAMPLES["contact.created"], first) == ["value.data.level: missing"]
    assert list(refusals("contact.created", [first["value"]])) == ['data: "level" is a required property']


def leaked(records: Sequence[Record], words: Collection[str]) -> list[str]:
    """Those of the words that stand anywhere in the records."""
    texts = [
        part.decode()
        for record in records
        for part in (record.key, record.value or b"", *(value for _, value in record.headers))
    ]
    return [word for word in words if any(word in text for text in texts)]


def _noun(example: Example) -> str:
    return example["headers"]["ce_subject"].partition("/")[0]
