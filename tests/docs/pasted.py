"""What documents show to paste, and the answers that they show: read from the text, and run on a stack."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from deploy.local.stack import ROOT
from tests.stack import RunningStack

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_END = "@@ answered with"


class Block(NamedTuple):
    """A fenced block with the word after its fence."""

    kind: str
    text: str


class Step(NamedTuple):
    """Lines to paste and the answer shown for the last of them."""

    lines: tuple[str, ...]
    answer: Block


class Pasted(NamedTuple):
    """What each step printed, and the lines that failed."""

    answers: Sequence[str]
    failed: Sequence[str]


def steps(text: str) -> list[Step]:
    """Each block to paste with the one after it, which shows its answer."""
    blocks = [Block(*found) for found in _FENCED.findall(text)]
    pasted, answers = blocks[::2], blocks[1::2]
    assert {block.kind for block in pasted} == {"sh"}
    assert "sh" not in {block.kind for block in answers}
    return [
        Step(tuple(block.text.splitlines()), answer) for block, answer in zip(pasted, answers, strict=True)
    ]


def paste(stack: RunningStack, shown: Sequence[Step], script: Path) -> Pasted:
    """Pastes all steps into one shell, by way of `script`."""
    told = "".join("\n".join(step.lines) + f"\necho '{_END}'\n" for step in shown)
    script.write_text("trap 'echo \"$BASH_COMMAND\" >&2' ERR\n" + told)
    ran = subprocess.run(
        ["bash", str(script)], cwd=ROOT, env=stack.environment, capture_output=True, text=True, check=False
    )
    answers = ran.stdout.split(_END)[:-1]
    assert len(answers) == len(shown), ran.stdout + ran.stderr
    return Pasted(answers, ran.stderr.splitlines())
