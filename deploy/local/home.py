"""FOOTHOLD_HOME: everything a stack keeps on the disk, and the record of what it runs.

home/lock           held by the one supervisor that may run here
home/state.json     what runs now: ids, start times, ports, addresses (0600: addresses carry passwords)
home/secrets.json   generated passwords (0600)
home/logs/          one file a process, bounded
home/kafka/         the broker's log; PostgreSQL's directory is `postgres.state_directory(home)`
"""

import fcntl
import json
import os
import secrets
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from deploy.local.identity import Identity
from deploy.local.problems import StackProblem

LEAST_FREE_BYTES = 1_000_000_000

Phase = Literal["starting", "serving", "stopping"]


@dataclass(frozen=True)
class RunningChild:
    """A child as the record keeps it."""

    name: str
    identity: Identity
    port: int
    restarts: int


@dataclass(frozen=True)
class Record:
    """What `state.json` says of the stack that runs here, or did when it was killed."""

    supervisor: Identity
    phase: Phase
    base_port: int
    addresses: dict[str, str] = field(default_factory=dict[str, str])
    children: tuple[RunningChild, ...] = ()


class Home:
    """The state directory of one stack."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.logs = self.directory / "logs"
        self.kafka = self.directory / "kafka"

    def prepare(self) -> None:
        """Make the directory; refuse one that cannot be written to, or a disk that is all but full."""
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            probe = self.directory / f"probe-{os.getpid()}"
            probe.write_text("probe")
            probe.unlink()
        except OSError as error:
            raise StackProblem(
                f"{self.directory} cannot be written to ({error.strerror}); set FOOTHOLD_HOME to a directory"
                " of yours."
            ) from error
        refuse_full_disk(self.directory, shutil.disk_usage(self.directory).free)

    def hold(self) -> IO[bytes]:
        """Take the lock that one supervisor at a time holds until it ends, however it ends."""
        lock = (self.directory / "lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise StackProblem(
                f"A stack runs in {self.directory} already: see `foothold status`, or end it with `foothold"
                " down`; FOOTHOLD_HOME and FOOTHOLD_PORT let a second one stand beside it."
            ) from error
        return lock

    def password(self, name: str) -> str:
        """The password called `name`, made up on first use and kept."""
        path = self.directory / "secrets.json"
        held: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        if name not in held:
            held[name] = secrets.token_urlsafe(24)
            _write_private(path, json.dumps(held, indent=1))
        return held[name]

    def log(self, name: str) -> Path:
        """Where the output of the process `name` goes."""
        return self.logs / f"{name}.log"

    def write(self, record: Record) -> None:
        """Keep `record`, whole or not at all."""
        _write_private(self._state_file, json.dumps(asdict(record), indent=1))

    def read(self) -> Record | None:
        """The record of the last stack here; None where there was none or it ended in order."""
        try:
            held = json.loads(self._state_file.read_text())
            return _record(held)
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def running(self) -> Record | None:
        """The record of the stack that runs here now; None where its supervisor is gone."""
        record = self.read()
        return record if record and record.supervisor.alive() else None

    def forget(self) -> None:
        """Remove the record: the stack ended in order."""
        self._state_file.unlink(missing_ok=True)

    @property
    def _state_file(self) -> Path:
        return self.directory / "state.json"


def refuse_full_disk(directory: Path, free_bytes: int) -> None:
    """Raise where a stack could not keep what it is told."""
    if free_bytes < LEAST_FREE_BYTES:
        raise StackProblem(
            f"The disk of {directory} has {free_bytes / 1e6:.0f} MB left and Foothold wants 1000;"
            " make room, or set FOOTHOLD_HOME to a directory on another disk."
        )


def _record(held: dict[str, Any]) -> Record:
    children = tuple(
        RunningChild(child["name"], Identity(**child["identity"]), child["port"], child["restarts"])
        for child in held["children"]
    )
    return Record(
        Identity(**held["supervisor"]), held["phase"], held["base_port"], held["addresses"], children
    )


def _write_private(path: Path, text: str) -> None:
    """Write `text` for our eyes alone; a reader sees the old or the new."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    unfinished.replace(path)
