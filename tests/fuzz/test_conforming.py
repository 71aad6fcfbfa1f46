"""schemathesis, as it is configured, finds mistakes that are planted in an API, and nothing in one without."""

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from jsonschema_rs import Draft202012Validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.fuzz.conforming import Conformance, conformance
from tests.gateway.standing import Listener

TOKEN = "good"
BODY = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}
_VALIDATOR = Draft202012Validator(BODY)
Answer = Callable[[Any], Response]


def said(code: str, status: int = 422) -> Response:
    return JSONResponse({"code": "invalid", "errors": [{"field": "a", "code": code}]}, status)


def checked(body: Any) -> Response:
    return JSONResponse({"a": 1}) if _VALIDATOR.is_valid(body) else said("missing")


def always(answer: Response) -> Answer:
    return lambda _: answer


def unless_refused(answer: Response) -> Answer:
    """The answer to a good body."""
    return lambda body: answer if checked(body).status_code == 200 else checked(body)


GOOD: Mapping[str, Answer] = {
    "/v1/checks": checked,
    "/v1/refuses-what-no-schema-says": unless_refused(said("unknown")),
    "/v1/finds-the-address-too-long": always(JSONResponse({"code": "uri_too_long", "errors": []}, 414)),
}
PLANTED: Mapping[str, tuple[Answer, str]] = {
    "/v1/crashes": (unless_refused(Response(status_code=500)), "ST101"),
    "/v1/answers-with-a-status-that-it-does-not-tell": (unless_refused(JSONResponse({"a": 1}, 202)), "ST103"),
    "/v1/shows-what-it-does-not-tell": (unless_refused(JSONResponse({"a": "one"})), "ST108"),
    "/v1/takes-anything": (always(JSONResponse({"a": 1})), "ST201"),
    "/v1/refuses-what-it-says-it-takes": (always(said("missing")), "ST202"),
    "/v1/asks-nobody-who-they-are": (checked, "ST401"),
}


async def test_an_api_without_mistakes_passes() -> None:
    found = await examined(GOOD)
    assert found.holds, found.told
    assert re.fullmatch("([0-9]+) generated, \\1 passed.*", found.counted), found.told


async def test_every_planted_mistake_is_found() -> None:
    found = await examined({path: answer for path, (answer, _) in PLANTED.items()})
    assert not found.holds
    codes = failures(found.told)
    assert codes.keys() == {f"POST {path}" for path in PLANTED}, found.told
    assert all(code in codes[f"POST {path}"] for path, (_, code) in PLANTED.items()), codes


async def examined(answers: Mapping[str, Answer]) -> Conformance:
    listener = Listener(api(answers))
    port = await listener.open()
    try:
        return await asyncio.to_thread(
            conformance, f"http://127.0.0.1:{port}", TOKEN, seed=7, examples=5, phases="fuzzing"
        )
    finally:
        await listener.close()


def api(answers: Mapping[str, Answer]) -> ASGIApp:
    """An API of POSTs that answer as told; it shows its own document."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await (await answered(request))(scope, receive, send)

    async def answered(request: Request) -> Response:
        path = request.url.path
        if path not in answers:
            return JSONResponse(document(answers) if path == "/openapi.json" else None)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}" and "nobody" not in path:
            return JSONResponse({"code": "no_token", "errors": []}, 401)
        try:
            return answers[path](orjson.loads(await request.body()))
        except ValueError:
            return JSONResponse({"code": "json", "errors": []}, 400)

    return app


def document(paths: Mapping[str, Answer]) -> Mapping[str, Any]:
    content = {"application/json": {"schema": BODY}}
    told = {
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": {"description": "Done", "content": content},
            **{status: {"description": "Refused"} for status in ("400", "401", "414", "422", "default")},
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Planted", "version": "1"},
        "security": [{"bearer": []}],
        "paths": {path: {"post": told} for path in paths},
        "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    }


def failures(told: str) -> Mapping[str, set[str]]:
    """The codes of what was found wrong, by operation."""
    parts = re.split(r"^_{3,} (.+) _{3,}$", told, flags=re.MULTILINE)[1:]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return {operation: set(re.findall(r"^- (ST\d+)", text, re.MULTILINE)) for operation, text in pairs}
