"""Which statements read a visible table without starting from sight."""

import re

# Whose rows not everybody sees, in whichever service's database they stand.
VISIBLE = frozenset(
    {
        "account", "account_standing", "contact", "contact_link", "opportunity", "opportunity_standing", "stakeholder",
        "activity", "time_log",
    }
)  # fmt: skip
MARK = "/* sight */"

# What is no code: comments, texts, parameters. Then words and signs, a quoted identifier as its word.
_SKIPPED = re.compile(r"/\*.*?\*/|--[^\n]*|'(?:[^']|'')*'|\$\$.*?\$\$|%\(\w+\)s", re.DOTALL)
_WORD = re.compile(r'"([^"]+)"|[A-Za-z_][A-Za-z0-9_$]*|\S')


def unguarded(statement: str) -> set[str]:
    """The visible tables that the statement reads though it does not carry the mark of sight.

    A table that rows are only put into is not read.
    """
    if MARK in statement:
        return set()
    words = ["", "", *(found[1] or found[0] for found in _WORD.finditer(_SKIPPED.sub(" ", statement))), ""]
    return {word for n, word in enumerate(words) if word in VISIBLE and not _is_elsewise(words, n)}


def _is_elsewise(words: list[str], n: int) -> bool:
    """Whether the word is no table that is read: one put into, a column of something, a name given to something."""
    column = words[n - 1] == "." and words[n - 2].lower() != "public"
    return column or words[n - 1].upper() in ("INTO", "AS") or words[n + 1] == "."
