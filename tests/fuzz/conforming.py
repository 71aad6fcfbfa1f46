"""schemathesis over a gateway's own document: every operation, good data and bad, and what follows from an answer."""

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local.stack import ROOT

CONFIGURATION: Final = Path(__file__).with_name("schemathesis.toml")
ALONE: Final = "examples,coverage,fuzzing"
"""Phases in which each request stands for itself: what is described, what lies at bounds, what chance makes."""

FOLLOWING: Final = "stateful"
"""The phase in which requests follow from answers."""

SEQUENCES: Final = 50
"""Sequences from one seed at the most; it ends before, where rows come and go under what is drawn from them."""


_COUNTED: Final = re.compile(r"^ +([0-9]+ generated\b.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Conformance:
    """Whether the gateway does what its document says, and what schemathesis tells of it."""

    holds: bool
    told: str

    @property
    def counted(self) -> str:
        """The line that says how many requests were made."""
        found = _COUNTED.search(self.told)
        return found[1] if found else "nothing was asked"


def conformance(gateway: str, token: str, *, seed: int, examples: int, phases: str) -> Conformance:
    """Runs schemathesis as who has the token. Nothing stays behind.

    `examples` are so many of each operation, and of sequences where requests follow from answers.
    """
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "--config-file",
        str(CONFIGURATION),
        "run",
        "--no-color",
    ]
    asked = ["--seed", str(seed), "--max-examples", str(examples), "--phases", phases]
    with tempfile.TemporaryDirectory(prefix="foothold-fuzz-") as directory:
        ran = subprocess.run(
            [*command, *asked, f"{gateway}/openapi.json"],
            cwd=ROOT,
            env={**os.environ, "FUZZ_TOKEN": token, "HYPOTHESIS_STORAGE_DIRECTORY": directory},
            capture_output=True,
            text=True,
            check=False,
        )
    return Conformance(ran.returncode == 0, ran.stdout + ran.stderr)
