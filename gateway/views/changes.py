"""The feed of changes of all services: their tokens in one, their items one after the other, spliced, never parsed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.upstreams import SERVICES
from gateway.views.parts import Missing
from services.kit.problems import invalid

_TOKENS = re.compile(r"\.".join([r"([A-Za-z0-9_-]{1,200})"] * len(SERVICES)))
_PAGE = re.compile(rb'\{"items":\[(.*)\],"next":"([A-Za-z0-9_-]{1,200})","more":(true|false)\}', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Page:
    """What one service has told: its items as they came, its token, and whether it has more."""

    items: bytes
    token: str
    more: bool


def page_of(body: bytes) -> Page | None:
    """The page that a service has answered; None where it is none."""
    found = _PAGE.fullmatch(body)
    return Page(found[1], found[2].decode(), found[3] == b"true") if found else None


def opened(since: str) -> dict[str, str]:
    """The services' tokens in one that callers hold. Raises Invalid (`since`)."""
    found = _TOKENS.fullmatch(since)
    if found is None:
        raise invalid("since", "token", "is no token of this feed; take one by asking without it")
    return dict(zip(SERVICES, found.groups(), strict=True))


def closed(tokens: Mapping[str, str]) -> str:
    """The token that callers hold."""
    return ".".join(tokens[service] for service in SERVICES)


def joined(pages: Mapping[str, Page], tokens: Mapping[str, str], missing: Sequence[Missing]) -> bytes:
    """The answer as JSON bytes: each service's items in its order; what is missing keeps its part of the token."""
    items = b",".join(
        pages[service].items for service in SERVICES if service in pages and pages[service].items
    )
    more = b"true" if any(page.more for page in pages.values()) else b"false"
    listed = ",".join(f'{{"part":"{each.part}","reason":"{each.reason}"}}' for each in missing)
    tail = f'"next":"{closed(tokens)}","more":{more.decode()},"missing":[{listed}]'
    return b'{"items":[' + items + b"]," + tail.encode() + b"}"
