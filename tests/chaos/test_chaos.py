"""The proof in small: a run with five faults is clean, and planted mistakes are caught by whom they are meant for."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.local.stack import ROOT
from tests.stack import eventually

pytestmark = pytest.mark.timeout(240)


def started(results: Path, *arguments: str) -> subprocess.Popen[str]:
    """A run in a process of its own: it forks, which a process with pytest's threads could not do soundly."""
    command = [sys.executable, "-m", "tests.chaos", "--results", str(results), *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0
    )


def conducted(results: Path, *arguments: str) -> tuple[int, str, dict[str, Any]]:
    """A whole run: its exit code, what it printed, its verdict."""
    run = started(results, *arguments)
    try:
        printed, _ = run.communicate(timeout=220)
    finally:
        run.kill()
    verdict = results / "verdict.json"
    assert verdict.exists(), printed
    return run.returncode, printed, json.loads(verdict.read_text())


def test_run_with_five_faults_and_a_rolling_restart_is_clean(tmp_path: Path) -> None:
    code, printed, verdict = conducted(tmp_path, "--kills", "5", "--seed", "7")
    assert verdict["findings"] == [], printed
    assert code == 0, printed
    assert verdict["counts"]["acknowledged"] > 50
    faults = [json.loads(line)["kind"] for line in (tmp_path / "faults.jsonl").read_text().splitlines()]
    assert len(faults) == 6
    assert faults[-1] == "roll"
    assert "nothing lost, nothing doubled, order kept" in printed


@pytest.mark.parametrize(
    ("mistake", "checker"),
    [("number-by-id-greater-than-last", "versions"), ("answer-before-commit", "writes")],
)
def test_planted_mistake_is_caught_and_told(tmp_path: Path, mistake: str, checker: str) -> None:
    code, printed, verdict = conducted(tmp_path, "--kills", "4", "--seed", "7", "--sabotage", mistake)
    assert code == 1, printed
    assert checker in verdict["checkers"], printed
    assert verdict["story"][0] in printed


def test_run_that_is_interrupted_leaves_no_process_behind(tmp_path: Path) -> None:
    run = started(tmp_path, "--kills", "5", "--seed", "7")
    try:
        eventually((tmp_path / "logs" / "contacts-api-1.log").exists, seconds=60)
        run.send_signal(signal.SIGINT)
        printed, _ = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 1, printed
    eventually(lambda: _belonging_to(tmp_path) == [])


def _belonging_to(results: Path) -> list[str]:
    """The processes whose output goes into the results."""
    found: list[str] = []
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            try:
                target = os.readlink(place / "fd" / "1")  # noqa: PTH115  # what it points to need not be a path
            except OSError:
                continue
            if target.startswith(str(results)):
                found.append(place.name)
    return found
