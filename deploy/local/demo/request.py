"""What the demo asks of the public API, as data: who asks what, with references by name instead of ids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["account", "member", "product", "made"]


@dataclass(frozen=True, slots=True)
class Ref:
    """An id known only when the request is sent.

    `account` and `product` are found by name, `member` by mail address, `made` is what the earlier request of
    that name answered.
    """

    kind: Kind
    name: str


Value: TypeAlias = str | int | bool | Ref | Sequence["Value"] | Mapping[str, "Value"] | None


@dataclass(frozen=True, slots=True)
class Request:
    """One write. `path` has `{}` where the id of `of` goes; `what` is the word for it in the progress shown.

    Its answer's id is known as `makes`; it waits for the request that makes `after`.
    """

    what: str
    asker: str
    method: Literal["POST", "PUT", "PATCH"]
    path: str
    body: Mapping[str, Value]
    of: Ref | None = None
    makes: str | None = None
    after: str | None = None
    key: str = ""


def references(value: Value) -> list[Ref]:
    """Every reference in a body, in the order in which it is written."""
    match value:
        case Ref():
            return [value]
        case Mapping():
            return [ref for each in value.values() for ref in references(each)]
        case str():
            return []
        case Sequence():
            return [ref for each in value for ref in references(each)]
        case _:
            return []


def needed(request: Request) -> list[Ref]:
    """Every reference that must be known before the request can be sent."""
    before = [Ref("made", request.after)] if request.after else []
    return [*before, *([request.of] if request.of else []), *references(request.body)]


def filled(value: Value, ids: Mapping[Ref, str]) -> object:
    """The body as JSON wants it, with ids in the place of references."""
    match value:
        case Ref():
            return ids[value]
        case Mapping():
            return {name: filled(each, ids) for name, each in value.items()}
        case str():
            return value
        case Sequence():
            return [filled(each, ids) for each in value]
        case _:
            return value
