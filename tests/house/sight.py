"""The rule of sight: whoever reads a visible table says by which predicate, and carries its mark."""

import re

VISIBLE = (
    "account", "account_standing", "contact", "contact_link", "opportunity", "opportunity_standing", "stakeholder",
    "activity", "time_log",
)  # fmt: skip
MARK = "/* sight */"
_READS = re.compile(
    r'\b(?:FROM|JOIN|USING|UPDATE)\s+(?:ONLY\s+)?"?(?:' + "|".join(VISIBLE) + r')"?(?![\w.])', re.IGNORECASE
)


def unguarded(statement: str) -> bool:
    """Whether the statement reads or changes rows of a visible table without the mark."""
    return MARK not in statement and _READS.search(statement) is not None
