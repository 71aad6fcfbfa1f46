"""`GET /v1/accounts/{id}/view`: what all services know of one account, as far as they answer."""

from datetime import datetime

from gateway.routes.parts import Whole
from gateway.views.account import dated, said
from gateway.views.parts import Given
from services.kit.conditional import etag_of
from services.kit.problems import SOON, NotFound, Unavailable


def view(given: Given, as_of: datetime) -> Whole:
    """The view. Its tag is weak: two views that say the same differ in their moment.

    Raises NotFound when every service that answers says so, Unavailable when none answers.
    """
    if not any(isinstance(part, bytes) for part in given.values()):
        if "not_yet" in given.values():
            raise NotFound("account")
        raise Unavailable("upstream_unreachable", "No service answers; try again.", headers=SOON)
    text = said(given)
    return Whole(dated(text, as_of), f"W/{etag_of(text)}")
