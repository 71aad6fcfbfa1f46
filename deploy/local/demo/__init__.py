"""The demo data: the files of a hardware seller, and what such files never have.

`python -m deploy.local.demo` loads it into an empty platform through the public API, and goes on with it where it
was killed.
"""

from dataclasses import dataclass

from deploy.local.demo import generator
from deploy.local.demo.story import Case


@dataclass(frozen=True, slots=True)
class Highlight:
    """An account worth opening first, who should, and what there is to be seen."""

    account: str
    email: str
    note: str


_FIRST = ("Acme Corporation", "Ganjaflex", "Zencorporation")


def highlights() -> tuple[Highlight, ...]:
    """A few accounts to start with, each shown to its owner."""
    cases = {case.account: case for case in generator.CASES}
    return tuple(_highlight(cases[name]) for name in _FIRST)


def _highlight(case: Case) -> Highlight:
    return Highlight(case.account, case.owner, case.note)
