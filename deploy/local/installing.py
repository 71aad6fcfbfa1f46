"""`python -I installing.py LOCK`: the packages of a hashed lock and then this checkout, into the running `.venv`.

Runs before anything is installed, so on the standard library alone. One line tells how far it is; all that pip
says is shown only when it fails.
"""

import re
import subprocess
import sys
from collections import deque
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")


def _main(lock: str) -> None:
    total = len(re.findall(r"^[a-zA-Z0-9].*==", (_ROOT / lock).read_text(), re.MULTILINE))
    _run("packages", total, "install", "--require-hashes", "--progress-bar", "off", "-r", lock)
    _run("foothold", 1, "install", "--no-deps", "--no-build-isolation", "-e", ".")


def _run(what: str, total: int, *arguments: str) -> None:
    said: deque[str] = deque(maxlen=15)
    with subprocess.Popen(
        [*_PIP, *arguments], cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        done = 0
        for line in pip.stdout or ():
            said.append(line)
            done += line.startswith(("Collecting ", "Requirement already satisfied: ", "Obtaining "))
            _tell(f"Installing {what}: {min(done, total)} of {total}{_doing(line)}")
    _tell(f"Installed {what}\n" if pip.returncode == 0 else "")
    if pip.returncode:
        sys.exit(f"{''.join(said)}\nInstalling {what} failed; is there a network? (`make run` needs it once)")


def _doing(line: str) -> str:
    if line.startswith("Installing collected packages"):
        return ", unpacking"
    found = re.match(r"(?:Collecting|Downloading|Using cached) ([A-Za-z0-9_.-]+)", line.strip())
    return f", {found[1]}" if found else ""


def _tell(text: str) -> None:
    if sys.stdout.isatty():
        sys.stdout.write(f"\r\x1b[K{text}")
    elif text.endswith("\n"):
        sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    _main(sys.argv[1])
