"""What docs/api.md shows to paste runs against a stack, and is answered."""

import json
import re
import subprocess

import pytest

from deploy.local.stack import ROOT
from tests.stack import RunningStack, on_the_stack

TEXT = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
PASTED = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
ASKED = [line for block in PASTED for line in block.splitlines() if line.startswith("foothold api")]
BEFORE = [line for block in PASTED for line in block.splitlines() if line not in ASKED]


@on_the_stack
@pytest.mark.parametrize("line", ASKED)
def test_a_request_that_is_shown_is_answered(stack: RunningStack, line: str) -> None:
    script = "\n".join(["set -e", *BEFORE, line])
    ran = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=stack.environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "items" in json.loads(ran.stdout)
