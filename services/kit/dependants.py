"""What a delete means: for each kind of row, what hangs on it, and what becomes of that.

A service declares one `Deletable` for each aggregate whose rows people delete, beside the aggregate. The declarations
are shown in the answer of a delete and in the 409 that refuses one; `services.kit.deletion` does as they say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, LiteralString

from services.kit.access import Sight
from services.kit.aggregates import Aggregate


class Meaning(StrEnum):
    """What a delete means for what hangs on the row."""

    REFUSE = "REFUSE"
    """As long as there is any, the row is not deleted."""
    FOLLOW = "FOLLOW"
    """Deleted with it, and restored with it."""
    HIDE = "HIDE"
    """Another service's; not shown while the row is deleted."""
    STAY = "STAY"
    """Shown as before; it names a row that is not there."""


@dataclass(frozen=True, eq=False)
class Dependant:
    """One kind of rows that hang on another, and what becomes of them; `said` tells people why, or what to do.

    Of those that are this service's own, or that it has copies of, `relation` is the table, and `where` is SQL over
    its row `r` in which `{root}` stands for the id of the row that they hang on. Those that follow are an `aggregate`;
    they come back where `whole` holds. Of those that refuse, the ones seen by `sight` are named.
    """

    noun: str
    meaning: Meaning
    said: str
    relation: LiteralString = ""
    where: LiteralString = "false"
    aggregate: Aggregate | None = None
    whole: LiteralString = "true"
    sight: Sight | None = None


@dataclass(frozen=True)
class Need:
    """What a row cannot be restored without: SQL over the row `r`, and what to tell where it does not hold."""

    code: str
    where: LiteralString
    said: str


@dataclass(frozen=True, eq=False)
class Deletable:
    """An aggregate whose rows are deleted and restored, what hangs on them, and what they need to come back.

    `blank` are fields that tell of a person, each with a value that tells nothing: what is left of them in the end.
    """

    aggregate: Aggregate
    dependants: tuple[Dependant, ...] = ()
    needs: tuple[Need, ...] = ()
    blank: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def of(self, meaning: Meaning) -> tuple[Dependant, ...]:
        """The dependants for which a delete means this."""
        return tuple(each for each in self.dependants if each.meaning is meaning)
