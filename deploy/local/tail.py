"""`foothold events tail`: the records of a topic, read beside all consumers and disturbing none."""

import json
import sys
from itertools import islice
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError

from deploy.local.problems import StackProblem
from services.kit.kafka import connect_consumer


def follow(
    bootstrap_servers: str, topic: str, *, beginning: bool, count: int | None, subject: str | None = None
) -> None:
    """Print one JSON object a record until Ctrl-C, or until `count` records were printed.

    `subject` is what events are about, as in `accounts/ID`; records about anything else are passed over.
    """
    try:
        consumer = connect_consumer(bootstrap_servers, group=None, client_id="tail")
    except KafkaError as error:
        raise StackProblem(f"No Kafka broker answers at {bootstrap_servers}.") from error
    try:
        _assign(consumer, topic, beginning=beginning)
        wanted = (shown for record in consumer if _is_about(shown := _shown(record), subject))
        for shown in islice(wanted, count):
            sys.stdout.write(json.dumps(shown, ensure_ascii=False) + "\n")
            sys.stdout.flush()
    finally:
        consumer.close()


def _assign(consumer: Any, topic: str, *, beginning: bool) -> None:
    # Asking by the list of all topics, for asking for one that is missing waits until it appears.
    if topic not in consumer.topics():
        known = ", ".join(sorted(name for name in consumer.topics() if not name.startswith("__")))
        raise StackProblem(f"There is no topic {topic}; there is: {known or 'none yet'}.")
    places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
    consumer.assign(places)
    (consumer.seek_to_beginning if beginning else consumer.seek_to_end)(*places)


def _is_about(shown: dict[str, Any], subject: str | None) -> bool:
    return subject is None or shown["headers"].get("ce_subject") == subject


def _shown(record: Any) -> dict[str, Any]:
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    return {
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key.decode(errors="replace") if record.key else None,
        "headers": headers,
        "value": _value(record.value),
    }


def _value(value: bytes | None) -> object:
    if value is None:
        return None
    try:
        return json.loads(value)
    except ValueError:
        return value.decode(errors="replace")
