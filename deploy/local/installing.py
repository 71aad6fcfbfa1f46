"""`python -I installing.py LOCK`: the packages of a hashed lock and then this checkout, into the running `.venv`.

Runs before anything is installed, so on the standard library alone. One line tells how far it is; all that pip
says is shown only when it fails.
"""

import re
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")


class _Line:
    """What is being done, for how long: a line that renews itself on a terminal, one every ten seconds elsewhere."""

    def __init__(self, text: str) -> None:
        self.text = text
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
            self._write(f"{self.text} ({time.monotonic() - self._started:.0f} s)" + ("" if renews else "\n"))

    def _write(self, text: str) -> None:
        sys.stdout.write(f"\r\x1b[K{text}" if sys.stdout.isatty() else text)
        sys.stdout.flush()


def _main(lock: str) -> None:
    total = len(re.findall(r"^[a-zA-Z0-9].*==", (_ROOT / lock).read_text(), re.MULTILINE))
    _run("packages", total, "install", "--require-hashes", "--progress-bar", "off", "-r", lock)
    _run("foothold", 1, "install", "--no-deps", "--no-build-isolation", "-e", ".")


def _run(what: str, total: int, *arguments: str) -> None:
    line, last = _Line(f"Installing {what}"), ""
    said: deque[str] = deque(maxlen=15)
    try:
        if _pip(arguments, line, said, what, total) == 0:
            last = f"Installed {what}"
    finally:
        line.close(last)
    if not last:
        sys.exit(f"{''.join(said)}\nInstalling {what} failed; is there a network? (It is needed once.)")


def _pip(arguments: tuple[str, ...], line: _Line, said: deque[str], what: str, total: int) -> int:
    argv = [*_PIP, *arguments]
    with subprocess.Popen(
        argv, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        done = 0
        for words in pip.stdout or ():
            said.append(words)
            done += words.startswith(("Collecting ", "Requirement already satisfied: ", "Obtaining "))
            line.text = f"Installing {what}: {_how_far(words, min(done, total), total)}"
    return pip.returncode


def _how_far(words: str, done: int, total: int) -> str:
    if words.startswith("Installing collected packages"):
        return "unpacking"
    return f"{done} of {total}"


if __name__ == "__main__":
    try:
        _main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit(130)
