"""What docs/events/README.md shows: its programs, run on SQLite, and its tables."""

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

from deploy.local.schemas import DIRECTORY

README: Final = DIRECTORY / "README.md"
TEXT: Final = README.read_text()


def blocks(kind: str) -> str:
    """The fenced blocks of a kind, one after the other."""
    return "\n".join(re.findall(rf"^```{kind}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))


def column(heading: str, number: int = 0) -> list[str]:
    """The code words in a column of the table whose first heading this is, a string for each."""
    table = re.search(rf"^\| {heading} \|.*\n\|---.*\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    assert table is not None, f"no table of {heading}"
    cells = [row.split(" | ")[number] for row in table[1].splitlines()]
    return [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]


@dataclass
class Reader:
    """A consumer that is made of the programs, with places in the partitions of a topic."""

    topic: str
    partitions: int = 2

    def __post_init__(self) -> None:
        self.db = sqlite3.connect(":memory:")
        self.db.executescript(blocks("sql"))
        places = [(self.topic, number) for number in range(self.partitions)]
        self.db.executemany("INSERT INTO place VALUES (?, ?, 0, 0, 1)", places)
        self.db.commit()
        self._written: dict[str, Any] = {}
        exec(blocks("python"), self._written)  # noqa: S102

    def take(self, partition: int, records: Iterable[Mapping[str, Any]]) -> None:
        """Hands it records of a partition, as examples show them, from offset 0 on."""
        given = [
            SimpleNamespace(offset=offset, headers=record["headers"], value=record["value"])
            for offset, record in enumerate(records)
        ]
        self._written["take"](self.db, self.topic, partition, given)

    def copies(self) -> dict[str, tuple[int, str, Any]]:
        """Version, fate and state of what it keeps, by id."""
        rows = self.db.execute("SELECT id, version, fate, state FROM copy")
        return {id: (version, fate, state and json.loads(state)) for id, version, fate, state in rows}

    def held(self) -> Sequence[tuple[Any, ...]]:
        """Everything that it keeps."""
        return [
            row
            for table in ("place", "copy", "mark")
            for row in self.db.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3")
        ]
