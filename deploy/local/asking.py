"""`foothold api`: one request to the gateway from the command line, for machines without curl and hands without jq."""

import json
from collections.abc import Sequence
from typing import Any, cast
from uuid import uuid4

import httpx

from deploy.local.problems import StackProblem


def ask(
    client: httpx.Client, path: str, *, method: str | None, data: str | None, headers: Sequence[str]
) -> httpx.Response:
    """The answer to one request: GET, or POST where there is `data` (JSON text), unless `method` says otherwise.

    A POST carries an Idempotency-Key of its own. Raises StackProblem where nobody answers or a header is no header.
    """
    verb = (method or ("GET" if data is None else "POST")).upper()
    own = {"Idempotency-Key": str(uuid4())} if verb == "POST" else {}
    own |= {"Content-Type": "application/json"} if data is not None else {}
    own |= dict(_header(text) for text in headers)
    try:
        return client.request(verb, path, content=data, headers=own)
    except httpx.HTTPError as error:
        raise StackProblem(f"The API at {client.base_url} does not answer: {error}") from error


def shown(answer: httpx.Response, pick: str | None = None) -> str:
    """The answer's JSON over several lines, or what stands in it at `pick`, as in `items.0.id`.

    Raises StackProblem where nothing stands there.
    """
    try:
        content: object = answer.json()
    except ValueError:
        return answer.text
    if pick and answer.is_success:
        content = picked(content, pick)
    return content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False)


def head(answer: httpx.Response) -> str:
    """The answer's status and header fields, a line each, as they came."""
    status = f"{answer.http_version} {answer.status_code} {answer.reason_phrase}"
    return "\n".join((status, *(f"{name}: {value}" for name, value in answer.headers.items())))


def picked(content: object, path: str) -> object:
    """What stands at a path of keys and positions. Raises StackProblem naming the first that is not there."""
    for step in path.split("."):
        try:
            content = _within(content, step)
        except LookupError as error:
            raise StackProblem(
                f"The answer has no {step} (of {path}); it was: {_beginning(content)}"
            ) from error
    return content


def _within(content: Any, step: str) -> object:
    if isinstance(content, list):
        content = {str(number): each for number, each in enumerate(cast("list[object]", content))}
    if isinstance(content, dict):
        return cast("dict[str, object]", content)[step]
    raise LookupError(step)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise StackProblem(f"{text!r} is no header; write it as in -H 'If-Match: \"3\"'.")
    return name.strip(), value.strip()


def _beginning(content: object) -> str:
    text = json.dumps(content, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:80]}…"
