"""What a checker has to object to."""

from dataclasses import dataclass
from typing import Literal

Checker = Literal["writes", "topics", "copies", "versions", "views", "feeds", "reports", "rest"]


@dataclass(frozen=True)
class Finding:
    """A difference: who found it, a sentence, and whom it is about: ids of rows, names of operations."""

    checker: Checker
    what: str
    about: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.checker}: {self.what} [{', '.join(self.about)}]"
