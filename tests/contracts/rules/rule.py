"""What a rule is: a sentence, what finds its offenders, and a planted one that it has to find."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypeAlias

from tests.contracts.rules.reading import Document, Operation, operations

Check: TypeAlias = Callable[[Operation], Iterator[str]]
Plant: TypeAlias = Callable[[Operation, dict[str, Any]], object]


@dataclass(frozen=True, eq=False)
class Rule:
    """`check` tells what is wrong with an operation. `plant` spoils one that `spoils` picks, as a mistake would.

    `plant` gets the operation and its own description, which it may change; the operation's document is a copy.
    """

    says: str
    check: Check
    spoils: Callable[[Operation], bool]
    plant: Plant

    def offenders(self, document: Document) -> list[str]:
        """What is wrong in the document, one line an offence."""
        return [f"{each}: {wrong}" for each in operations(document) for wrong in self.check(each)]

    def planted(self, document: Document) -> Document:
        """The document with one offender more. Raises StopIteration where nothing could be spoilt."""
        spoilt = deepcopy(dict(document))
        chosen = next(each for each in operations(spoilt) if self.spoils(each))
        self.plant(chosen, spoilt["paths"][chosen.path][chosen.method])
        return spoilt
