"""The README as tests read it: sections, fenced blocks, tables, links."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from deploy.local.stack import ROOT

README = ROOT / "README.md"

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block with the word after its fence."""

    kind: str
    text: str


class Step(NamedTuple):
    """Lines to paste and the answer shown for the last of them."""

    lines: tuple[str, ...]
    answer: Block


def section(title: str) -> str:
    """What stands under a heading of the second level."""
    found = re.search(
        rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README.read_text(), re.MULTILINE | re.DOTALL
    )
    assert found is not None, f"the README has no section {title!r}"
    return found[1]


def tour() -> list[Step]:
    """The steps of the tour: each block to paste, and the one that shows its answer."""
    blocks = [Block(*found) for found in _FENCED.findall(section("A tour"))]
    pasted, answers = blocks[::2], blocks[1::2]
    assert {block.kind for block in pasted} == {"sh"}
    assert {block.kind for block in answers} == {"json", "text"}
    return [
        Step(tuple(block.text.splitlines()), answer) for block, answer in zip(pasted, answers, strict=True)
    ]


def links() -> Iterator[str]:
    """The files that the README points to."""
    for target in re.findall(r"\]\(([^)#]+)\)", README.read_text()):
        if "://" not in target:
            yield target
