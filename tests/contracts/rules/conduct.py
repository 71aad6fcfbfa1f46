"""Rules of conduct: what operations answer to who asks rightly, but once more, too late, in vain, or unseen.

They are asked about what lies on a ground: its seller owns what is there, a stranger sees none of it.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import uuid4

import httpx

from tests.apis import as_
from tests.contracts.rules.reading import Operation
from tests.house.grounds import Ground, filled

# Whom everybody knows, and what everybody sells.
_EVERYBODYS = ("members", "products")
_STALE = '"999"'
# When something was put together is told beside it.
_MOMENT = re.compile(rb'"as_of":"[^"]+"')

Check: TypeAlias = Callable[[Ground, Operation], Awaitable[str | None]]


@dataclass(frozen=True, eq=False)
class Conduct:
    """`check` tells what is wrong with an operation that it is a rule of, or None; what a careless service would not
    heed, `overlooks` takes from a request.
    """

    says: str
    of: Callable[[Operation], bool]
    check: Check
    overlooks: Callable[[httpx.Headers], None]

    async def offenders(self, ground: Ground, operations: Iterable[Operation]) -> list[str]:
        """What is wrong on the ground, one line an offence. Raises LookupError where the rule is of no operation."""
        asked = [each for each in _in_order(operations) if self.of(each)]
        if not asked:
            raise LookupError(self.says)
        told = [(each, await self.check(ground, each)) for each in asked]
        return [f"{each}: {wrong}" for each, wrong in told if wrong]

    async def missed(self, request: httpx.Request) -> None:
        """Makes a request what a careless service would take it for."""
        self.overlooks(request.headers)


def _in_order(operations: Iterable[Operation]) -> list[Operation]:
    """What takes away comes last, what lies within first."""
    told = list(operations)
    deletes = [each for each in told if each.method == "delete"]
    return [each for each in told if each.method != "delete"] + deletes[::-1]


async def _sent(
    ground: Ground, who: str, operation: Operation, path: str = "", **headers: str
) -> httpx.Response:
    """The answer to a good request of any version, unless `headers` say otherwise."""
    versioned = operation.takes("header", "if-match") and not _is_upsert(operation)
    told = as_(who, **({"if_match": "*"} if versioned else {}) | headers)
    if "if_none_match" in headers:
        told["If-None-Match"] = headers["if_none_match"]
    method = operation.method.upper()
    return await ground.client.request(
        method,
        filled(path or operation.path, ground.ids),
        headers=told,
        **ground.sent(method, operation.path),
    )


async def _asked(ground: Ground, operation: Operation, **headers: str) -> tuple[str, httpx.Response]:
    """Who is let, the seller or else an administrator, and the answer."""
    answer = await _sent(ground, "seller", operation, **headers)
    if answer.status_code != 403:
        return "seller", answer
    return "admin", await _sent(ground, "admin", operation, **headers)


def _is_upsert(operation: Operation) -> bool:
    return "by-external-id" in operation.segments


async def _once_more(ground: Ground, operation: Operation) -> str | None:
    row, restores, _ = operation.path.rpartition("/restoration")
    if restores:
        await ground.ask("admin", "DELETE", filled(row, ground.ids))
        await ground.ask("seller", "DELETE", filled(row, ground.ids))
    key = uuid4().hex
    who, first = await _asked(ground, operation, key=key)
    if not first.is_success:
        return _answered(first)
    again = await _sent(ground, who, operation, key=key)
    if again.headers.get("idempotency-replayed") != "true":
        return f"is done once more: {_answered(again)}"
    return None if _lasting(first) == _lasting(again) else f"answered otherwise: {_answered(again)}"


def _lasting(answer: httpx.Response) -> tuple[Any, ...]:
    content = _MOMENT.sub(b"", answer.content)
    return answer.status_code, content, *(answer.headers.get(name) for name in ("etag", "location"))


async def _too_late(ground: Ground, operation: Operation) -> str | None:
    if _is_upsert(operation):
        await _asked(ground, operation)
    who, late = await _asked(ground, operation, if_match=_STALE)
    if (late.status_code, late.headers.get("content-type")) != (412, "application/problem+json"):
        return _answered(late)
    current = late.json().get("current", {})
    row = f"/v1/{operation.segments[0]}/{current.get('id')}" if _is_upsert(operation) else operation.path
    shown = await ground.client.get(filled(row, ground.ids), headers=as_(who))
    told = current, late.headers.get("etag")
    return (
        None
        if told == (shown.json(), shown.headers["etag"])
        else f"told of {told}, not of {_answered(shown)}"
    )


async def _in_vain(ground: Ground, operation: Operation) -> str | None:
    who, first = await _asked(ground, operation)
    if not first.is_success:
        return _answered(first)
    tag = first.headers.get("etag")
    if (tag is not None) != ("304" in operation.answers):
        return f"its ETag is {tag}, which is not what is described"
    if tag is None:
        return None
    had = await _sent(ground, who, operation, if_none_match=tag)
    if (had.status_code, had.content, had.headers.get("etag")) != (304, b"", tag):
        return _answered(had)
    other = await _sent(ground, who, operation, if_none_match='"another"')
    return None if _lasting(other) == _lasting(first) else _answered(other)


async def _unseen(ground: Ground, operation: Operation) -> str | None:
    hidden = await _sent(ground, "stranger", operation)
    absent = await _sent(ground, "stranger", operation, operation.path.replace("{id}", str(uuid4())))
    # What the stranger may ask of nobody is refused before anything is looked for.
    if hidden.status_code not in (403, 404) or absent.status_code != hidden.status_code:
        return _answered(hidden)
    told, otherwise = ((each.json()["code"], each.json()["detail"]) for each in (hidden, absent))
    return None if told == otherwise else f"says {told} of what is there, {otherwise} of what is not"


async def _unlisted(ground: Ground, operation: Operation) -> str | None:
    id = ground.ids[operation.segments[-1]]
    shown, hidden = [await _sent(ground, who, operation) for who in ("seller", "stranger")]
    if id not in shown.text:
        return f"shows its owner nothing: {_answered(shown)}"
    return None if hidden.is_success and id not in hidden.text else _answered(hidden)


def _answered(answer: httpx.Response) -> str:
    return f"answered {answer.status_code} {answer.text[:300]}"


def _is_of_a_row(operation: Operation) -> bool:
    return operation.takes("path", "id") and operation.segments[0] not in _EVERYBODYS


def _is_a_list(operation: Operation) -> bool:
    return operation.is_list and len(operation.segments) == 1 and operation.segments[0] not in _EVERYBODYS


def _as_the_seller(headers: httpx.Headers) -> None:
    headers["Authorization"] = headers["Authorization"].replace("stranger", "seller")


def _without(name: str) -> Callable[[httpx.Headers], None]:
    def overlooks(headers: httpx.Headers) -> None:
        headers.pop(name, None)

    return overlooks


def _of_any_version(headers: httpx.Headers) -> None:
    if "If-Match" in headers:
        headers["If-Match"] = "*"


CONDUCT = (
    Conduct(
        "A write that is sent again under its key is answered as before, and done once",
        lambda each: each.writes,
        _once_more,
        _without("Idempotency-Key"),
    ),
    Conduct(
        "Who changes what has changed meanwhile is shown its present state",
        lambda each: each.takes("header", "if-match"),
        _too_late,
        _of_any_version,
    ),
    Conduct(
        "What the caller has already is not sent again",
        lambda each: each.method == "get" and not each.is_stream,
        _in_vain,
        _without("If-None-Match"),
    ),
    Conduct("What may not be seen is not there", _is_of_a_row, _unseen, _as_the_seller),
    Conduct("What may not be seen is in no list", _is_a_list, _unlisted, _as_the_seller),
)
