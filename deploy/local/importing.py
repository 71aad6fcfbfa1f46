"""`foothold import`: a folder of files through the public API, as any other client would do it.

A profile says which file is which noun's, in the order in which later rows refer to earlier ones. What the
columns mean is the services' business: they know the profile by the same name.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from deploy.local.problems import StackProblem

PROFILES: Mapping[str, Mapping[str, str]] = {
    "maven-crm": {
        "members": "sales_teams.csv",
        "products": "products.csv",
        "accounts": "accounts.csv",
        "opportunities": "sales_pipeline.csv",
    }
}
COUNTS = ("read", "created", "updated", "unchanged", "refused")
_FINISHED = frozenset({"DONE", "FAILED"})
_AWAY = frozenset({502, 503, 504})
_REPORT_LINES = 5
_PATIENCE = 60.0
_PAUSE = 0.5


@dataclass(frozen=True)
class Imported:
    """What became of one file: the job's id, its counts, and its report's first lines."""

    noun: str
    job_id: str
    counts: Mapping[str, int]
    report: tuple[str, ...]
    report_length: int


class Importer:
    """Imports files at the API behind `client`, whose base address is the gateway's."""

    def __init__(self, client: httpx.Client, console: Console) -> None:
        self._client = client
        self._console = console

    def import_folder(self, folder: Path, profile: str, *, dry_run: bool = False) -> list[Imported]:
        """Import each file of `folder` that `profile` names, one after the other, waiting for each.

        Raises a StackProblem for an unknown profile, a file that is not there, and a job that failed.
        """
        files = _files(folder, profile)
        columns = (TextColumn("{task.description:<14}"), BarColumn(), TextColumn("{task.fields[said]}"))
        done: list[Imported] = []
        with Progress(*columns, TimeElapsedColumn(), console=self._console) as progress:
            for noun, path in files.items():
                task = progress.add_task(noun, total=None, said="")
                done.append(self._import_file(noun, path, profile, dry_run, progress, task))
        return done

    def tell_reports(self, imported: Iterable[Imported]) -> None:
        """Say which rows were refused or mended, and where the whole report is when there are many."""
        for each in imported:
            self._tell_report(each)

    def _import_file(
        self, noun: str, path: Path, profile: str, dry_run: bool, progress: Progress, task: TaskID
    ) -> Imported:
        job = self._begin(noun, path, profile, dry_run)
        pause = 0.1
        while job["state"] not in _FINISHED:
            time.sleep(pause)
            pause = min(pause * 1.5, 1.0)
            job = self._ask("GET", f"/v1/{noun}/imports/{job['id']}").json()
            _show(progress, task, job)
        if job["state"] == "FAILED":
            raise StackProblem(f"The import of {path.name} failed: {job['error']}")
        lines, total = self._report(noun, job["id"])
        return Imported(noun, job["id"], job["counts"], lines, total)

    def _begin(self, noun: str, path: Path, profile: str, dry_run: bool) -> dict[str, Any]:
        with path.open("rb") as content:
            answer = self._ask(
                "POST",
                f"/v1/{noun}/imports",
                files={"file": (path.name, content, "text/csv")},
                data={"profile": profile},
                params={"dry_run": "true"} if dry_run else None,
                headers={"Idempotency-Key": str(uuid4())},
            )
        return answer.json()

    def _report(self, noun: str, job_id: str) -> tuple[tuple[str, ...], int]:
        """The first lines of the report, and how many there are."""
        path = f"/v1/{noun}/imports/{job_id}/report"
        page = self._ask("GET", path, params={"limit": _REPORT_LINES, "count": "true"}).json()
        return tuple(f"row {item['row']}: {item['message']}" for item in page["items"]), page["total"]

    def _ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Send one request. A GET is tried again while the API is away: the job itself goes on without us."""
        deadline = time.monotonic() + (_PATIENCE if method == "GET" else 0)
        while True:
            try:
                answer = self._client.request(method, path, **arguments)
            except httpx.TransportError as error:
                if time.monotonic() > deadline:
                    raise StackProblem(
                        f"The API at {self._client.base_url} does not answer: {error}"
                    ) from error
            else:
                if answer.status_code not in _AWAY or time.monotonic() > deadline:
                    return _checked(answer)
            time.sleep(_PAUSE)

    def _tell_report(self, imported: Imported) -> None:
        for line in imported.report:
            self._console.print(
                f"  [yellow]{imported.noun}[/] {escape(line)}", highlight=False, soft_wrap=True
            )
        more = imported.report_length - len(imported.report)
        if more > 0:
            self._console.print(f"  … and {more} more: /v1/{imported.noun}/imports/{imported.job_id}/report")


def _files(folder: Path, profile: str) -> dict[str, Path]:
    if profile not in PROFILES:
        raise StackProblem(f"There is no profile {profile}; there is: {', '.join(PROFILES)}.")
    files = {noun: folder / name for noun, name in PROFILES[profile].items()}
    for path in files.values():
        if not path.is_file():
            raise StackProblem(
                f"{path} is not there; profile {profile} reads {', '.join(PROFILES[profile].values())}."
            )
    return files


def _show(progress: Progress, task: TaskID, job: dict[str, Any]) -> None:
    """A job tells how many of how many rows it has done, and what became of them."""
    counts: dict[str, int] = job["counts"]
    said = "  ".join(f"{counts[name]:,} {name}" for name in COUNTS if counts[name])
    far = job["progress"]
    # A file without rows is done when its job is.
    progress.update(task, completed=far["done"] if far["total"] else 1, total=far["total"] or 1, said=said)


def _checked(answer: httpx.Response) -> httpx.Response:
    """The answer, or the problem document it carries as a sentence."""
    if not answer.is_error:
        return answer
    raise StackProblem(f"{answer.request.method} {answer.request.url.path} → {_problem(answer)}")


def _problem(answer: httpx.Response) -> str:
    try:
        problem: dict[str, Any] = answer.json()
    except ValueError:
        return f"HTTP {answer.status_code}"
    fields = [f"{error.get('field')}: {error.get('message')}" for error in problem.get("errors") or ()]
    said = str(problem.get("detail") or problem.get("title") or "")
    return f"{answer.status_code} {said} {'; '.join(fields)}".strip()
