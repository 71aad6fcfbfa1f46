"""What all services say of one person in one answer: `GET /v1/contacts/{id}/personal-data`, `GET .../erasure`.

Contacts owns people, so where it knows nobody of that id there is nobody. What others cannot tell now is no answer to
the person: it is asked for again. What they have not heard yet is none of what is held; of an erasure, they say so.
"""

from collections.abc import Sequence
from datetime import datetime

from gateway.routes.parts import Whole
from gateway.views.parts import Given, Missing, Parts, missing
from gateway.views.person import ERASED, HELD, whole
from services.kit.conditional import etag_of
from services.kit.problems import SOON, NotFound, Unavailable


def held(given: Given, _as_of: datetime) -> Whole:
    """What is held. Raises NotFound, and Unavailable naming the parts that are missing."""
    if given["contacts"] == "not_yet":
        raise NotFound("contact")
    _require("What is held about a person", missing(given))
    return _tagged(HELD, given)


def erased(given: Given, _as_of: datetime) -> Whole:
    """An erasure, null where a service has not heard of it yet. Raises NotFound, and Unavailable as above."""
    if given["contacts"] == "not_yet":
        raise NotFound("erasure")
    _require("An erasure", [each for each in missing(given) if each.reason != "not_yet"])
    return _tagged(ERASED, given)


def _require(what: str, wanting: Sequence[Missing]) -> None:
    if wanting:
        named = ", ".join(f"{each.part} ({each.reason})" for each in wanting)
        raise Unavailable(
            "parts_missing",
            f"{what} is shown as a whole, and parts of it are missing now: {named}; try again.",
            headers=SOON,
        )


def _tagged(parts: Parts, given: Given) -> Whole:
    body = whole(parts, given)
    return Whole(body, etag_of(body))
