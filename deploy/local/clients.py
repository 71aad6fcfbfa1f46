"""Typed clients of the whole API, made from its OpenAPI document by generators that others keep.

`python -m deploy.local.clients` writes them under `build/clients/`: `python/foothold_client`, on httpx, by
openapi-python-client, which runs in an environment of its own; `typescript/`, types by openapi-typescript for
openapi-fetch.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from deploy.local import node, openapi
from deploy.local.fetching import fetched
from deploy.local.stack import ROOT

OUT: Final = ROOT / "build" / "clients"
TOOLS: Final = ROOT / "deploy" / "clients"
PYTHON_PACKAGE: Final = "foothold_client"
TYPES: Final = "foothold.ts"

_LOCK: Final = TOOLS / "requirements.txt"
_ENVIRONMENT: Final = ROOT / ".venv" / "clients"
_UV: Final = (sys.executable, "-m", "uv", "--quiet")

# The generator knows no `explode: false`, and would send a list of values as a parameter repeated; and what it hands
# on when a client is left has types that httpx does not take.
_MENDED: Final = {
    "params = {k: v for k, v in params.items() if v is not UNSET and v is not None}": (
        "params = {\n"
        '        k: ",".join(map(str, v)) if isinstance(v, list) else v\n'
        "        for k, v in params.items()\n"
        "        if v is not UNSET and v is not None\n"
        "    }"
    ),
    "*args: object": "*args: Any",
}


class ClientsError(RuntimeError):
    """A generator has failed, or could not be installed; the message is what it said."""


def generate(document: Path, out: Path) -> None:
    """Writes both clients of the document into `out`. Raises ClientsError or NodeError."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    _python(document, out / "python" / PYTHON_PACKAGE)
    _typescript(document, out / "typescript")


def _python(document: Path, package: Path) -> None:
    fetched(_LOCK, _ENVIRONMENT, _install)
    package.parent.mkdir()
    ended = package.parent / "openapi.json"
    ended.write_bytes(orjson.dumps(_without_streams(orjson.loads(document.read_bytes()))))
    told = ("generate", "--path", ended, "--output-path", package, "--meta", "none", "--fail-on-warning")
    config = ("--config", TOOLS / "python.yaml")
    tools = _ENVIRONMENT / "bin"
    _run(tools / "openapi-python-client", *told, *config, PATH=f"{tools}{os.pathsep}{os.environ['PATH']}")
    for module in package.rglob("*.py"):
        text = module.read_text()
        for generated, mended in _MENDED.items():
            text = text.replace(generated, mended)
        module.write_text(text)


def _without_streams(document: dict[str, Any]) -> dict[str, Any]:
    """The document without what answers with a stream: this client reads answers to their end."""

    def ends(item: Mapping[str, Any]) -> bool:
        return "text/event-stream" not in item.get("get", {}).get("responses", {}).get("200", {}).get(
            "content", {}
        )

    return {**document, "paths": {path: item for path, item in document["paths"].items() if ends(item)}}


def _typescript(document: Path, folder: Path) -> None:
    folder.mkdir()
    types = str(folder / TYPES)
    # What has a default may be left out of a request.
    told = ("--default-non-nullable", "false", "--output", types)
    node.run(TOOLS, "node_modules/openapi-typescript/bin/cli.js", (str(document), *told))


def _install() -> None:
    shutil.rmtree(_ENVIRONMENT, ignore_errors=True)
    _run(*_UV, "venv", "--python", sys.executable, _ENVIRONMENT)
    python = ("--python", _ENVIRONMENT / "bin" / "python")
    _run(*_UV, "pip", "install", *python, "--require-hashes", "-r", _LOCK)


def _run(*command: str | Path, **environment: str) -> None:
    ran = subprocess.run(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    if ran.returncode:
        raise ClientsError(f"{Path(command[0]).name} failed:\n{ran.stdout}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        document = Path(directory) / "openapi.json"
        document.write_bytes(openapi.text())
        generate(document, OUT)
