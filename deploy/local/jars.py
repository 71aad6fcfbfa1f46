"""Apache Kafka's jars: fetched once by jgo, held to the checksums of kafka.jars.lock, kept inside `.venv`.

`python -m deploy.local.jars` fetches what is missing; `python -m deploy.local.jars lock` resolves
kafka.jars.toml anew and writes the lock.
"""

import hashlib
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jgo.maven import Artifact, MavenContext
from rich.console import Console
from rich.progress import Progress

from deploy.local.problems import StackProblem

_HERE = Path(__file__).parent
PINS = _HERE / "kafka.jars.toml"
LOCK = _HERE / "kafka.jars.lock"
_PARALLEL = 8


@dataclass(frozen=True)
class LockedJar:
    """One jar: its Maven coordinate `group:artifact:version` and the SHA-256 of its bytes."""

    coordinate: str
    sha256: str

    @property
    def filename(self) -> str:
        """The name it is kept under."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def directory() -> Path:
    """Where the jars of the present lock are or will be, named after the lock."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    return Path(sys.prefix) / "share" / "foothold" / f"kafka-{digest}"


def locked() -> tuple[LockedJar, ...]:
    """What the lock lists."""
    lines = (line.split() for line in LOCK.read_text().splitlines() if line and not line.startswith("#"))
    return tuple(LockedJar(coordinate, sha256) for sha256, coordinate in lines)


def fetch(advance: Callable[[int, int], None] = lambda _done, _total: None) -> Path:
    """Make sure that every jar is there; returns their directory. No network is touched when they are.

    `advance(done, total)` is called after each jar. A jar whose bytes are not the lock's is refused.
    """
    target = directory()
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    wanted = locked()
    # A neighbour that is killed halfway leaves only a directory of another name; the rename is the commit.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="fetching-") as unfinished:
        jars = Path(unfinished) / "jars"
        jars.mkdir()
        context = MavenContext(repo_cache=Path(unfinished) / "repository", timeout=60)
        for done, _ in enumerate(collect(wanted, context, jars), start=1):
            advance(done, len(wanted))
        _settle(jars, target)
    return target


def collect(wanted: Sequence[LockedJar], context: MavenContext, into: Path) -> Iterator[Path]:
    """Bring every jar from where `context` finds it into the directory `into`, yielding each as it arrives.

    Raises a StackProblem for a jar that cannot be had, and for one whose bytes are not the lock's.
    """
    with ThreadPoolExecutor(_PARALLEL) as pool:
        yield from pool.map(partial(_fetch_one, context, into), wanted)


def lock() -> None:
    """Resolve kafka.jars.toml afresh, download every jar and write their checksums into the lock."""
    with tempfile.TemporaryDirectory() as cache:
        context = MavenContext(repo_cache=Path(cache), timeout=60)
        pins: list[str] = tomllib.loads(PINS.read_text())["dependencies"]["coordinates"]
        given, following = context.resolver.resolve([context.create_dependency(pin) for pin in pins])
        with ThreadPoolExecutor(_PARALLEL) as pool:
            lines = list(pool.map(_locked_line, (found.artifact for found in (*given, *following))))
    note = "# SHA-256 and coordinate of every jar of the broker; made from kafka.jars.toml by `make lock`.\n"
    LOCK.write_text(note + "".join(sorted(lines, key=lambda line: line.split()[1])))


def _fetch_one(context: MavenContext, into: Path, jar: LockedJar) -> Path:
    group, artifact, version = jar.coordinate.split(":")
    try:
        found = context.project(group, artifact).at_version(version).artifact().resolve()
    except (OSError, RuntimeError) as error:
        raise StackProblem(
            f"Apache Kafka's {jar.coordinate} could not be fetched: is there a network? (once only)"
        ) from error
    if _sha256(found) != jar.sha256:
        raise StackProblem(f"{jar.coordinate}: its checksum is not the one in {LOCK.name}; it is not used.")
    return Path(shutil.move(found, into / jar.filename))


def _settle(jars: Path, target: Path) -> None:
    try:
        jars.rename(target)
    except OSError:
        if not target.exists():  # Otherwise a neighbour was quicker, with the same bytes.
            raise


def _locked_line(artifact: Artifact) -> str:
    coordinate = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
    return f"{_sha256(artifact.resolve())}  {coordinate}\n"


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _fetch_visibly() -> None:
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Apache Kafka's jars", total=None)
        fetch(lambda done, total: progress.update(task, completed=done, total=total))


if __name__ == "__main__":
    try:
        lock() if sys.argv[1:] == ["lock"] else _fetch_visibly()
    except StackProblem as problem:
        sys.exit(str(problem))
