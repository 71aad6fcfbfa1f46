"""Types of fields that requests share: strict, bounded, and said in OpenAPI."""

from datetime import date, datetime
from re import fullmatch
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
)

from services.kit.clock import in_utc, now, read_instant
from services.kit.ids import read_id

MAX_MONEY = 2**53 - 1

# Controls and spaces one by one, for what `\s` takes in is not the same for readers of a schema and for its judges.
_BLANK = r"\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
VISIBLE: Final = f"[^{_BLANK}]"
"""A character that can be seen, as a pattern that means the same to Python, Pydantic and ECMA-262."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=VISIBLE)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=VISIBLE)]
Note = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
Flag = StrictBool
Count = Annotated[StrictInt, Field(ge=0, le=2**31 - 1)]
Money = Annotated[
    StrictInt,
    Field(ge=-MAX_MONEY, le=MAX_MONEY, description="Minor units of the currency, as ISO 4217 counts them."),
]
Currency = Annotated[
    str, StringConstraints(pattern="^[A-Z]{3}$"), Field(description="ISO 4217 code.", examples=["USD"])
]
Minutes = Annotated[StrictInt, Field(ge=1, le=1440)]
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        to_lower=True,
        max_length=254,
        pattern=rf'^[^@{_BLANK},;<>"]+@[^@{_BLANK},;<>"]+\.[^@{_BLANK}.,;<>"]+$',
    ),
]
Website = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=500, pattern=f"^https?://{VISIBLE}+$")
]
Source = Annotated[str, StringConstraints(pattern="^[a-z0-9][a-z0-9_.-]{0,39}$")]
ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _of_named_keys_alone(schema: dict[str, Any]) -> None:
    """Says of an object with patterns of keys that it has no other keys, as readers and generators understand it."""
    ((pattern, value),) = schema.pop("patternProperties").items()
    schema |= {"propertyNames": {"pattern": pattern}, "additionalProperties": value}


ExternalIds = Annotated[
    dict[Source, ExternalId],
    Field(
        max_length=20,
        description="Ids of the row in other systems, by source.",
        json_schema_extra=_of_named_keys_alone,
    ),
]
ExternalIdsPatch = Annotated[
    dict[Source, ExternalId | None],
    Field(
        max_length=20,
        description="Ids in other systems that change, by source; null takes one away.",
        json_schema_extra=_of_named_keys_alone,
    ),
]


def _read(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    return read_instant(value if isinstance(value, str) else "")


def _past(value: datetime) -> datetime:
    if value > now():
        raise ValueError("lies in the future; what is done cannot")
    return value


def _day_only(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not fullmatch(r"\d{4}-\d\d-\d\d", value):
        raise ValueError("must be a day as in 2026-11-30")
    return value


Day = Annotated[date, BeforeValidator(_day_only)]
Instant = Annotated[AwareDatetime, BeforeValidator(_read), AfterValidator(in_utc)]
PastInstant = Annotated[Instant, AfterValidator(_past)]


def _read_id(value: Any) -> Any:
    return read_id(value) if isinstance(value, str) else value


Id = Annotated[UUID, BeforeValidator(_read_id)]


class Body(BaseModel):
    """The base of request bodies: a field that is not known is refused by name."""

    model_config = ConfigDict(extra="forbid")


class Read(BaseModel):
    """The base of what rows look like to readers; it documents what PostgreSQL renders."""

    model_config = ConfigDict(extra="forbid")


class Paged(Read):
    """What goes with the `items` of every page of a list; `total` is there where it was asked for."""

    next_cursor: str | None
    total: int | None = None


class Stamped(Read):
    """The fields that every row ends with."""

    version: int
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
