"""AsyncAPI's own parser, which runs on node: what it finds in a document, and what it reads there.

Node and npm come from a wheel; the parser by `npm ci` from the lock beside its script, once in a checkout.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.local import node
from deploy.local.schemas import DIRECTORY

_FOLDER: Final = Path(__file__).parent / "asyncapi"
SWITCHED_OFF: Final = frozenset({"asyncapi-latest-version"})
"""Findings that are none: 3.0 is what tools read, and nothing of 3.1 is missed."""


@dataclass(frozen=True)
class Answer:
    """What the parser finds in a document, a sentence each; and the messages that it reads there.

    `messages` are by address and name, each with the members of the state in its value.
    """

    findings: Sequence[str]
    messages: Mapping[str, Mapping[str, Sequence[str]]]


def parsed(documents: Sequence[str]) -> list[Answer]:
    """What the parser says of each of the documents, as if they lay where the committed one does."""
    source = str(DIRECTORY / "asyncapi.json")
    said = node.run(_FOLDER, "validate.mjs", (source,), told=json.dumps(documents))
    return [Answer(_findings(each["findings"]), each["messages"]) for each in json.loads(said)]


def _findings(told: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"{each['path']}: {each['message']}" for each in told if each["code"] not in SWITCHED_OFF]
