"""Profiles: the frozen descriptions by which a noun reads a file of rows.

A profile says how each column of the file is read, which of them is a row's identity, and in which walks over the file
the noun's rows are made of it. It is data and pure functions; the imports that work by it are `services.kit.imports`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, LiteralString, TypeAlias
from uuid import UUID

from services.kit.aggregates import Aggregate
from services.kit.db import Session
from services.kit.journal import Cause
from services.kit.settings import Settings

Read: TypeAlias = Callable[[str], Any]
"""Reads the text of a cell that is not empty. Raises ValueError saying what would be right."""

_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Column:
    """How a column of the file is read. `mends` are slips of the source, each put right with a line in the report."""

    read: Read
    required: bool = False
    mends: Mapping[str, str] = field(default_factory=lambda: _NONE)


def same(value: Any) -> Any:
    """The value itself."""
    return value


@dataclass(frozen=True, eq=False)
class From:
    """A field's value as made of columns' values, each of which may be None.

    It is written again whenever one of the columns has changed in the file. `make` raises ValueError where the columns
    contradict each other; the row is then refused, naming the first of them.
    """

    columns: tuple[str, ...]
    make: Callable[..., Any]


def of(*columns: str, make: Callable[..., Any] = same) -> From:
    """A field made of these columns; of one column, its value as read, unless `make` says otherwise."""
    return From(columns, make)


@dataclass(frozen=True)
class Telling:
    """What fields that are made together are made of: the file's values by column, which of the columns have changed,
    the fields as the row has them now, and who imports. Of a new row `changed` and `present` are None.
    """

    values: Mapping[str, Any]
    changed: frozenset[str] | None
    present: Mapping[str, Any] | None
    actor: str


@dataclass(frozen=True)
class Told:
    """What fields become (those left out stay), and the fact of the journal entry that says so."""

    fields: Mapping[str, Any]
    fact: str = "updated"


@dataclass(frozen=True, eq=False)
class Together:
    """Fields that are made together from columns, and from how the row stands at that moment, under its lock.

    `make` of a new row gives every field, and raises ValueError where the columns contradict each other; `fields` of
    `present` are as JSON has them.
    """

    fields: tuple[str, ...]
    columns: tuple[str, ...]
    make: Callable[[Telling], Told]


@dataclass(frozen=True, eq=False)
class Reference:
    """A field that names another row by the external id in a column.

    `find` is SQL that gives (key, id) for the ids `%(keys)s::text[]` of `%(source)s`. None: a row of the noun itself;
    such references form a hierarchy, which changes under the advisory lock that `lock` takes. `what` completes "is no".
    """

    column: str
    what: str
    find: LiteralString | None = None
    lock: LiteralString | None = None

    @property
    def own(self) -> bool:
        """Whether it names a row of the noun itself."""
        return self.find is None


@dataclass(frozen=True)
class Written:
    """A row that an import has made (`new`) or changed: its id, and the fields that were written."""

    id: UUID
    new: bool
    fields: Mapping[str, Any]


Beside: TypeAlias = Callable[[Session, Sequence[Written], Cause, Settings], Awaitable[None]]
"""Writes what goes with the rows, in their transaction."""


@dataclass(frozen=True, eq=False)
class Walk:
    """One walk over the file.

    `identity` is the column with the row's id at its source. `born` are fields that a new row has and the file does not
    tell; they are never written again. `together` are fields that are made together. `partition` is the reference whose
    row's events a new row's events follow. `beside` writes what goes with the rows.
    `once` marks a walk over rows of which several rows of the file may tell: the first one counts. `links` marks a walk
    that comes after the rows' own and only sets references among them.
    """

    identity: str
    fields: Mapping[str, From] = field(default_factory=lambda: _NONE)
    references: Mapping[str, Reference] = field(default_factory=lambda: _NONE)
    born: Mapping[str, Any] = field(default_factory=lambda: _NONE)
    together: Together | None = None
    partition: str | None = None
    once: bool = False
    links: bool = False
    beside: Beside | None = None

    @cached_property
    def sources(self) -> Mapping[str, frozenset[str]]:
        """The columns on which each field rests."""
        made = {name: frozenset(one.columns) for name, one in self.fields.items()}
        made |= {name: frozenset({one.column}) for name, one in self.references.items()}
        if self.together is not None:
            made |= dict.fromkeys(self.together.fields, frozenset(self.together.columns))
        return made

    def key(self, column: str) -> str:
        """Under which name the column's hash is kept: the same column tells something else of a row met `once`."""
        return f"{self.identity}/{column}" if self.once else column

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that the walk writes from, whose hashes it keeps."""
        return tuple(sorted({column for columns in self.sources.values() for column in columns}))


@dataclass(frozen=True, eq=False)
class Profile:
    """How one kind of file is read. `name` is what requests call it, and the source of the rows' external ids.

    `columns` are all that the file has, in any order there. Exactly one walk is neither `once` nor `links`: it answers
    for what is wrong with a row. Columns with own references and identities have no mends, for they are compared
    inside the file as they stand.
    """

    name: str
    columns: Mapping[str, Column]
    walks: tuple[Walk, ...]

    def __post_init__(self) -> None:
        mains = [walk for walk in self.walks if not walk.once and not walk.links]
        compared = {walk.identity for walk in self.walks} | {
            reference.column for walk in self.walks for reference in walk.references.values() if reference.own
        }
        unknown = {name for walk in self.walks for name in walk.columns} | compared
        if len(mains) != 1 or unknown - self.columns.keys() or any(self.columns[n].mends for n in compared):
            raise ValueError(f"profile {self.name} contradicts itself")

    @cached_property
    def main(self) -> int:
        """The number of the walk that answers for the rows."""
        return next(n for n, walk in enumerate(self.walks) if not walk.once and not walk.links)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Where each column stands in a staged row."""
        return {name: place for place, name in enumerate(self.columns)}

    @cached_property
    def linking(self) -> tuple[str, ...]:
        """The columns that come after the rows' own walk."""
        return tuple({column for walk in self.walks if walk.links for column in walk.columns})

    def staged(self, number: int) -> int:
        """Under which walk's number the rows are staged that walk `number` reads."""
        return number if self.walks[number].once else self.main


@dataclass(frozen=True, eq=False)
class Import:
    """What of a service can be imported: the noun as paths name it, its aggregate, the profiles it knows."""

    noun: str
    aggregate: Aggregate
    profiles: tuple[Profile, ...] = field(default=())

    def profile(self, name: str) -> Profile:
        """The profile of that name. Raises KeyError."""
        return {profile.name: profile for profile in self.profiles}[name]

    @property
    def table(self) -> str:
        """The table's name: what `external_id` calls the noun."""
        return str(getattr(self.aggregate.table, "__tablename__"))  # noqa: B009  # SQLModel's type of it is half known
