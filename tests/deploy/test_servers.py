"""The servers that tests stand on."""

import psycopg
from kafka import KafkaConsumer, KafkaProducer

from deploy.local.kafka import cluster_id
from tests.conftest import DatabaseUrl, KafkaTopic


def test_database_is_fresh_and_knows_chinese_letters(database_url: DatabaseUrl) -> None:
    with psycopg.connect(database_url()) as connection:
        connection.execute("CREATE EXTENSION pg_trgm")
        row = connection.execute("SELECT cardinality(show_trgm('华为技术')) > 1").fetchone()
    assert row == (True,)


def test_prepared_database_is_copied_and_not_shared(database_url: DatabaseUrl) -> None:
    prepared: list[str] = []

    def prepare(url: str) -> None:
        prepared.append(url)
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE thing (id int)")

    first, second = database_url(prepare=prepare), database_url(prepare=prepare)
    with psycopg.connect(first) as connection:
        connection.execute("INSERT INTO thing VALUES (1)")
    with psycopg.connect(second) as connection:
        assert connection.execute("SELECT count(*) FROM thing").fetchone() == (0,)
    assert len(prepared) == 1


def test_topic_carries_a_record(kafka_bootstrap: str, kafka_topic: KafkaTopic) -> None:
    topic = kafka_topic()
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap)
    producer.send(topic, b"told").get(10)
    producer.close()
    consumer = KafkaConsumer(topic, bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest")
    assert next(consumer).value == b"told"
    consumer.close()


def test_cluster_id_is_never_taken_for_an_option() -> None:
    ids = [cluster_id(bytes([first]) + bytes(range(15))) for first in range(256)]
    assert all(found[0].isalpha() and len(found) == 22 for found in ids)
