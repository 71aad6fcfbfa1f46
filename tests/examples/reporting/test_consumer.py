"""The reporting example on a real broker: whatever is told, in whatever order, and whenever it is killed."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import TopicPartition

from examples.reporting.__main__ import main
from examples.reporting.consumer import CannotGoOn, connected
from examples.reporting.events import decode
from examples.reporting.file import Batch, File
from examples.reporting.folding import Place
from examples.reporting.states import KEPT
from services.kit.kafka import connect_admin
from tests.conftest import KafkaTopic
from tests.contracts.examples import EXAMPLES
from tests.examples.reporting.telling import Teller, Topic, example, uuid

ROOT = Path(__file__).parents[3]

Make = Callable[..., Topic]


@pytest.fixture
def make(kafka_bootstrap: str, kafka_topic: KafkaTopic, tmp_path: Path) -> Iterator[Make]:
    """`make(partitions=1)` is a fresh topic with the file that it is read into."""
    made: list[Topic] = []

    def topic(partitions: int = 1) -> Topic:
        path = tmp_path / f"{len(made)}.duckdb"
        made.append(Topic(kafka_bootstrap, kafka_topic("reporting", partitions), path))
        return made[-1]

    yield topic
    for each in made:
        each.producer.close(5)


@pytest.mark.parametrize("service", ["contacts", "opportunities", "activities"])
def test_every_example_is_kept_or_passed_over_and_none_is_refused(make: Make, service: str) -> None:
    told = [type_ for type_, held in EXAMPLES.items() if held["topic"] == f"{service}.events"]
    told.sort(key=lambda type_: int(EXAMPLES[type_]["headers"]["ce_position"]))
    topic = make()
    topic.send(*map(example, told))
    topic.read()
    kept = [type_ for type_ in told if type_.partition(".")[0] in KEPT]
    subjects = {EXAMPLES[type_]["value"]["data"]["id"] + type_.partition(".")[0] for type_ in kept}
    assert {f"{row['id']}{row['aggregate']}" for row in topic.ask("SELECT * FROM copy")} == subjects
    assert {row["type"] for row in topic.ask("SELECT type FROM passed_over")} == {
        f"{type_}.v1" for type_ in told if type_ not in kept and not type_.startswith("republish.")
    }
    assert topic.ask("SELECT * FROM refused") == []


def test_what_is_told_twice_has_one_effect(make: Make) -> None:
    teller, topic = Teller(), make()
    records = [teller.told("account.created", 1, 1), teller.told("contact.created", 2, 1)]
    topic.send(*records, *records)
    topic.read()
    topic.send(*records)
    topic.read()
    assert topic.ask("SELECT type, records FROM passed_over") == [
        {"type": "contact.created.v1", "records": 1}
    ]
    assert topic.copies() == {uuid(1): (1, "living")}
    assert topic.ask("SELECT next_offset, position FROM place") == [{"next_offset": 6, "position": 2}]


def test_older_version_overwrites_nothing(make: Make) -> None:
    teller, topic = Teller(), make()
    topic.send(
        teller.told("account.updated", 1, 3, name="Third"),
        teller.told("account.updated", 1, 2, name="Second"),
    )
    topic.read()
    assert topic.account_names() == {uuid(1): "Third"}


def test_snapshot_of_the_version_that_is_kept_applies(make: Make) -> None:
    teller, topic = Teller(), make()
    topic.send(
        teller.told("account.updated", 1, 3, name="Third"),
        teller.told("account.snapshot", 1, 3, name="Again"),
    )
    topic.read()
    assert topic.account_names() == {uuid(1): "Again"}


def test_topics_may_tell_of_a_deal_before_its_account(
    kafka_topic: KafkaTopic, kafka_bootstrap: str, tmp_path: Path
) -> None:
    deals = Topic(kafka_bootstrap, kafka_topic("deals"), tmp_path / "file")
    accounts = Topic(kafka_bootstrap, kafka_topic("accounts"), tmp_path / "file")
    deals.send(Teller().told("opportunity.created", 1, 1, account_id=uuid(2)))
    asked = "SELECT o.id, a.name FROM opportunity o LEFT JOIN account a ON a.id = o.account_id"
    with deals.opened() as file:
        for name in (None, "Late"):
            with connected(kafka_bootstrap, file, [deals.name, accounts.name]) as reader:
                reader.read_to_end()
            assert [row["name"] for row in file.ask(asked)] == [name]
            accounts.send(Teller().told("account.created", 2, 1, name="Late"))
    deals.producer.close(5)
    accounts.producer.close(5)


def test_deleted_is_gone_until_it_is_told_of_anew(make: Make) -> None:
    teller, topic = Teller(), make()
    topic.send(
        teller.told("account.created", 1, 1),
        teller.told("account.deleted", 1, 3),
        teller.told("account.updated", 1, 2),
    )
    topic.read()
    assert topic.copies() == {uuid(1): (3, "deleted")}
    assert topic.ask("SELECT state FROM copy") == [{"state": None}]
    topic.send(teller.told("account.restored", 1, 4, name="Back"))
    topic.read()
    assert topic.account_names() == {uuid(1): "Back"}


def test_erased_is_final(make: Make) -> None:
    teller, topic = Teller(), make()
    topic.send(
        teller.told("account.created", 1, 5),
        teller.told("account.erased", 1, 4),
        teller.told("account.updated", 1, 6),
        teller.started(9, "account", epoch=2),
        teller.told("account.snapshot", 1, 7),
        teller.finished(9, "account", epoch=2),
    )
    topic.read()
    assert topic.copies() == {uuid(1): (4, "erased")}
    assert topic.ask("SELECT state FROM copy") == [{"state": None}]


def test_republish_sweeps_what_it_did_not_tell_of_once_every_partition_has_ended(make: Make) -> None:
    teller, topic = Teller(), make(partitions=2)
    topic.send(teller.told("account.created", 1, 1), teller.told("member.created", 4, 1))
    topic.send(teller.told("account.created", 2, 1), teller.told("account.created", 3, 1), partition=1)
    started = teller.started(9, "account")
    topic.send(started, teller.told("account.snapshot", 1, 1))
    topic.send(started, teller.told("account.updated", 3, 2), partition=1)
    finished = teller.finished(9, "account")
    topic.send(finished)
    topic.read()
    living = (1, "living")
    assert topic.copies() == {uuid(1): living, uuid(2): living, uuid(3): (2, "living"), uuid(4): living}
    topic.send(finished, teller.told("account.created", 5, 1), partition=1)
    topic.read()
    assert topic.copies() == {
        uuid(1): living,
        uuid(2): (1, "swept"),
        uuid(3): (2, "living"),
        uuid(4): living,
        uuid(5): living,
    }
    assert topic.ask("SELECT * FROM mark") == []


def test_republish_whose_start_was_not_seen_everywhere_sweeps_nothing(make: Make) -> None:
    teller, topic = Teller(), make(partitions=2)
    topic.send(teller.told("account.created", 1, 1))
    topic.send(teller.started(9, "account"))
    finished = teller.finished(9, "account")
    topic.send(finished)
    topic.send(finished, partition=1)
    topic.read()
    assert topic.copies() == {uuid(1): (1, "living")}


def test_new_epoch_overwrites_whatever_version_is_held(make: Make) -> None:
    teller, topic = Teller(), make()
    topic.send(
        teller.told("account.updated", 1, 5, name="Lost"),
        teller.told("account.created", 2, 1, name="Never was"),
        teller.told("account.updated", 3, 7, name="Lost as well"),
        teller.started(9, "account", epoch=2),
        teller.told("account.deleted", 3, 4, name="Gone before its turn"),
        teller.told("account.snapshot", 1, 3, name="Restored"),
        teller.finished(9, "account", epoch=2),
        teller.told("account.updated", 1, 4, name="And on"),
        teller.told("account.updated", 1, 3, name="Late"),
    )
    topic.read()
    assert topic.copies() == {uuid(1): (4, "living"), uuid(2): (1, "swept"), uuid(3): (4, "deleted")}
    assert topic.account_names() == {uuid(1): "And on"}


@pytest.mark.parametrize(("complete", "name"), [(True, "Fifth"), (False, "Older")])
def test_only_the_first_complete_republish_of_an_epoch_overwrites(
    make: Make, complete: bool, name: str
) -> None:
    teller, topic = Teller(), make()
    topic.send(
        teller.started(8, "account", epoch=2, complete=complete),
        teller.finished(8, "account", epoch=2, complete=complete),
        teller.told("account.updated", 1, 5, name="Fifth"),
        teller.started(9, "account", epoch=2),
        teller.told("account.snapshot", 1, 4, name="Older"),
        teller.finished(9, "account", epoch=2),
    )
    topic.read()
    assert topic.account_names() == {uuid(1): name}


def test_republish_within_an_epoch_overwrites_nothing_newer(make: Make) -> None:
    teller, topic = Teller(), make()
    topic.send(
        teller.told("account.updated", 1, 5, name="Fifth"),
        teller.started(9, "account"),
        teller.told("account.snapshot", 1, 3, name="Third"),
        teller.finished(9, "account"),
    )
    topic.read()
    assert topic.account_names() == {uuid(1): "Fifth"}


def test_what_cannot_be_read_is_written_down_and_stops_nobody(make: Make) -> None:
    teller, topic = Teller(), make(partitions=2)
    topic.send(teller.told("account.created", 1, 1), partition=1)
    topic.send(
        teller.told("account.created", 2, 1).with_value(b"\xff"),
        teller.told("account.created", 3, 1),
        partition=1,
    )
    topic.read()
    topic.read()
    assert topic.copies().keys() == {uuid(1), uuid(3)}
    assert topic.ask("SELECT * FROM refused") == [
        {"topic": topic.name, "partition": 1, "offset": 1, "reason": "the value is not JSON"}
    ]


class RawName(str):
    """A header's name of bytes that no text has."""

    __slots__ = ()

    def encode(self, encoding: str = "", errors: str = "") -> bytes:  # noqa: ARG002
        return b"\xff\xfe"


def test_name_of_a_header_that_is_no_text_is_written_down_and_stops_nobody(make: Make) -> None:
    teller, topic = Teller(), make()
    topic.send(
        teller.told("account.created", 1, 1),
        teller.told("account.created", 2, 1).with_header(RawName("raw"), b"any"),
        teller.told("account.created", 3, 1),
    )
    topic.read()
    assert topic.copies().keys() == {uuid(1), uuid(3)}
    assert topic.ask("SELECT * FROM refused") == [
        {"topic": topic.name, "partition": 0, "offset": 1, "reason": "the name of a header is not UTF-8"}
    ]


class FailsAtTheEnd(File):
    """A file that breaks when all is written but where we are."""

    def _keep_place(self, partition: tuple[str, int], place: Place) -> None:
        if place.position > 0:
            raise OSError("the disk is gone")
        super()._keep_place(partition, place)


def test_batch_that_does_not_come_to_its_end_leaves_nothing(tmp_path: Path) -> None:
    teller, place = Teller(), ("told", 0)
    records = [teller.told("account.created", 1, 1), teller.told("contact.created", 2, 1)]
    batch = Batch(place, [(at, decode(each.headers.items(), each.value)) for at, each in enumerate(records)])
    with FailsAtTheEnd(tmp_path / "file") as file:
        file.begin({place: 0})
        with pytest.raises(OSError, match="the disk is gone"):
            file.take([batch])
        assert file.ask("SELECT * FROM copy") == []
        assert file.ask("SELECT * FROM passed_over") == []
        assert file.places() == {place: Place(0)}


READING = """
import sys
from examples.reporting.consumer import connected
from examples.reporting.file import File
with connected(sys.argv[1], File(sys.argv[2]), [sys.argv[3]]) as reader:
    while True:
        print(reader.read(), flush=True)
"""


def read_until_killed(topic: Topic, reads: int) -> None:
    """Reads in a process of its own, which is killed while it is at what comes after so many reads."""
    command = [sys.executable, "-c", READING, topic.bootstrap, str(topic.path), topic.name]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(reads):
            assert process.stdout.readline()
        process.kill()
        assert process.wait() == -signal.SIGKILL


def test_reader_that_is_killed_again_and_again_ends_where_an_undisturbed_one_does(make: Make) -> None:
    teller, topic = Teller(), make(partitions=3)
    for at in range(9_000):
        type_ = "contact.updated" if at % 10 == 0 else "account.updated"
        topic.post(teller.told(type_, at % 700, at + 1, name=f"Name {at}"), partition=at % 700 % 3)
    topic.producer.flush(30)
    undisturbed = Topic(topic.bootstrap, topic.name, topic.path.with_suffix(".undisturbed"))
    undisturbed.read()
    undisturbed.producer.close(5)
    for reads in (0, 1, 2, 1, 3):
        read_until_killed(topic, reads)
    topic.read()
    assert topic.everything() == undisturbed.everything()
    assert len(topic.copies()) == 630


def test_topic_that_no_longer_holds_what_comes_next_stops_the_reader_with_the_way_out(make: Make) -> None:
    teller, topic = Teller(), make()
    topic.send(*(teller.told("account.updated", 1, version) for version in range(1, 4)))
    topic.read()
    topic.send(*(teller.told("account.updated", 1, version) for version in range(4, 8)))
    admin = connect_admin(topic.bootstrap, client_id="tests")
    admin.delete_records({TopicPartition(topic.name, 0): 5})
    admin.close()
    with pytest.raises(CannotGoOn, match=r"holds 5 to 7, not 3\. Delete it and start anew.*events republish"):
        topic.read()
    assert topic.copies() == {uuid(1): (3, "living")}


def test_file_of_other_partitions_is_not_continued(make: Make) -> None:
    topic, grown = make(), make(partitions=2)
    topic.read()
    with (
        topic.opened() as file,
        pytest.raises(CannotGoOn, match="other partitions"),
        connected(topic.bootstrap, file, [grown.name]),
    ):
        pass


def test_topic_that_is_missing_is_said_in_a_sentence(make: Make) -> None:
    topic = make()
    with (
        topic.opened() as file,
        pytest.raises(CannotGoOn, match=r"no topic nobody\.events"),
        connected(topic.bootstrap, file, ["nobody.events"]),
    ):
        pass


def test_broker_that_is_away_is_said_in_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "examples.reporting", "--once", "--servers", "127.0.0.1:9"]
    ran = subprocess.run(
        [*command, "--file", str(tmp_path / "file")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert ran.stderr == "No Kafka broker answers at 127.0.0.1:9: is the platform running?\n"


def test_file_that_another_process_reads_into_is_left_to_it(
    make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    topic = make()
    command = [sys.executable, "-c", READING, topic.bootstrap, str(topic.path), topic.name]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert main(["--once", "--servers", topic.bootstrap, "--file", str(topic.path)]) == 1
        process.kill()
    assert "lock" in capsys.readouterr().err
