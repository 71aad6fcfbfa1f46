"""The reporting example beside the running platform: killed while we work, its figures are those of the services."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.local.stack import ROOT, SERVICES
from examples.reporting.file import File
from examples.reporting.reports import REPORTS, rows
from tests.stack import RunningStack, eventually, on_the_stack
from tests.system.figures import Figures, differences, figures

pytestmark = on_the_stack

SELLER = "darcel.schlecht@example.com"
KILLS_WHILE_CATCHING_UP, KILLS_UNDER_LOAD = 3, 4
MUCH = 200_000
"""Bytes: more than opening a file writes, and far less than all that the demo data tell."""

PATIENCE: Final = 120.0

Step = tuple[str, dict[str, str]]
ON: Final[Sequence[Step]] = [(stage, {}) for stage in ("ENGAGEMENT", "SHORTLIST", "BIDDING", "CONTRACTING")]
BACK: Final[Step] = ("ENGAGEMENT", {"note": "They think again"})
WAYS: Final[Sequence[Sequence[Step]]] = [
    [],
    ON[:1],
    [*ON[:2], BACK],
    [*ON[:2], BACK, ON[1], ("LOST", {"reason_code": "PRICE"})],
    [*ON, ("WON", {})],
    [*ON[:3], ("LOST", {"reason_code": "TECH_FIT"}), ("BIDDING", {"note": "They call again"}), ON[3]],
    [("ABANDONED", {"reason_code": "NO_BUDGET"})],
    [*ON, ("WON", {}), ("CONTRACTING", {"note": "The signature is missing"})],
]


class Work:
    """Deals that take every way there is, and hours written down; each batch of it goes on from the last."""

    def __init__(self, stack: RunningStack) -> None:
        self._stack = stack
        self._account = stack.post(SELLER, "/v1/accounts", {"name": "Reported"})["id"]
        body = {"account_id": self._account, "name": "Ada Yun"}
        self._person = stack.post(SELLER, "/v1/contacts", body)["id"]
        self._ways = cycle(WAYS)
        self._done = 0

    def go_on(self) -> None:
        """Sixteen deals and as many logs."""
        for _ in range(2 * len(WAYS)):
            self._done += 1
            self._deal(next(self._ways), ("USD", "EUR", "JPY")[self._done % 3])
            self._log()

    def _deal(self, way: Sequence[Step], currency: str) -> None:
        at = datetime.now(UTC) - timedelta(days=90 + 7 * self._done)
        deal = self._stack.post(SELLER, "/v1/opportunities", self._body(currency, at))
        path = f"/v1/opportunities/{deal['id']}"
        self._stack.put(SELLER, f"{path}/stakeholders", {"items": self._people()})
        for to, why in way:
            at += timedelta(days=3, minutes=self._done)
            self._stack.post(SELLER, f"{path}/stage", {"to": to, "moved_at": instant(at), **why})
        self._stack.patch(
            SELLER, path, {"amount": 1_000 * self._done + 55, "lost_to": "A rival" if way else None}
        )

    def _body(self, currency: str, at: datetime) -> dict[str, Any]:
        close = None if self._done % 5 == 0 else f"2031-{1 + self._done % 4:02}-15"
        return {
            "account_id": self._account,
            "name": f"Deal {self._done}",
            "currency": currency,
            "expected_close_on": close,
            "stage_entered_at": instant(at),
        }

    def _people(self) -> list[dict[str, Any]]:
        stance = ("FRIEND", "SUPPORTER", "ENEMY", "NEUTRAL", "UNKNOWN")[self._done % 5]
        return [{"contact_id": self._person, "roles": ["DECISION_MAKER"], "influence": "H", "stance": stance}]

    def _log(self) -> None:
        body = {
            "spent_on": f"{datetime.now(UTC) - timedelta(days=self._done):%Y-%m-%d}",
            "category": ("TRAVEL", "F2F_SELLING", "MEAL", "REMOTE_SELLING", "PAPERWORK")[self._done % 5],
            "minutes": 10 + self._done,
            "robber": (None, "MEETINGS", "NO_GOALS", "CANNOT_SAY_NO", "NO_DAILY_PLAN")[self._done % 5],
        }
        log = self._stack.post(SELLER, "/v1/time-logs", body)
        self._stack.patch(SELLER, f"/v1/time-logs/{log['id']}", {"minutes": 11 + self._done})


def instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def command(stack: RunningStack, path: Path, mode: str) -> list[str]:
    record = stack.home.running()
    assert record is not None
    servers = record.addresses["KAFKA_BOOTSTRAP_SERVERS"]
    return [sys.executable, "-m", "examples.reporting", mode, "--servers", servers, "--file", str(path)]


def written(path: Path) -> int:
    """Bytes of the file and of the log before it."""
    return sum(part.stat().st_size for part in (path, Path(f"{path}.wal")) if part.exists())


@contextmanager
def reading(stack: RunningStack, path: Path) -> Generator[Path]:
    """A consumer, which is killed when the block ends; gives where it prints to."""
    printed = path.with_suffix(".txt")
    with (
        printed.open("wb") as output,
        subprocess.Popen(command(stack, path, "--follow"), cwd=ROOT, stdout=output) as process,
    ):
        try:
            yield printed
        finally:
            process.kill()
            assert process.wait() == -signal.SIGKILL


def settled(stack: RunningStack) -> bool:
    """Whether all that was written is published, and all that is published consumed."""
    told = json.loads(stack.foothold("status", "--json"))["events"].values()
    return all(
        each["unnumbered"] == each["unpublished"] == 0 and set(each["lag"].values()) == {0} for each in told
    )


@pytest.fixture(scope="module")
def path(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a consumer that was killed again and again while there was work, and then read to the end."""
    path = tmp_path_factory.mktemp("reporting") / "report.duckdb"
    work = Work(stack)
    for _ in range(KILLS_WHILE_CATCHING_UP):
        before = written(path)
        with reading(stack, path):
            eventually(lambda before=before: written(path) > before + MUCH, seconds=PATIENCE)
    for _ in range(KILLS_UNDER_LOAD):
        with reading(stack, path) as printed:
            eventually(lambda printed=printed: printed.stat().st_size > 0, seconds=PATIENCE)
            work.go_on()
    eventually(lambda: settled(stack), seconds=PATIENCE)
    ran = subprocess.run(
        command(stack, path, "--once"), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "M18 Where the week goes" in ran.stdout
    return path


def databases(stack: RunningStack) -> dict[str, str]:
    record = stack.home.running()
    assert record is not None
    return {service: record.addresses[f"{service.upper()}_DATABASE_URL"] for service in SERVICES}


def reported(path: Path) -> dict[str, Figures]:
    with File(path) as file:
        return {report.stem: rows(file, report) for report in REPORTS}


@pytest.mark.parametrize("report", [report.stem for report in REPORTS])
def test_every_figure_is_that_of_the_services(stack: RunningStack, path: Path, report: str) -> None:
    found, expected = reported(path)[report], figures(databases(stack))[report]
    assert len(found) == len(expected) > 3
    assert differences(found, expected) == []


def test_imported_history_is_in_the_reports(path: Path) -> None:
    found = reported(path)
    assert sum(row["deals"] for row in found["m10_win_loss"]) > 1_000
    assert {row["month"].year for row in found["m02_funnel"] if row["month"]} > {2016, 2017}


def test_nothing_was_refused(path: Path) -> None:
    with File(path) as file:
        assert file.ask("SELECT * FROM refused") == []


MISTAKES: Final = {
    "m01_forecast": (
        "opportunity",
        "status = 'OPEN' AND amount > 0",
        "amount",
        "(state->>'amount')::BIGINT + 100",
    ),
    "m02_funnel": ("opportunity", "status = 'WON'", "moves", "[]"),
    "m10_win_loss": ("opportunity", "status = 'LOST'", "lost_reason", "'OTHER'"),
    "m18_week": ("time_log", "minutes > 0", "minutes", "(state->>'minutes')::BIGINT + 1"),
}
"""By report one state that is otherwise than it was told: whose, of the first that is so, which member, what it is."""


@pytest.mark.parametrize("report", MISTAKES)
def test_comparison_finds_one_state_that_is_wrong(
    stack: RunningStack, path: Path, tmp_path: Path, report: str
) -> None:
    spoilt = tmp_path / "spoilt.duckdb"
    shutil.copy(path, spoilt)
    aggregate, which, member, value = MISTAKES[report]
    with File(spoilt) as file:
        file.ask(
            f"""UPDATE copy SET state = json_merge_patch(state, json_object('{member}', {value}))
            WHERE aggregate = '{aggregate}' AND id = (SELECT min(id) FROM {aggregate} WHERE {which})"""
        )
    assert differences(reported(spoilt)[report], figures(databases(stack))[report])
