"""The README as tests read it: sections, tables, links."""

import re
from collections.abc import Iterator

from deploy.local.stack import ROOT

README = ROOT / "README.md"


def section(title: str) -> str:
    """What stands under a heading of the second level."""
    found = re.search(
        rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README.read_text(), re.MULTILINE | re.DOTALL
    )
    assert found is not None, f"the README has no section {title!r}"
    return found[1]


def links() -> Iterator[str]:
    """The files that the README points to."""
    for target in re.findall(r"\]\(([^)#]+)\)", README.read_text()):
        if "://" not in target:
            yield target
