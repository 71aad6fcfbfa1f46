"""The OpenAPI documents of the platform as it is in this checkout, made without a process or a database."""

from functools import cache
from typing import Any

from gateway.main import DESCRIPTION, TITLE
from gateway.views.openapi import merged
from services.activities.main import SERVICE as ACTIVITIES
from services.contacts.main import SERVICE as CONTACTS
from services.kit.app import Service, create_api
from services.kit.testing import callers, settings_for
from services.opportunities.main import SERVICE as OPPORTUNITIES

_NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


@cache
def document_of(service: Service) -> dict[str, Any]:
    """The service's own document."""
    return create_api(service, settings_for(service, _NOWHERE), judge=callers()).openapi()


@cache
def whole_document() -> dict[str, Any]:
    """What the gateway makes of the three."""
    own = {"info": {"title": TITLE, "description": DESCRIPTION, "version": "1"}, "paths": {}}
    return merged(own, {each.name: document_of(each) for each in (CONTACTS, OPPORTUNITIES, ACTIVITIES)})
