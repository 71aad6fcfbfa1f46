"""The checkers: each looks at the evidence for one kind of damage and says what it found."""

from collections.abc import Mapping

from tests.chaos.checks import copies, topics, versions, writes
from tests.chaos.checks.versions import Paged
from tests.chaos.evidence import Evidence
from tests.chaos.finding import Finding
from tests.chaos.history import Operation


def all_of(
    operations: Mapping[str, Operation], evidence: Mapping[str, Evidence], paged: Mapping[str, Paged]
) -> list[Finding]:
    """What each of them finds in the evidence, in their order."""
    return [
        *writes.check(operations, evidence),
        *topics.check(evidence),
        *copies.check(evidence),
        *versions.check(evidence, paged),
    ]
