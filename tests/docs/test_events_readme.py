"""What docs/events/README.md says to readers of events is so, and the programs that it shows keep what they promise."""

import re
from typing import Any, Final

import pytest

from deploy.local.event_commands import events
from deploy.local.schemas import PUBLIC
from services.kit.events import RepublishState
from tests.contracts.examples import EXAMPLES, header_refusals
from tests.docs.events import README, TEXT, Reader, blocks, column

Record = dict[str, Any]

TOPIC: Final = "contacts.events"
ACCOUNT: Final[str] = EXAMPLES["account.created"]["value"]["data"]["id"]
LINK: Final[str] = EXAMPLES["contact_link.created"]["value"]["data"]["id"]
STORY: Final = sorted(
    (
        each
        for each in EXAMPLES.values()
        if each["topic"] == TOPIC and "republish" not in each["headers"]["ce_type"]
    ),
    key=lambda each: int(each["headers"]["ce_position"]),
)
"""All that contacts' examples tell, in its order."""


def told(type_: str, position: int, version: int = 1, **state: Any) -> Record:
    """The example, at another position and version, with other members."""
    example = EXAMPLES[type_]
    place = {"ce_position": str(position), "ce_sequence": str(version)}
    value = example["value"] | {"data": example["value"]["data"] | state}
    return example | {"headers": example["headers"] | place, "value": value}


def erased(position: int, version: int) -> Record:
    """The end of an account."""
    return told("account.erased", position, version)


def fates(reader: Reader) -> dict[str, tuple[int, str]]:
    return {id: (version, fate) for id, (version, fate, _) in reader.copies().items()}


def test_what_is_told_twice_has_one_effect() -> None:
    reader = Reader(TOPIC)
    reader.take(0, STORY)
    once = reader.held()
    reader.take(0, STORY)
    assert reader.held() == once
    assert reader.copies()[ACCOUNT] == (5, "erased", None)
    assert reader.copies()[LINK][1:] == ("erased", None)


def test_a_row_that_lives_is_what_was_told_last() -> None:
    reader = Reader(TOPIC)
    reader.take(0, [told("account.created", 1), told("account.updated", 2, 2)])
    assert reader.copies()[ACCOUNT] == (2, "living", EXAMPLES["account.updated"]["value"]["data"])


@pytest.mark.parametrize("split", range(1, len(STORY)))
def test_a_reader_that_is_killed_anywhere_ends_where_it_would_have_ended(split: int) -> None:
    whole, killed = Reader(TOPIC), Reader(TOPIC)
    whole.take(0, STORY)
    broken = [*STORY[:split], {"headers": {"ce_position": "9999999"}, "value": None}]
    with pytest.raises(KeyError):
        killed.take(0, broken)
    assert killed.held() == Reader(TOPIC).held()
    killed.take(0, STORY[:split])
    killed.take(0, STORY)
    assert killed.held() == whole.held()


def test_partitions_come_in_any_order() -> None:
    other = [told("account.created", 11, id="b"), told("account.updated", 12, 2, id="b")]
    one, two = Reader(TOPIC), Reader(TOPIC)
    one.take(0, STORY)
    one.take(1, other)
    two.take(1, other)
    two.take(0, STORY)
    assert one.held() == two.held()


def test_what_is_older_overwrites_nothing() -> None:
    reader = Reader(TOPIC)
    reader.take(0, [told("account.updated", 11, 3, name="new"), told("account.updated", 12, 2, name="old")])
    reader.take(0, [told("account.snapshot", 13, 3, name="told once more")])
    version, _, state = reader.copies()[ACCOUNT]
    assert (version, state["name"]) == (3, "told once more")


def test_what_was_deleted_comes_back_and_what_was_erased_does_not() -> None:
    reader = Reader(TOPIC)
    reader.take(0, [told("contact_link.deleted", 11, 2), told("contact_link.created", 12, 3)])
    assert fates(reader) == {LINK: (3, "living")}
    reader.take(0, [told("account.updated", 13, 3), erased(14, 2), told("account.updated", 15, 4)])
    assert reader.copies()[ACCOUNT] == (2, "erased", None)


def test_what_a_republish_did_not_tell_of_is_swept_when_it_has_ended_everywhere() -> None:
    reader = Reader(TOPIC)
    started, finished = told("republish.started", 20), told("republish.finished", 30, 2)
    told_again, gone = told("account.created", 11), told("account.created", 12, id="gone")
    reader.take(0, [told_again, gone, started])
    reader.take(
        1, [told("account.created", 13, id="gone too"), started, told("account.created", 25, id="born")]
    )
    reader.take(0, [told("account.snapshot", 21), finished])
    assert {fate for _, fate in fates(reader).values()} == {"living"}
    reader.take(1, [finished])
    assert fates(reader) == {
        ACCOUNT: (1, "living"), "gone": (1, "swept"), "gone too": (1, "swept"), "born": (1, "living"),
    }  # fmt: skip


def test_a_republish_of_some_aggregates_sweeps_no_others() -> None:
    reader = Reader(TOPIC, partitions=1)
    links: Record = {"aggregates": ["contact_link"], "complete": False}
    reader.take(0, [told("account.created", 11), told("contact_link.created", 12)])
    reader.take(0, [told("republish.started", 20, **links), told("republish.finished", 21, 2, **links)])
    assert fates(reader) == {ACCOUNT: (1, "living"), LINK: (1, "swept")}


def test_an_end_without_its_start_sweeps_nothing() -> None:
    reader = Reader(TOPIC, partitions=1)
    reader.take(0, [told("account.created", 11), told("republish.finished", 21, 2)])
    assert fates(reader) == {ACCOUNT: (1, "living")}


def test_in_a_new_epoch_whatever_is_told_overwrites() -> None:
    reader = Reader(TOPIC, partitions=1)
    reader.take(0, [told("account.updated", 11, 7), told("contact_link.created", 12, 7)])
    reader.take(0, [told("republish.started", 100, epoch=2), told("account.snapshot", 101, 5)])
    reader.take(0, [told("contact_link.deleted", 102, 6), told("republish.finished", 103, 2, epoch=2)])
    assert fates(reader) == {ACCOUNT: (5, "living"), LINK: (6, "deleted")}
    reader.take(0, [told("account.updated", 104, 4)])
    reader.take(0, [told("republish.started", 105, epoch=2, id="again"), told("account.updated", 106, 4)])
    assert fates(reader)[ACCOUNT] == (5, "living"), "once the epoch has begun, versions count again"


def test_what_was_told_before_a_new_epoch_overwrites_nothing_when_it_comes_again() -> None:
    reader = Reader(TOPIC, partitions=1)
    before = told("account.updated", 11, 7)
    reader.take(0, [before, told("republish.started", 100, epoch=2), told("account.snapshot", 101, 5)])
    reader.take(0, [before])
    assert fates(reader) == {ACCOUNT: (5, "living")}


def test_types_that_are_not_known_are_passed_over() -> None:
    reader = Reader(TOPIC, partitions=1)
    later, other = told("account.created", 11), told("member.created", 12)
    later["headers"]["ce_type"] = "account.created.v2"
    reader.take(0, [{**later, "value": {"shape": "other"}}, other])
    assert reader.copies() == {}
    assert reader.held() == [(TOPIC, 0, 2, 12, 1)]


def test_the_topics_and_what_they_tell_of_are_these() -> None:
    rows = re.findall(r"^\| `(\w+)\.events` \| (.+) \|$", TEXT, re.MULTILINE)
    assert {service: re.findall(r"`(\w+)`", names) for service, names in rows} == {
        service: [aggregate.name for aggregate in told_] for service, told_ in PUBLIC.items()
    }


def test_the_headers_and_the_members_of_marks_are_these() -> None:
    used = {name for record in EXAMPLES.values() for name in record["headers"]}
    assert used | {"ce_traceparent"} == set(column("header"))
    assert set(column("member")) == RepublishState.model_fields.keys()


def test_the_headers_of_dead_letters_are_these() -> None:
    named = set(re.findall(r"`(dl_\w+)`", TEXT))
    assert list(header_refusals("dead-letter", [dict.fromkeys(named, "1")])) == []
    assert list(header_refusals("dead-letter", [dict.fromkeys(named - {"dl_reason"}, "1")]))


def test_commands_and_files_that_are_named_exist() -> None:
    commands = {
        command.name or command.callback.__name__
        for command in events.registered_commands
        if command.callback
    }
    assert set(re.findall(r"foothold events ([a-z-]+)", TEXT)) <= commands
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", TEXT) if "://" not in target]
    assert targets
    assert [target for target in targets if not (README.parent / target).exists()] == []


def test_the_programs_import_nothing_that_has_to_be_installed() -> None:
    assert re.findall(r"^(?:import|from) (\S+)", blocks("python"), re.MULTILINE) == ["json"]
