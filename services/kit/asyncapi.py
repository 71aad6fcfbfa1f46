"""The AsyncAPI document of events: topics, keys, headers and values as tools read them, from what services declare.

It is written from where a reader stands: all its operations receive. What a value is, the JSON Schemas beside it say.
"""

import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from services.kit.deadletters import VALUE_BYTES
from services.kit.events import MARKS, PublicAggregate, dead_letter_topic_of, schema_id, topic_of

NAME: Final = "asyncapi.json"

Public = Mapping[str, Sequence[PublicAggregate]]
"""What each service tells, by the service's name."""

Json = dict[str, Any]

_BINDING: Final = "0.5.0"
_ABOUT: Final = """\
What happened in Foothold, told on Kafka: one record is one event is one version of one aggregate, with the whole public
state after it. README.md beside this document says how to read it: order, duplicates, snapshots, marks, and what never
changes. One whole record of each type is in tests/contracts/events."""
_UUID: Final = {"type": "string", "format": "uuid"}
_KEY: Final = _UUID | {
    "description": "Fixed at the aggregate's birth: the id of the account that it was born at, else its own."
}
_NUMBER: Final = {"type": "string", "pattern": "^[1-9][0-9]*$"}
_ENVELOPE: Final[Mapping[str, Json]] = {
    "content-type": {"const": "application/json"},
    "ce_specversion": {"const": "1.0"},
    "ce_id": _UUID | {"description": "This event's own."},
    "ce_time": {"type": "string", "format": "date-time", "description": "When it was journaled, UTC."},
    "ce_sequence": _NUMBER | {"description": "The aggregate's version, from 1."},
    "ce_position": _NUMBER
    | {"description": "The place in the source's journal: ascending in every partition."},
    "ce_actor": {"type": "string", "minLength": 1, "description": "Who did it."},
    "ce_requestid": {"type": "string", "description": "The request that it happened in."},
    "ce_traceparent": {"type": "string", "description": "The trace of that request, as W3C has it."},
    "ce_imported": {
        "const": "true",
        "description": "Where a file told it: it has long been so, and is no news.",
    },
}
_SOMETIMES: Final = frozenset({"ce_requestid", "ce_traceparent", "ce_imported"})
_LETTER: Final[Mapping[str, Json]] = {
    "dl_reason": {"type": "string", "description": "Why it is no event."},
    "dl_consumer": {"type": "string", "description": "Who could not read it."},
    "dl_topic": {"type": "string", "description": "Where it lay: topic, partition and offset."},
    "dl_partition": {"type": "string", "pattern": "^[0-9]+$"},
    "dl_offset": {"type": "string", "pattern": "^[0-9]+$"},
    "dl_value_bytes": _NUMBER
    | {"description": f"How long the value was, where it was above {VALUE_BYTES} bytes."},
}
_LETTER_NAME: Final = "dead-letter"
_LICENSE: Final = {"name": "Apache-2.0"}
_SERVER: Final = {
    "host": "{broker}",
    "protocol": "kafka",
    "description": "The organisation's own Kafka.",
    "variables": {
        "broker": {
            "description": "One of KAFKA_BOOTSTRAP_SERVERS.",
            "default": "kafka.example.org:9092",
            "examples": ["127.0.0.1:8009"],
        }
    },
}


def document(public: Public) -> bytes:
    """The text of the document for what these services tell."""
    channels = {
        **{
            topic_of(service): _channel_of_events(service, aggregates)
            for service, aggregates in public.items()
        },
        **{dead_letter_topic_of(service): _channel_of_letters(service) for service in public},
    }
    messages = {
        name: message for service, told in public.items() for name, message in _messages(service, told)
    }
    marks = dict(_messages("|".join(public), [MARKS]))
    whole = {
        "asyncapi": "3.0.0",
        "info": {"title": "Foothold events", "version": "1", "description": _ABOUT, "license": _LICENSE},
        "defaultContentType": "application/json",
        "servers": {"kafka": _SERVER},
        "channels": channels,
        "operations": {f"read.{topic}": _operation(topic) for topic in channels},
        "components": {
            "messages": messages | marks | {_LETTER_NAME: _letter()},
            "schemas": {"key": _KEY, "envelope": _object(_ENVELOPE, _SOMETIMES)},
        },
    }
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _channel_of_events(service: str, aggregates: Sequence[PublicAggregate]) -> Json:
    names = [name for aggregate in (*aggregates, MARKS) for name in _names(aggregate)]
    nouns = ", ".join(aggregate.plural.replace("-", " ") for aggregate in aggregates)
    about = f"What happened to {nouns}; and the marks between which all of them are told of once more."
    return _channel(topic_of(service), names, about)


def _channel_of_letters(service: str) -> Json:
    about = f"Records that {service} could not read as events on the topics of others."
    return _channel(dead_letter_topic_of(service), [_LETTER_NAME], about)


def _channel(topic: str, messages: Sequence[str], about: str) -> Json:
    return {
        "address": topic,
        "description": about,
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"kafka": {"topic": topic, "bindingVersion": _BINDING}},
    }


def _operation(topic: str) -> Json:
    return {"action": "receive", "channel": {"$ref": f"#/channels/{topic}"}}


def _messages(source: str, aggregates: Sequence[PublicAggregate]) -> Iterator[tuple[str, Json]]:
    for aggregate in aggregates:
        for name in _names(aggregate):
            fixed = {
                "ce_type": {"const": name},
                "ce_source": {"type": "string", "pattern": f"^/({source})$"},
                "ce_subject": {"type": "string", "pattern": f"^{aggregate.plural}/[0-9a-f-]{{36}}$"},
                "ce_dataschema": {"const": schema_id(name)},
            }
            yield (
                name,
                {
                    "name": name,
                    "summary": inspect.getdoc(aggregate.state),
                    "contentType": "application/json",
                    "headers": _object(fixed) | {"allOf": [{"$ref": "#/components/schemas/envelope"}]},
                    "payload": {"$ref": f"./{name}.json"},
                    "bindings": _keyed({"$ref": "#/components/schemas/key"}),
                },
            )


def _letter() -> Json:
    return {
        "name": _LETTER_NAME,
        "summary": "A record as it came: its key, its headers and these, and of its value what there is room for.",
        "contentType": "application/octet-stream",
        "headers": _object(_LETTER, {"dl_value_bytes"}),
        "payload": {"description": f"The value as it came, or the first {VALUE_BYTES} bytes of it."},
        "bindings": _keyed({"type": "string", "description": "As it came; empty where there was none."}),
    }


def _keyed(key: Json) -> Json:
    return {"kafka": {"key": key, "bindingVersion": _BINDING}}


def _object(properties: Mapping[str, Json], sometimes: Collection[str] = ()) -> Json:
    required = [name for name in properties if name not in sometimes]
    return {"type": "object", "required": required, "properties": properties}


def _names(aggregate: PublicAggregate) -> list[str]:
    return [f"{type_}.v{aggregate.version}" for type_ in aggregate.types]
