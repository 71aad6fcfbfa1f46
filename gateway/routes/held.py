"""`GET /v1/contacts/{id}/personal-data`: what all services hold about a person, in one answer that is whole.

Contacts owns people, so where it knows nobody of that id there is nobody. What the others have not heard yet, or cannot
tell now, is no answer to the person: it is asked for again.
"""

from datetime import datetime

from gateway.routes.parts import Whole
from gateway.views.held import whole
from gateway.views.parts import Given
from services.kit.conditional import etag_of
from services.kit.problems import NotFound, Unavailable


def held(given: Given, _as_of: datetime) -> Whole:
    """What is held. Raises NotFound, and Unavailable naming the parts that are missing."""
    if given["contacts"] == "not_yet":
        raise NotFound("contact")
    missing = {part: reason for part, reason in given.items() if isinstance(reason, str)}
    if missing:
        named = ", ".join(f"{part} ({reason})" for part, reason in missing.items())
        raise Unavailable(
            "parts_missing",
            f"What is held about a person is shown as a whole, and parts of it are missing now: {named}; try again.",
            headers={"Retry-After": "2"},
        )
    body = whole({part: each for part, each in given.items() if isinstance(each, bytes)})
    return Whole(body, etag_of(body))
