"""`foothold import` as a client of the API: what it sends, what it shows, what it refuses."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from deploy.local.importing import PROFILES, Importer
from deploy.local.problems import StackProblem
from deploy.local.tokens import FreshToken

FILES = PROFILES["maven-crm"]


class Api:
    """A stand-in for the API: every import is done at the second look and mends one row."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.bodies: list[bytes] = []
        self.keys: set[str] = set()
        self.ends_as = "DONE"
        self.away = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        noun = request.url.path.split("/")[2]
        self.asked.append(f"{request.method} {request.url.path}")
        if request.method == "POST":
            self.bodies.append(request.content)
            self.keys.add(request.headers["Idempotency-Key"])
            return httpx.Response(202, json=self._job(noun, "QUEUED", 0))
        if self.away:
            self.away -= 1
            return httpx.Response(503, json={"status": 503, "title": "away"})
        if request.url.path.endswith("/report"):
            line = {"row": 2, "message": "sector: technolgy is read as technology"}
            return httpx.Response(200, json={"items": [line], "next_cursor": "more", "total": 7})
        return httpx.Response(200, json=self._job(noun, self.ends_as, 3))

    def _job(self, noun: str, state: str, done: int) -> dict[str, Any]:
        counts = {"read": done, "created": done, "updated": 0, "unchanged": 0, "refused": 0}
        progress = {"done": done, "total": 3}
        return {
            "id": f"job-of-{noun}",
            "state": state,
            "counts": counts,
            "progress": progress,
            "error": "row 2 broke",
        }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES.values():
        (tmp_path / name).write_text(f"head of {name}\n")
    return tmp_path


def _importer(answer: Callable[[httpx.Request], httpx.Response]) -> tuple[Importer, io.StringIO]:
    said = io.StringIO()
    client = httpx.Client(base_url="http://gateway", transport=httpx.MockTransport(answer))
    return Importer(client, Console(file=said, width=100)), said


def test_files_go_in_the_order_in_which_they_refer_to_each_other(folder: Path) -> None:
    api = Api()
    importer, said = _importer(api.answer)
    done = importer.import_folder(folder, "maven-crm")
    assert [each.noun for each in done] == ["members", "products", "accounts", "opportunities"]
    assert all(each.counts["created"] == 3 for each in done)
    assert [asked for asked in api.asked if asked.startswith("POST")] == [
        f"POST /v1/{n}/imports" for n in FILES
    ]
    assert all(
        f"head of {name}".encode() in body for name, body in zip(FILES.values(), api.bodies, strict=True)
    )
    assert len(api.keys) == 4
    assert "3 read  3 created" in said.getvalue()


def test_report_is_shown_with_how_much_more_there_is(folder: Path) -> None:
    importer, said = _importer(Api().answer)
    importer.tell_reports(importer.import_folder(folder, "maven-crm"))
    assert "accounts row 2: sector: technolgy is read as technology" in said.getvalue()
    assert "6 more: /v1/accounts/imports/job-of-accounts/report" in said.getvalue()


def test_dry_run_says_so_to_the_api(folder: Path) -> None:
    seen: list[str] = []
    api = Api()

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url.query.decode()))
        return api.answer(request)

    _importer(answer)[0].import_folder(folder, "maven-crm", dry_run=True)
    assert seen.count("dry_run=true") == 4


def test_waiting_outlasts_an_api_that_is_away_for_a_moment(folder: Path) -> None:
    api = Api()
    api.away = 2
    importer, _ = _importer(api.answer)
    assert len(importer.import_folder(folder, "maven-crm")) == 4


def test_failed_job_is_told_with_its_file_and_reason(folder: Path) -> None:
    api = Api()
    api.ends_as = "FAILED"
    with pytest.raises(StackProblem, match=r"The import of sales_teams\.csv failed: row 2 broke"):
        _importer(api.answer)[0].import_folder(folder, "maven-crm")


def test_problem_document_becomes_a_sentence(folder: Path) -> None:
    problem = {
        "status": 422,
        "title": "Invalid",
        "detail": "The file cannot be read.",
        "errors": [{"field": "file", "code": "value", "message": "has no column sales_agent"}],
    }
    importer, _ = _importer(lambda _: httpx.Response(422, json=problem))
    with pytest.raises(
        StackProblem, match=r"POST /v1/members/imports → 422 The file .* file: has no column sales_agent"
    ):
        importer.import_folder(folder, "maven-crm")


def test_missing_file_and_unknown_profile_are_refused_before_anything_is_sent(folder: Path) -> None:
    importer, _ = _importer(lambda _: pytest.fail("something was sent"))
    with pytest.raises(StackProblem, match=r"There is no profile other; there is: maven-crm"):
        importer.import_folder(folder, "other")
    (folder / "accounts.csv").unlink()
    with pytest.raises(StackProblem, match=r"accounts\.csv is not there; profile maven-crm reads"):
        importer.import_folder(folder, "maven-crm")


def test_refused_token_is_fetched_afresh_once() -> None:
    tokens = iter(["old", "new"])

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200 if request.headers["Authorization"] == "Bearer new" else 401)

    auth = FreshToken(lambda: next(tokens))
    client = httpx.Client(base_url="http://gateway", transport=httpx.MockTransport(answer), auth=auth)
    assert [client.get("/v1/me").status_code for _ in range(2)] == [200, 200]
