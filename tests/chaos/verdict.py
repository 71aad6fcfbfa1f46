"""What came of a run: what was found, what was counted, and what is worth a look though nothing is wrong with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from tests.chaos.evidence import Evidence
from tests.chaos.finding import Finding
from tests.chaos.history import Operation


@dataclass(frozen=True)
class Verdict:
    """The findings of the checkers, with the story of the first."""

    findings: list[Finding]
    counts: Mapping[str, int]
    notes: list[str]
    story: list[str]

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def checkers(self) -> list[str]:
        """Who found something."""
        return list(dict.fromkeys(finding.checker for finding in self.findings))

    def written(self) -> str:
        """All of it as JSON."""
        told = {
            "clean": self.clean,
            "checkers": self.checkers,
            "findings": [str(each) for each in self.findings],
            "counts": self.counts,
            "notes": self.notes,
            "story": self.story,
        }
        return json.dumps(told, indent=1, ensure_ascii=False)


def counted(operations: Mapping[str, Operation], held: Mapping[str, Evidence]) -> dict[str, int]:
    """How much there was to look at."""
    return {
        "operations": len(operations),
        "attempts": sum(len(each.attempts) for each in operations.values()),
        "acknowledged": sum(each.acknowledged is not None for each in operations.values()),
        "refused": sum(each.refused for each in operations.values()),
        "journal rows": sum(len(each.entries) for each in held.values()),
        "records": sum(len(each.records) for each in held.values()),
        "effects": sum(len(each.ledger) for each in held.values()),
    }
