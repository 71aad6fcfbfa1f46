"""What a client keeps, in SQLite: rows, how far it has followed, and what it owes to read again.

Whatever belongs together is written in one transaction, so that a client may be killed between any two statements.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

WHOLES: Final = {"contact-links": "from_contact_id", "stakeholders": "opportunity_id"}
"""Nouns whose rows are parts of another row, and the field that names it. They come and go with it."""

AT_ACCOUNT: Final = {"contacts": "contacts", "opportunities": "opportunities", "activities": "activities"}
"""The noun of each service whose rows are shown at an account."""

PARTS: Final = {"contacts": "contact-links", "opportunities": "stakeholders"}
"""Nouns whose rows have parts, and the parts' noun."""

_DECIDE: Final = ("account_id", "owner_id")  # Who sees a row's parts hangs on these.

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS row (
  noun TEXT, id TEXT, version INTEGER NOT NULL, whole TEXT, account TEXT, data TEXT, PRIMARY KEY (noun, id)
);
CREATE INDEX IF NOT EXISTS row_whole ON row (noun, whole);
CREATE INDEX IF NOT EXISTS row_account ON row (noun, account);
CREATE TABLE IF NOT EXISTS debt (kind TEXT, id TEXT, PRIMARY KEY (kind, id));
CREATE TABLE IF NOT EXISTS token (token TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Debt:
    """What is to be read again: a service's rows at an account (`kind` is the service) or the parts of a row
    (`kind` is its noun, with a plus before it).
    """

    kind: str
    id: str

    @property
    def noun(self) -> str | None:
        """The noun of the row whose parts are owed; None where an account is."""
        return self.kind[1:] if self.kind.startswith("+") else None


class Store:
    """The file. A row without data is one that has gone: its version says which news of it are old."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path)
        self._db.executescript(_TABLES)

    def close(self) -> None:
        self._db.close()

    @property
    def token(self) -> str | None:
        """How far has been followed; None where nothing has been read yet."""
        found = self._db.execute("SELECT token FROM token").fetchone()
        return found[0] if found else None

    @property
    def debts(self) -> list[Debt]:
        """What is to be read again before the rows are what a fresh read shows."""
        return [Debt(*row) for row in self._db.execute("SELECT kind, id FROM debt ORDER BY kind, id")]

    def rows(self) -> dict[tuple[str, str], Any]:
        """All rows, by noun and id."""
        told = self._db.execute("SELECT noun, id, data FROM row WHERE data IS NOT NULL")
        return {(noun, id): json.loads(data) for noun, id, data in told}

    def holds(self, noun: str, id: str) -> bool:
        """Whether the row is there."""
        return (self._found(noun, id) or (0, None))[1] is not None

    def begin(self, rows: Mapping[str, Iterable[Any]], token: str) -> None:
        """Puts all that a full read has shown in place of what is there."""
        with self._db:
            for table in ("row", "debt", "token"):
                self._db.execute(f"DELETE FROM {table}")
            for noun, items in rows.items():
                self._put(noun, items)
            self._db.execute("INSERT INTO token VALUES (?)", (token,))

    def follow(self, items: Iterable[Any], token: str) -> None:
        """Applies a page of changes and moves on to its token."""
        with self._db:
            for item in items:
                self._apply(item)
            self._db.execute("UPDATE token SET token = ?", (token,))

    def settle_account(self, debt: Debt, rows: Mapping[str, Iterable[Any]]) -> None:
        """Puts what a service shows at an account in place of what was held of it there."""
        with self._db:
            if debt.kind == "contacts":
                self._drop("accounts", "id", debt.id)
            noun = AT_ACCOUNT[debt.kind]
            parts = PARTS.get(noun)
            if parts:
                self._db.execute(
                    "UPDATE row SET data = NULL WHERE noun = ? AND whole IN"
                    " (SELECT id FROM row WHERE noun = ? AND account = ?)",
                    (parts, noun, debt.id),
                )
            self._drop(noun, "account", debt.id)
            self._settled(debt, rows)

    def settle_parts(self, debt: Debt, parts: Iterable[Any]) -> None:
        """Puts the parts of a row in place of those that were held."""
        assert debt.noun is not None
        noun = PARTS[debt.noun]
        with self._db:
            self._drop(noun, "whole", debt.id)
            self._settled(debt, {noun: parts if self.holds(debt.noun, debt.id) else ()})

    def _settled(self, debt: Debt, rows: Mapping[str, Iterable[Any]]) -> None:
        for noun, items in rows.items():
            self._put(noun, items)
        self._db.execute("DELETE FROM debt WHERE kind = ? AND id = ?", (debt.kind, debt.id))

    def _apply(self, item: Any) -> None:
        if item["version"] is None:  # Who sees the account has changed, not the account.
            self._owe(item["service"], item["id"])
            return
        noun, id, version, data = item["noun"], item["id"], item["version"], item["data"]
        known, held = self._found(noun, id) or (-1, None)
        if known >= version:
            return
        if data is None:
            self._db.execute(
                "INSERT OR REPLACE INTO row (noun, id, version) VALUES (?, ?, ?)", (noun, id, version)
            )
            if noun in PARTS:
                self._drop(PARTS[noun], "whole", id)
        elif noun not in WHOLES or self._has_whole(noun, data):
            self._put(noun, [data])
            if noun in PARTS and (
                held is None or any(held[name] != data[name] for name in _DECIDE if name in data)
            ):
                self._owe("+" + noun, id)

    def _has_whole(self, noun: str, data: Any) -> bool:
        """Whether the row that this is a part of is held; where it is not, its parts are read when it comes."""
        (whole,) = [each for each, parts in PARTS.items() if parts == noun]
        return self.holds(whole, data[WHOLES[noun]])

    def _put(self, noun: str, items: Iterable[Any]) -> None:
        whole = WHOLES.get(noun)
        self._db.executemany(
            "INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?, ?, ?)",
            [
                (
                    noun,
                    each["id"],
                    each["version"],
                    whole and each[whole],
                    each.get("account_id"),
                    json.dumps(each),
                )
                for each in items
            ],
        )

    def _drop(self, noun: str, column: str, value: str) -> None:
        self._db.execute(f"UPDATE row SET data = NULL WHERE noun = ? AND {column} = ?", (noun, value))

    def _owe(self, kind: str, id: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO debt VALUES (?, ?)", (kind, id))

    def _found(self, noun: str, id: str) -> tuple[int, Any] | None:
        with closing(
            self._db.execute("SELECT version, data FROM row WHERE noun = ? AND id = ?", (noun, id))
        ) as told:
            row = told.fetchone()
        return (row[0], json.loads(row[1]) if row[1] else None) if row else None
