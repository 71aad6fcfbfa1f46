"""`python -I installing.py LOCK`: the packages of a hashed lock and then this checkout, into the running `.venv`.

Runs before anything is installed, so on the standard library alone. pip brings uv, and uv the rest. One line tells how
long it takes; all that they say is shown only when they fail.
"""

import ast
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
_UV = (str(Path(sys.executable).with_name("uv")), "pip")
_INSTALLER = "requirements-installer.txt"

# What pip may have been told of where packages are, and what uv calls it.
_TOLD = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}
_BETWEEN = {"UV_FIND_LINKS": ","}


class _Line:
    """What is being done, for how long: a line that renews itself on a terminal, one every ten seconds elsewhere."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._started = time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._tell)
        self._thread.start()

    def close(self, last: str) -> None:
        self._done.set()
        self._thread.join()
        self._write(f"{last}\n" if last else "")

    def _tell(self) -> None:
        renews = sys.stdout.isatty()
        while not self._done.wait(0.2 if renews else 10):
            self._write(f"{self._text} ({time.monotonic() - self._started:.0f} s)" + ("" if renews else "\n"))

    def _write(self, text: str) -> None:
        sys.stdout.write(f"\r\x1b[K{text}" if sys.stdout.isatty() else text)
        sys.stdout.flush()


def _main(lock: str) -> None:
    _run("uv", (*_PIP, "install", "--require-hashes", "-r", _INSTALLER))
    install, told = (*_UV, "install", "--python", sys.executable), _told_to_pip()
    _run("packages", (*install, "--require-hashes", "--compile-bytecode", "-r", lock), told)
    _run("foothold", (*install, "--no-deps", "--no-build-isolation", "-e", "."), told)


def _run(what: str, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    line, last = _Line(f"Installing {what}"), ""
    try:
        done = subprocess.run(
            argv,
            check=False,
            cwd=_ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode == 0:
            last = f"Installed {what}"
    finally:
        line.close(last)
    if not last:
        said = "".join(done.stdout.splitlines(keepends=True)[-15:])
        sys.exit(f"{said}\nInstalling {what} failed; is there a network? (It is needed once.)")


def _told_to_pip() -> dict[str, str]:
    """Ours, with what pip has been told of where packages are said to uv as well."""
    told = dict(os.environ)
    listed = subprocess.run((*_PIP, "config", "list"), check=False, capture_output=True, text=True)
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        said = _TOLD.get(name.rpartition(".")[2])
        if said is not None:
            told.setdefault(said, _BETWEEN.get(said, " ").join(ast.literal_eval(value).split()))
    return told


if __name__ == "__main__":
    try:
        _main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit(130)
