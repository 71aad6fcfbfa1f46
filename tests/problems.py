"""The one shape of every refusal, held in every test that meets one."""

from typing import Any

from httpx import Response


def assert_problem(answer: Response, status: int, code: str) -> dict[str, Any]:
    """The answer is a problem document of that status and code, and its id is the request's. Returns the document."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert set(problem) >= {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["detail"]
    assert problem["request_id"] == answer.headers.get("x-request-id")
    return problem
