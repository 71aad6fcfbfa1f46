"""The system user that PostgreSQL runs under when we are root, for it refuses to run as root itself."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

_CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """An unprivileged user of this system, with its primary group."""

    name: str
    uid: int
    gid: int

    def reaches(self, path: Path) -> bool:
        """Whether this user may pass through every existing directory on the way to `path`."""
        absolute = path.absolute()
        return all(self._passes(parent) for parent in (absolute, *absolute.parents) if parent.is_dir())

    def own(self, directory: Path) -> None:
        """Give `directory`, made where absent, to this user alone."""
        directory.mkdir(parents=True, exist_ok=True)
        os.chown(directory, self.uid, self.gid)
        directory.chmod(stat.S_IRWXU)

    def _passes(self, directory: Path) -> bool:
        held = directory.stat()
        if held.st_uid == self.uid:
            return bool(held.st_mode & stat.S_IXUSR)
        if held.st_gid == self.gid:
            return bool(held.st_mode & stat.S_IXGRP)
        return bool(held.st_mode & stat.S_IXOTH)


def unprivileged() -> Account | None:
    """The user to step down to; None where we are not root and have nothing to step down from."""
    if os.geteuid() != 0:
        return None
    for name in _CANDIDATES:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(found.pw_name, found.pw_uid, found.pw_gid)
    return Account("65534", 65534, 65534)
