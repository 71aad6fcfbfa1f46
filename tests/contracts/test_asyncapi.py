"""The AsyncAPI document is one to AsyncAPI's own parser, describes what is told, and keeps what it has promised."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

import pytest
from kafka.consumer.fetcher import ConsumerRecord

from deploy.local.schemas import DIRECTORY, PUBLIC, RELEASED, declared
from services.kit.asyncapi import NAME
from services.kit.deadletters import VALUE_BYTES, Burial, Dead
from services.kit.events import MARKS
from tests.contracts.compatibility.asyncapi import breaks
from tests.contracts.examples import EXAMPLES, header_refusals
from tests.contracts.validator import Answer, parsed

# Its packages may have to be installed first.
pytestmark = pytest.mark.timeout(300)

Json = dict[str, Any]

COMMITTED: Final = (DIRECTORY / NAME).read_text()

LATER: Final = {
    "prefixItems", "dependentRequired", "dependentSchemas", "unevaluatedItems", "unevaluatedProperties", "minContains",
    "maxContains", "$anchor", "$dynamicRef", "$dynamicAnchor",
}  # fmt: skip
"""Words of JSON Schema that came after draft 7; `$defs`, one more, only holds what references point to."""


def _message(document: Json) -> Json:
    return document["components"]["messages"]["account.created.v1"]


def _no_channel(document: Json) -> None:
    del document["operations"]["read.contacts.events"]["channel"]


def _no_such_message(document: Json) -> None:
    document["channels"]["contacts.events"]["messages"]["x"] = {"$ref": "#/components/messages/x"}


def _no_such_file(document: Json) -> None:
    _message(document)["payload"]["$ref"] = "./account.founded.v1.json"


def _no_key(document: Json) -> None:
    _message(document)["bindings"]["kafka"]["key"] = 7


def _no_schema(document: Json) -> None:
    _message(document)["headers"]["properties"]["ce_type"] = {"type": "word"}


def _no_member(document: Json) -> None:
    document["channels"]["contacts.events"]["topic"] = "contacts.events"


PLANTS: Final[Sequence[Callable[[Json], None]]] = [
    _no_channel,
    _no_such_message,
    _no_such_file,
    _no_key,
    _no_schema,
    _no_member,
]


def planted(plant: Callable[[Json], None], text: str = COMMITTED) -> str:
    """The document, spoilt."""
    document = json.loads(text)
    plant(document)
    return json.dumps(document)


def _shorten(document: Json) -> None:
    """Leaves one topic and one message, which the parser reads in a fifth of the time."""
    topic, message = "contacts.events", "account.created.v1"
    components, channels = document["components"], document["channels"]
    document["channels"] = {
        topic: channels[topic] | {"messages": {message: channels[topic]["messages"][message]}}
    }
    document["operations"] = {f"read.{topic}": document["operations"][f"read.{topic}"]}
    components["messages"] = {message: _message(document)}


@pytest.fixture(scope="module")
def answers() -> Mapping[str, Answer]:
    """What the parser says of the committed document, of a short one under `short`, and of those that are spoilt."""
    short = planted(_shorten)
    documents = {NAME: COMMITTED, "short": short} | {
        plant.__name__: planted(plant, short) for plant in PLANTS
    }
    return dict(zip(documents, parsed(list(documents.values())), strict=True))


def test_the_parser_finds_nothing(answers: Mapping[str, Answer]) -> None:
    assert answers[NAME].findings == []
    assert answers["short"].findings == []


@pytest.mark.parametrize("plant", PLANTS)
def test_the_parser_finds_a_planted_mistake(
    plant: Callable[[Json], None], answers: Mapping[str, Answer]
) -> None:
    assert answers[plant.__name__].findings


@pytest.mark.parametrize("service", PUBLIC)
def test_the_parser_reads_every_type_with_its_state(service: str, answers: Mapping[str, Answer]) -> None:
    assert answers[NAME].messages[f"{service}.events"] == {
        f"{type_}.v{aggregate.version}": list(aggregate.state.model_fields)
        for aggregate in (*PUBLIC[service], MARKS)
        for type_ in aggregate.types
    }


def test_the_parser_reads_the_dead_letters(answers: Mapping[str, Answer]) -> None:
    topics = answers[NAME].messages.keys() - {f"{service}.events" for service in PUBLIC}
    assert topics == {f"{service}.dead-letter" for service in PUBLIC}


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("ce_type", "account.updated.v1"),
        ("ce_source", "/opportunities"),
        ("ce_subject", "account"),
        ("ce_position", "first"),
        ("ce_id", "0"),
        ("ce_imported", "false"),
        ("ce_sequence", None),
    ],
)
def test_other_headers_than_are_described_are_told(header: str, text: str | None) -> None:
    spoilt = EXAMPLES["account.created"]["headers"] | {header: text}
    given = {name: each for name, each in spoilt.items() if each is not None}
    assert len(list(header_refusals("account.created.v1", [given]))) == 1


@pytest.mark.parametrize("value", [b"{", b"x" * (VALUE_BYTES + 1)])
def test_a_dead_letter_has_the_headers_that_are_described(value: bytes) -> None:
    record = ConsumerRecord("members.events", 3, 0, 17, 0, 0, b"key", value, [], None, 3, len(value), 0)
    letter = Burial("contacts", "")._letter(Dead(record, "the value is not JSON"))  # pyright: ignore[reportPrivateUsage]
    headers = {name: text.decode() for name, text in letter.headers}
    assert list(header_refusals("dead-letter", [headers])) == []
    del headers["dl_offset"]
    assert list(header_refusals("dead-letter", [headers]))


def test_the_schemas_mean_the_same_to_a_tool_that_knows_draft_7_alone() -> None:
    """AsyncAPI's own dialect is made of it: none of the later words are used, and nothing stands beside a reference."""
    schemas = [
        inner for path in DIRECTORY.glob("*.v*.json") for inner in _inner(json.loads(path.read_bytes()))
    ]
    assert not {word for schema in schemas for word in schema} & LATER
    assert [schema for schema in schemas if "$ref" in schema and len(schema) > 1] == []


def _inner(schema: object) -> Iterator[Json]:
    """The objects of a schema, from the outside in."""
    if isinstance(schema, dict):
        yield cast("Json", schema)
        schema = list(cast("Json", schema).values())
    for each in cast("list[object]", schema) if isinstance(schema, list) else ():
        yield from _inner(each)


def test_what_was_promised_is_kept() -> None:
    assert breaks((RELEASED / NAME).read_bytes(), declared()[NAME]) == []


def _other_address(document: Json) -> None:
    document["channels"]["contacts.events"]["address"] = "contacts.events.2"


def _other_name(document: Json) -> None:
    for place in (document["channels"]["contacts.events"], document["components"]):
        place["messages"]["account.founded.v1"] = place["messages"].pop("account.created.v1")
    document["channels"]["contacts.events"]["messages"]["account.founded.v1"] = {
        "$ref": "#/components/messages/account.founded.v1"
    }


def _other_key(document: Json) -> None:
    document["components"]["schemas"]["key"]["format"] = "email"


def _other_value(document: Json) -> None:
    _message(document)["payload"]["$ref"] = "./account.updated.v1.json"


def _header_is_gone(document: Json) -> None:
    del document["components"]["schemas"]["envelope"]["properties"]["ce_imported"]


def _header_is_sometimes_there(document: Json) -> None:
    document["components"]["schemas"]["envelope"]["required"].remove("ce_actor")


@pytest.mark.parametrize(
    ("plant", "told"),
    [
        (_other_address, "contacts.events: address was contacts.events, and is contacts.events.2"),
        (_other_name, "contacts.events: account.created.v1: name was account.created.v1, and is gone"),
        (_other_key, 'contacts.events: account.created.v1: key was {"format":"uuid",'),
        (_other_value, "contacts.events: account.created.v1: value was"),
        (_header_is_gone, "contacts.events: account.created.v1: header ce_imported was sometimes"),
        (_header_is_sometimes_there, "contacts.events: account.created.v1: header ce_actor was always"),
    ],
)
def test_a_planted_break_of_a_promise_is_told(plant: Callable[[Json], None], told: str) -> None:
    assert [line for line in breaks(COMMITTED.encode(), planted(plant).encode()) if line.startswith(told)]


def test_what_is_only_promised_on_top_breaks_nothing() -> None:
    document = json.loads(COMMITTED)
    document["components"]["messages"]["account.merged.v1"] = _message(document) | {
        "name": "account.merged.v1"
    }
    told = document["channels"]["contacts.events"]["messages"]
    told["account.merged.v1"] = {"$ref": "#/components/messages/account.merged.v1"}
    document["components"]["schemas"]["envelope"]["properties"]["ce_tenant"] = {"type": "string"}
    _message(document)["summary"] = "said otherwise"
    assert breaks(COMMITTED.encode(), json.dumps(document).encode()) == []
