"""Topics: what the declaration may say, and what the broker is made to hold."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from typer.testing import CliRunner

from deploy.local import topics
from deploy.local.command import app
from deploy.local.problems import StackProblem
from deploy.local.stack import SERVICES
from deploy.local.topics import Topic
from services.contacts.removal.service import TOPIC_DAYS
from tests.conftest import DatabaseUrl, KafkaTopic

DAY = 24 * 60 * 60 * 1000


def test_every_service_has_its_events_and_its_dead_letters() -> None:
    names = {topic.name for topic in topics.declared("laptop", environment={})}
    services = ("contacts", "opportunities", "activities")
    assert names == {f"{service}.{kind}" for service in services for kind in ("events", "dead-letter")}


def test_production_has_24_partitions_held_three_times() -> None:
    found = {topic.name: topic for topic in topics.declared("production", environment={})}
    events = found["contacts.events"]
    assert (events.partitions, events.replication, events.settings["min.insync.replicas"]) == (24, 3, "2")


def test_setting_says_how_long_events_are_kept_but_not_those_of_people() -> None:
    found = {
        t.name: t.settings for t in topics.declared("laptop", environment={"EVENTS_RETENTION_DAYS": "400"})
    }
    assert found["opportunities.events"]["retention.ms"] == str(400 * DAY)
    assert found["contacts.events"]["retention.ms"] == str(14 * DAY)


def test_what_tells_of_people_is_gone_by_the_day_that_an_erasure_names() -> None:
    settings = [each.settings for each in topics.declared("production", environment={})]
    let_go = [
        int(each["retention.ms"]) + int(each["segment.ms"]) for each in settings if "segment.ms" in each
    ]
    assert len(let_go) == 4
    assert max(let_go) == TOPIC_DAYS * DAY


@pytest.mark.parametrize("given", ["0", "-2", "ten", "1.5"])
def test_wrong_setting_is_refused_by_name(given: str) -> None:
    with pytest.raises(StackProblem, match=f"EVENTS_RETENTION_DAYS={given}: give days"):
        topics.declared("laptop", environment={"EVENTS_RETENTION_DAYS": given})


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        ("topics/Contacts", {"retention_days": 1}, "topic Contacts: a name is"),
        ("topics/contacts.events/retention_days", 15, "topic contacts.events: it tells of people"),
        ("topics/contacts.dead-letter/retention_days", -1, "topic contacts.dead-letter: it tells of people"),
        ("topics/activities.events/retention_days", 0, "topic activities.events: retention_days 0"),
        ("topics/activities.events/parts", 3, "topics.activities.events.parts: Extra inputs"),
        ("profiles/laptop/partitions", 0, "profiles.laptop.partitions: Input should be"),
        ("profiles/laptop/min_insync_replicas", 2, "profiles.laptop: .*nothing could be written"),
        ("profiles", {}, "profiles: laptop is missing"),
    ],
)
def test_wrong_declaration_is_refused_by_name(tmp_path: Path, where: str, value: object, said: str) -> None:
    with pytest.raises(StackProblem, match=rf"^topics\.yaml: .*{said}"):
        topics.declared("laptop", _declaration_with(tmp_path, where, value), {})


def _declaration_with(directory: Path, where: str, value: object) -> Path:
    """A copy of the declaration in which the entry at `where` is `value`."""
    read: dict[str, Any] = yaml.safe_load(topics.DECLARATION.read_text())
    *way, last = where.split("/")
    inner = read
    for step in way:
        inner = inner[step]
    inner[last] = value
    changed = directory / "topics.yaml"
    changed.write_text(yaml.safe_dump(read))
    return changed


def test_missing_topic_is_made_and_a_differing_setting_mended(
    kafka_bootstrap: str, kafka_topic: KafkaTopic
) -> None:
    held = kafka_topic("held.events")
    wanted = Topic(held, 1, 1, {"retention.ms": str(DAY), "cleanup.policy": "delete"})
    new = Topic(f"new.{held}", 2, 1, {"retention.ms": str(DAY)})
    assert set(topics.apply(kafka_bootstrap, [wanted, new])) == {held, new.name}
    assert topics.apply(kafka_bootstrap, [wanted, new]) == []
    assert topics.apply(kafka_bootstrap, [Topic(held, 1, 1, {"retention.ms": str(2 * DAY)})]) == [held]


@pytest.mark.parametrize(
    ("partitions", "replication", "said"),
    [
        (6, 1, "has 1 partitions where 6 are declared"),
        (1, 3, "is held by 1 brokers where 3 .*kafka-reassign-partitions"),
    ],
)
def test_topic_of_other_partitions_or_fewer_replicas_is_refused_by_name_and_nothing_is_made(
    kafka_bootstrap: str, kafka_topic: KafkaTopic, partitions: int, replication: int, said: str
) -> None:
    held = kafka_topic("held.events")
    other = Topic(f"other.{held}", 1, 1, {})
    with pytest.raises(StackProblem, match=f"Topic {held} {said}"):
        topics.apply(kafka_bootstrap, [other, Topic(held, partitions, replication, {})])
    admin = topics.connect(kafka_bootstrap)
    assert other.name not in {found["name"] for found in admin.describe_topics()}
    admin.close()


def test_no_database_is_told_of_topics_that_could_not_be_made(
    tmp_path: Path, database_url: DatabaseUrl
) -> None:
    urls = {f"{name.upper()}_DATABASE_URL": database_url(name) for name in SERVICES}
    environment = {**urls, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "FOOTHOLD_HOME": str(tmp_path)}
    ran = CliRunner().invoke(app, ["migrate"], env=environment)
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "No Kafka broker answers" in ran.stderr
    for url in urls.values():
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT to_regclass('topic_declared')").fetchone() == (None,)


def test_no_broker_is_told_with_its_address() -> None:
    with pytest.raises(StackProblem, match=r"No Kafka broker answers at 127\.0\.0\.1:1;"):
        topics.connect("127.0.0.1:1")
