"""The envelope, what is public, the schemas, the examples."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest
from pydantic import BaseModel, ConfigDict

from services.kit.contract import schema_files, write_schemas
from services.kit.envelope import Encoder, JournalRow, Undecodable, UnknownType, decode, wire_type
from services.kit.events import PublicAggregate
from tests.contracts.shapes import event_of, example_of

ACCOUNT = UUID("0199c0de-0000-7000-8000-000000000001")
KEY = UUID("0199c0de-0000-7000-8000-000000000002")
EVENT = UUID("0199c0de-0000-7000-8000-000000000003")


class Seat(BaseModel):
    model_config = ConfigDict(extra="forbid")

    member_id: UUID


class AccountState(BaseModel):
    id: UUID
    name: str
    amount: int | None
    owner: Seat | None
    team: list[Seat]
    seats: dict[str, Seat]
    tags: list[str]


Spoil = Callable[[Any], object]

PUBLIC = (PublicAggregate("account", "accounts", AccountState, facts=("renamed",)),)
ENCODER = Encoder("contacts", PUBLIC, private=("sight",))

SEAT = {"member_id": "m", "salary": "planted"}
STATE: dict[str, Any] = {
    "id": str(ACCOUNT),
    "name": "阿克米 & Söhne",
    "amount": None,
    "owner": SEAT,
    "team": [SEAT, SEAT],
    "seats": {"main": SEAT},
    "tags": ["a"],
    "phone": "planted",
}


def row(**given: Any) -> JournalRow:
    made = JournalRow(
        position=12,
        recorded_at=datetime(2026, 11, 22, 1, 2, 3, 4, tzinfo=UTC),
        event_id=EVENT,
        type="account.updated",
        aggregate="account",
        aggregate_id=ACCOUNT,
        version=3,
        partition_key=KEY,
        actor="sub:someone",
        request_id="request-1",
        traceparent="00-1-2-00",
        imported=False,
        changed={"name": {"from": "Acme", "to": "阿克米 & Söhne"}, "phone": {"from": "1", "to": "planted"}},
        state=STATE,
    )
    return made._replace(**given)


def encoded(**given: Any) -> dict[str, Any]:
    record = ENCODER.encode(row(**given))
    assert record is not None
    return example_of(record)


def test_the_envelope_is_in_the_headers() -> None:
    example = encoded()
    assert (example["topic"], example["key"]) == ("contacts.events", str(KEY))
    assert example["headers"] == {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_source": "/contacts",
        "ce_type": "account.updated.v1",
        "ce_dataschema": "foothold:/events/account.updated.v1.json",
        "ce_id": str(EVENT),
        "ce_time": "2026-11-22T01:02:03.000004Z",
        "ce_subject": f"accounts/{ACCOUNT}",
        "ce_position": "12",
        "ce_sequence": "3",
        "ce_actor": "sub:someone",
        "ce_requestid": "request-1",
        "ce_traceparent": "00-1-2-00",
    }


def test_only_an_imported_row_says_so() -> None:
    assert "ce_imported" not in encoded()["headers"]
    assert encoded(imported=True)["headers"]["ce_imported"] == "true"


def test_what_is_not_declared_public_stays_at_home_however_deep() -> None:
    value = encoded()["value"]
    assert "planted" not in json.dumps(value)
    seat = {"member_id": "m"}
    assert value["data"] == {
        "id": str(ACCOUNT),
        "name": "阿克米 & Söhne",
        "amount": None,
        "owner": seat,
        "team": [seat, seat],
        "seats": {"main": seat},
        "tags": ["a"],
    }
    assert value["changed"] == {"name": {"from": "Acme", "to": "阿克米 & Söhne"}}


def test_a_change_of_private_fields_alone_is_told_without_them() -> None:
    assert encoded(changed={"phone": {"from": "1", "to": "2"}})["value"]["changed"] == {}


def test_a_nested_change_is_stripped_on_both_sides() -> None:
    changed = encoded(changed={"owner": {"from": None, "to": SEAT}})["value"]["changed"]
    assert changed == {"owner": {"from": None, "to": {"member_id": "m"}}}


def test_a_creation_has_no_changes() -> None:
    assert encoded(type="account.created", changed=None)["value"]["changed"] is None


def test_a_private_aggregate_is_not_told() -> None:
    assert ENCODER.encode(row(type="sight.granted", aggregate="sight")) is None


@pytest.mark.parametrize("type_", ["account.vanished", "deal.created"])
def test_an_unknown_type_is_refused(type_: str) -> None:
    with pytest.raises(UnknownType, match=type_):
        ENCODER.encode(row(type=type_, aggregate=type_.partition(".")[0]))


def test_what_was_encoded_is_decoded() -> None:
    event = event_of(encoded(imported=True))
    assert (event.id, event.source, event.type, event.schema_version) == (
        str(EVENT),
        "contacts",
        "account.updated",
        1,
    )
    assert (event.aggregate, event.subject_id, event.version, event.position) == ("account", ACCOUNT, 3, 12)
    assert (event.time, event.actor, event.imported) == (row().recorded_at, "sub:someone", True)
    assert (event.data["name"], event.key, event.traceparent) == ("阿克米 & Söhne", str(KEY), "00-1-2-00")
    assert event.changed == {"name": {"from": "Acme", "to": "阿克米 & Söhne"}}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ce_type", None, "ce_type is missing"),
        ("ce_type", b"account", "ce_type cannot be 'account'"),
        ("ce_position", b"twelve", "ce_position cannot be 'twelve'"),
        ("ce_sequence", None, "ce_sequence is missing"),
        ("ce_subject", b"accounts/17", "ce_subject cannot be"),
        ("ce_time", b"yesterday", "ce_time cannot be"),
        ("ce_id", b"", "ce_id is missing"),
        ("ce_actor", b"\xff", "ce_actor is not UTF-8"),
        ("ce_position", b"-1", "ce_position cannot be '-1'"),
        ("ce_position", b"%d" % 2**63, "ce_position cannot be '9223372036854775808'"),
        ("ce_position", b"9" * 5000, "ce_position cannot be '999"),
        ("ce_sequence", b"%d" % 2**31, "ce_sequence cannot be '2147483648'"),
        ("ce_time", b"0001-01-01T00:00:00+14:00", "ce_time cannot be"),
        ("ce_time", b"2026-11-22T01:02:03", "ce_time cannot be"),
        ("ce_type", b"account.updated.v" + b"9" * 5000, "ce_type cannot be"),
        ("ce_type", b"a" * 5000 + b".updated.v1", "ce_type cannot be"),
        ("ce_requestid", b"a\0b", "ce_requestid holds NUL"),
        ("somebody_elses", b"a\0b", "somebody_elses holds NUL"),
        ("x\N{REPLACEMENT CHARACTER}", b"", "the name of a header is not UTF-8"),
        ("a\0b", b"", "the name of a header is not UTF-8, or holds NUL"),
    ],
)
def test_a_bad_header_is_named(name: str, value: bytes | None, said: str) -> None:
    record = ENCODER.encode(row())
    assert record is not None
    headers = [(key, raw) for key, raw in record.headers if key != name]
    headers += [(name, value)] if value is not None else []
    with pytest.raises(Undecodable, match=said):
        decode(record.key, headers, record.value)


@pytest.mark.parametrize("key", [None, b"", b"a\0b", b"\xff", b"account-1", b"-" * 5000 + str(KEY).encode()])
def test_a_key_that_is_no_id_is_told(key: bytes | None) -> None:
    record = ENCODER.encode(row())
    assert record is not None
    with pytest.raises(Undecodable, match="key"):
        decode(key, record.headers, record.value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "not an object"),
        (b'{"data": 1}', "no object `data`"),
        (b'{"data": {}, "changed": []}', "`changed` is not an object"),
    ],
)
def test_a_bad_value_is_told(value: bytes | None, said: str) -> None:
    record = ENCODER.encode(row())
    assert record is not None
    with pytest.raises(Undecodable, match=said):
        decode(record.key, record.headers, value)


def test_a_record_without_a_type_is_no_event() -> None:
    with pytest.raises(Undecodable):
        wire_type([("ce_id", b"1")])


def validator(name: str) -> jsonschema_rs.Validator:
    schemas = {file: json.loads(text) for file, text in schema_files(PUBLIC).items()}
    registry = jsonschema_rs.Registry([(schema["$id"], schema) for schema in schemas.values()])
    return jsonschema_rs.validator_for(schemas[name], registry=registry)


def test_there_is_a_schema_for_each_type_and_one_for_the_state() -> None:
    facts = ("created", "deleted", "erased", "renamed", "restored", "snapshot", "updated")
    names = [*(f"account.{fact}" for fact in facts), "account"]
    assert sorted(schema_files(PUBLIC)) == sorted(f"{name}.v1.json" for name in names)


def test_what_is_emitted_satisfies_the_schema_of_its_type() -> None:
    validator("account.updated.v1.json").validate(encoded()["value"] | {"data": STATE})
    validator("account.created.v1.json").validate(encoded(type="account.created", changed=None)["value"])


SPOILT: list[Spoil] = [
    lambda value: value["data"].pop("name"),
    lambda value: value["data"].update(amount="12"),
    lambda value: value["data"]["team"].append({}),
    lambda value: value["changed"].update(name={"from": 1, "to": "b"}),
    lambda value: value["changed"].update(name={"to": "b"}),
    lambda value: value.pop("changed"),
]


@pytest.mark.parametrize("spoil", SPOILT)
def test_the_schema_refuses_another_shape(spoil: Spoil) -> None:
    value = encoded()["value"]
    spoil(value)
    assert not validator("account.updated.v1.json").is_valid(value)


def test_a_schema_never_forbids_further_members() -> None:
    assert b'additionalProperties": false' not in b"".join(schema_files(PUBLIC).values())


def test_schemas_are_written_over_what_was_there_of_them_and_beside_the_rest(tmp_path: Path) -> None:
    files = schema_files(PUBLIC)
    for name in ("README.md", "account.v1.json", "deal.v1.json"):
        (tmp_path / name).write_text("before")
    write_schemas(tmp_path, files)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {**files, "README.md": b"before"}
