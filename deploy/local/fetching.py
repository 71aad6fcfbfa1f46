"""What a lock file names is fetched once in a checkout, and again when the lock has changed."""

import fcntl
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path


def fetched(lock: Path, place: Path, fetch: Callable[[], None]) -> None:
    """Has `fetch` bring what the lock names into the place, unless it is there; one at a time."""
    installed = place / "installed"
    with lock.open("rb") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        wanted = sha256(opened.read()).hexdigest()
        if installed.is_file() and installed.read_text() == wanted:
            return
        fetch()
        installed.write_text(wanted)
