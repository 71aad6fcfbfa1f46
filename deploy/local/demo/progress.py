"""How far the demo has come, on the disk, so that a run that was killed goes on where it was.

A file of JSON lines under FOOTHOLD_HOME: first the seed and the day, then a line when the files are imported and
one for each request that was answered, last a line that says it is finished. A line that a kill tore is dropped;
its request is sent again under its key.
"""

import json
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import IO, Any, Self


@dataclass
class Progress:
    """What is done. `answered` holds the id of what each request made, by the request's key."""

    path: Path
    seed: int
    today: date
    imported: bool = False
    finished: bool = False
    answered: dict[str, str] = field(default_factory=dict[str, str])
    _file: IO[str] | None = None

    @classmethod
    def read(cls, home: Path) -> Self | None:
        """What an earlier run left under `home`; None where none began."""
        path = _path(home)
        lines = _whole_lines(path)
        if not lines:
            return None
        progress = cls(path, lines[0]["seed"], date.fromisoformat(lines[0]["today"]))
        for line in lines[1:]:
            progress._take(line)
        return progress

    @classmethod
    def begin(cls, home: Path, seed: int, today: date) -> Self:
        """A first run, noted."""
        progress = cls(_path(home), seed, today)
        progress.path.unlink(missing_ok=True)
        progress._note({"seed": seed, "today": today.isoformat()})
        return progress

    def note_import(self) -> None:
        """The files are imported."""
        self._note({"imported": True})

    def note(self, key: str, made: str) -> None:
        """The request of that key was answered, with this id."""
        self._note({"key": key, "made": made})

    def finish(self) -> None:
        """Everything is done."""
        self._note({"finished": True})

    def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file.close()

    def _note(self, line: dict[str, Any]) -> None:
        self._take(line)
        self._file = self._file or self.path.open("a")
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def _take(self, line: dict[str, Any]) -> None:
        match line:
            case {"key": key, "made": made}:
                self.answered[key] = made
            case {"imported": True}:
                self.imported = True
            case {"finished": True}:
                self.finished = True
            case _:
                pass


def _path(home: Path) -> Path:
    return home / "demo.jsonl"


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """The lines that are whole; what follows the last of them is cut off, for the next is written after it."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        path.write_bytes(whole)
    return [json.loads(line) for line in whole.splitlines()]
