"""The broker's topics: read from deploy/kafka/topics.yaml, made where missing, refused where they differ."""

import os
import re
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, cast

import yaml
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from deploy.local.problems import StackProblem

DECLARATION = Path(__file__).parents[1] / "kafka" / "topics.yaml"
Profile = Literal["laptop", "production"]

_NAME = re.compile(r"[a-z]+\.(events|dead-letter)")
_DAY_MS = 24 * 60 * 60 * 1000
_DAYS_WITH_PEOPLE = 14
_FORGOTTEN_SECONDS = 60


@dataclass(frozen=True)
class Topic:
    """One topic as the broker is to have it."""

    name: str
    partitions: int
    replication: int
    settings: Mapping[str, str]


class TopicAdmin(Protocol):
    """What is used of kafka-python's untyped admin client."""

    def create_topics(self, new_topics: object, timeout_ms: int | None = None) -> object: ...
    def delete_topics(self, topics: Sequence[str], timeout_ms: int | None = None) -> object: ...
    def wait_for_topics(self, topic_names: Sequence[str], timeout_ms: int = 10_000) -> object: ...
    def describe_topics(self, topics: Sequence[str] | None = None) -> list[dict[str, Any]]: ...
    def describe_configs(self, config_resources: object) -> dict[str, dict[str, dict[str, Any]]]: ...
    def alter_configs(self, config_resources: object) -> dict[str, dict[str, str]]: ...
    def list_partition_offsets(self, topic_partition_specs: object) -> dict[Any, Any]: ...
    def close(self) -> object: ...


def connect(bootstrap_servers: str) -> TopicAdmin:
    """An admin client; a StackProblem where no broker answers."""
    # Looked at first: the client tries for half a minute and leaves its sockets open.
    if not any(_listens(address) for address in bootstrap_servers.split(",")):
        raise StackProblem(_nobody(bootstrap_servers))
    try:
        client = KafkaAdminClient(bootstrap_servers=bootstrap_servers, client_id="foothold")
    except KafkaError as error:
        raise StackProblem(_nobody(bootstrap_servers)) from error
    return cast("TopicAdmin", client)


def profile(environment: Mapping[str, str] = os.environ) -> Profile:
    """Which of the declaration's profiles holds here."""
    return "production" if environment.get("FOOTHOLD_ENVIRONMENT") == "production" else "laptop"


def declared(
    profile: Profile, path: Path = DECLARATION, environment: Mapping[str, str] = os.environ
) -> tuple[Topic, ...]:
    """What `path` declares under `profile`. A wrong declaration is refused with the name of what is wrong."""
    try:
        read = _Declaration.model_validate(yaml.safe_load(path.read_text()))
    except (yaml.YAMLError, ValidationError) as error:
        raise StackProblem(f"{path.name}: {_what_is_wrong(error)}") from error
    chosen = read.profiles[profile]
    return tuple(_topic(name, topic, chosen, environment) for name, topic in read.topics.items())


def apply(bootstrap_servers: str, topics: Sequence[Topic]) -> list[str]:
    """Make the topics that the broker lacks and set the settings that differ; returns the names it touched.

    Nothing is changed where the number of partitions of one differs, or fewer brokers hold it: it is refused by name.
    """
    admin = connect(bootstrap_servers)
    try:
        held = {found["name"]: found["partitions"] for found in admin.describe_topics()}
        for topic in topics:
            if partitions := held.get(topic.name):
                _refuse_other_partitions(topic, len(partitions))
                _refuse_fewer_replicas(topic, min(len(each["replica_nodes"]) for each in partitions))
        missing = [topic for topic in topics if topic.name not in held]
        _create(admin, missing)
        return [
            *(topic.name for topic in missing),
            *_mend(admin, [topic for topic in topics if topic.name in held]),
        ]
    finally:
        admin.close()


def remove(bootstrap_servers: str, name: str) -> None:
    """Delete a topic with all that it holds, and wait until the broker has forgotten it."""
    admin = connect(bootstrap_servers)
    try:
        admin.delete_topics([name])
        deadline = time.monotonic() + _FORGOTTEN_SECONDS
        while name in {found["name"] for found in admin.describe_topics()}:
            if time.monotonic() > deadline:
                raise StackProblem(f"The broker has not deleted {name} within {_FORGOTTEN_SECONDS} s.")
            time.sleep(0.2)
    finally:
        admin.close()


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Profile(_Strict):
    partitions: Annotated[int, Field(ge=1, le=1000)]
    replication: Annotated[int, Field(ge=1, le=9)]
    min_insync_replicas: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _insync_within_replication(self) -> "_Profile":
        if self.min_insync_replicas > self.replication:
            raise ValueError("min_insync_replicas is above replication, so nothing could be written")
        return self


class _TopicDeclaration(_Strict):
    retention_days: Annotated[int, Field(ge=-1)]
    retention_setting: Literal["EVENTS_RETENTION_DAYS"] | None = None
    partitions: Annotated[int, Field(ge=1, le=1000)] | None = None


class _Declaration(_Strict):
    profiles: dict[Profile, _Profile]
    topics: dict[str, _TopicDeclaration]

    @model_validator(mode="after")
    def _names_and_retention(self) -> "_Declaration":
        for profile in ("laptop", "production"):
            if profile not in self.profiles:
                raise ValueError(f"profiles: {profile} is missing")
        for name, topic in self.topics.items():
            _refuse_declaration(name, topic)
        return self


def _refuse_declaration(name: str, topic: _TopicDeclaration) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"topic {name}: a name is <service>.events or <service>.dead-letter")
    if topic.retention_days == 0:
        raise ValueError(f"topic {name}: retention_days 0 would delete everything; -1 keeps all")
    if _tells_of_people(name) and not 0 < topic.retention_days <= _DAYS_WITH_PEOPLE:
        raise ValueError(f"topic {name}: it tells of people, so retention_days is 1 to {_DAYS_WITH_PEOPLE}")
    if _tells_of_people(name) and topic.retention_setting:
        raise ValueError(f"topic {name}: it tells of people, so no setting may keep it longer")


def _tells_of_people(name: str) -> bool:
    return name == "contacts.events" or name.endswith(".dead-letter")


def _topic(name: str, topic: _TopicDeclaration, profile: _Profile, environment: Mapping[str, str]) -> Topic:
    days = _retention_days(topic, environment)
    settings = {
        "cleanup.policy": "delete",
        "retention.ms": str(-1 if days < 0 else days * _DAY_MS),
        "min.insync.replicas": str(profile.min_insync_replicas),
    }
    if _tells_of_people(name):
        # A broker lets go of whole segments, by their last record; left to itself, one may span a week.
        settings["segment.ms"] = str(_DAY_MS)
    return Topic(name, topic.partitions or profile.partitions, profile.replication, settings)


def _retention_days(topic: _TopicDeclaration, environment: Mapping[str, str]) -> int:
    given = environment.get(topic.retention_setting or "", "").strip()
    if not given:
        return topic.retention_days
    if not re.fullmatch(r"-1|[1-9][0-9]{0,4}", given):
        raise StackProblem(f"{topic.retention_setting}={given}: give days from 1 on, or -1 to keep all.")
    return int(given)


def _what_is_wrong(error: yaml.YAMLError | ValidationError) -> str:
    if isinstance(error, yaml.YAMLError):
        return " ".join(str(error).split())
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"].removeprefix("Value error, ")


def _refuse_other_partitions(topic: Topic, held: int) -> None:
    if held != topic.partitions:
        service = topic.name.partition(".")[0]
        raise StackProblem(
            f"Topic {topic.name} has {held} partitions where {topic.partitions} are declared; partitions are"
            f" never altered: declare what is there, or run: foothold events new-generation {service}"
        )


def _refuse_fewer_replicas(topic: Topic, held: int) -> None:
    if held < topic.replication:
        raise StackProblem(
            f"Topic {topic.name} is held by {held} brokers where {topic.replication} are declared: lose them and it is"
            " lost. Kafka's own command gives it more: kafka-reassign-partitions.sh --bootstrap-server SERVERS"
            " --reassignment-json-file FILE --execute; docs/operations.md says what is in FILE"
        )


def _nobody(bootstrap_servers: str) -> str:
    return f"No Kafka broker answers at {bootstrap_servers}; is KAFKA_BOOTSTRAP_SERVERS right?"


def _listens(address: str) -> bool:
    host, _, port = address.strip().rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError):
        return False
    return True


def _create(admin: TopicAdmin, topics: Sequence[Topic]) -> None:
    if not topics:
        return
    wanted = {
        topic.name: {
            "num_partitions": topic.partitions,
            "replication_factor": topic.replication,
            "configs": dict(topic.settings),
        }
        for topic in topics
    }
    try:
        admin.create_topics(wanted)
        admin.wait_for_topics(list(wanted))
    except KafkaError as error:
        raise StackProblem(f"The topics {', '.join(wanted)} could not be made: {error}") from error


def _mend(admin: TopicAdmin, topics: Sequence[Topic]) -> list[str]:
    """Set settings that differ from the declaration; returns the topics that had some."""
    if not topics:
        return []
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in topics]
    held = admin.describe_configs(asked)["topic"]
    differing = [
        topic
        for topic in topics
        if any(_held_value(held[topic.name], key) != value for key, value in topic.settings.items())
    ]
    if differing:
        admin.alter_configs(
            [
                ConfigResource(ConfigResourceType.TOPIC, topic.name, configs=dict(topic.settings))
                for topic in differing
            ]
        )
    return [topic.name for topic in differing]


def _held_value(settings: dict[str, Any], key: str) -> str | None:
    """The value a topic was given; absent where it follows the broker's default."""
    return settings[key]["value"] if key in settings else None
