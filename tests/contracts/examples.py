"""The examples: one record of each type of event, as JSON, shared by the tests of producers and of consumers."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

from deploy.local.schemas import DIRECTORY, PUBLIC
from services.kit.asyncapi import NAME
from services.kit.events import MARKS

Example = dict[str, Any]

EVENTS: Final = Path(__file__).parent / "events"
EXAMPLES: Final[Mapping[str, Example]] = {
    path.stem: json.loads(path.read_bytes()) for path in sorted(EVENTS.glob("*.json"))
}
"""By type, without the version."""


def types_of(service: str) -> list[str]:
    """The types that the service declares."""
    return [type_ for aggregate in PUBLIC[service] for type_ in aggregate.types]


ALL_TYPES: Final = [*(type_ for service in PUBLIC for type_ in types_of(service)), *MARKS.types]
"""Every type that is told; all services tell the marks of a republish."""


KEYS: Final[Mapping[str, str]] = json.loads((Path(__file__).parent / "keys.json").read_bytes())
"""The released key of each type: the member of the state that it is."""


def service_of(type_: str) -> str:
    """The service that declares the type, or whose example there is of a mark."""
    declaring = (service for service in PUBLIC if type_ in types_of(service))
    return next(declaring, "contacts")


def key_of(example: Mapping[str, Any]) -> str:
    """The member of an example's state that its key is; "" where the state does not hold it."""
    state: Mapping[str, Any] = example["value"]["data"]
    names = ("account_id", "id", *sorted(state))
    return next((name for name in names if state.get(name) == example["key"]), "")


def refusals(type_: str, values: Iterable[Any]) -> Iterator[str]:
    """What the committed schema of the type says against the values, a sentence each."""
    schemas = [json.loads(path.read_bytes()) for path in DIRECTORY.glob("*.v*.json")]
    registry = jsonschema_rs.Registry([(schema["$id"], schema) for schema in schemas])
    schema = json.loads((DIRECTORY / f"{type_}.v1.json").read_bytes())
    validator = jsonschema_rs.validator_for(schema, registry=registry, validate_formats=True)
    for value in values:
        for error in validator.iter_errors(value):
            yield f"{'.'.join(map(str, error.instance_path))}: {error.message}"


def header_refusals(message: str, given: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """What the committed AsyncAPI document says against the headers of such a message, a sentence each."""
    components = json.loads((DIRECTORY / NAME).read_bytes())["components"]
    schema = components["messages"][message]["headers"] | {"components": components}
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)
    for headers in given:
        for error in validator.iter_errors(dict(headers)):
            yield f"{'.'.join(map(str, error.instance_path))}: {error.message}"
