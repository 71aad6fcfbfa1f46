"""The OpenAPI document of the whole platform, made from what the services declare, without anything running.

`python -m deploy.local.openapi FILE` writes it. With `--release` it becomes `docs/openapi.released.json`, what clients
may rely on from then on; a test fails on what breaks them.
"""

import sys
from pathlib import Path
from typing import Any, Final

import orjson

from deploy.local.stack import ROOT
from gateway.main import DESCRIPTION, TITLE
from gateway.views.openapi import merged
from services.activities.main import SERVICE as ACTIVITIES
from services.contacts.main import SERVICE as CONTACTS
from services.kit.app import create_api
from services.kit.settings import Settings
from services.opportunities.main import SERVICE as OPPORTUNITIES

RELEASED: Final = ROOT / "docs" / "openapi.released.json"

_SERVICES: Final = (CONTACTS, OPPORTUNITIES, ACTIVITIES)
_NOWHERE: Final = "postgresql://nobody@127.0.0.1/none"


def document() -> dict[str, Any]:
    """The document. Nothing is connected to."""
    settings = Settings.model_validate({f"{each.name}_database_url": _NOWHERE for each in _SERVICES})
    own = {"info": {"title": TITLE, "description": DESCRIPTION, "version": "1"}, "paths": {}}
    return merged(own, {each.name: create_api(each, settings).openapi() for each in _SERVICES})


def text() -> bytes:
    """The document as a file holds it."""
    return orjson.dumps(document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    files = [Path(name) for name in sys.argv[1:] if name != "--release"]
    for file in [*files, *([RELEASED] if "--release" in sys.argv[1:] else [])]:
        file.write_bytes(text())
