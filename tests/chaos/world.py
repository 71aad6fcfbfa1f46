"""What the clients know of the house that they fill: rows with the version that somebody was last told.

All clients share it, so they get in each other's way: they edit the same few accounts, on versions that others have
made old. Nothing is concluded from it afterwards; the histories and the databases are what counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.history import Answer, Wish

Row = dict[str, Any]


@dataclass
class World:
    """Rows by aggregate and id; `maps` are the versions of deals' maps of people."""

    rows: dict[str, dict[str, Row]] = field(default_factory=dict[str, dict[str, Row]])
    maps: dict[str, str] = field(default_factory=dict[str, str])

    def of(self, aggregate: str) -> list[Row]:
        """The rows of one kind, the oldest first."""
        return list(self.rows.get(aggregate, {}).values())

    def learn(self, wish: Wish, answer: Answer) -> None:
        """Takes up what an answer says: the row that was made or changed, or the present one of a 412."""
        told = answer.told
        if answer.status == 412:
            told = Answer(None, told.get("current")).told
        elif not answer.acknowledged:
            return
        if wish.method == "DELETE" and answer.acknowledged:
            self.rows.get(wish.aggregate, {}).pop(wish.path.rpartition("/")[2], None)
        elif "items" in told:
            deal = wish.path.split("/")[3]
            self.maps[deal] = answer.etag or "*"
        elif "id" in told and "version" in told:
            self._keep(wish.aggregate, told)

    def _keep(self, aggregate: str, row: Mapping[str, Any]) -> None:
        known = self.rows.setdefault(aggregate, {}).get(row["id"])
        if known is None or known["version"] < row["version"]:
            self.rows[aggregate][row["id"]] = dict(row)
