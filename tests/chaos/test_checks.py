"""Each checker finds the damage that it is there for, and nothing in a house that is in order."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.chaos import checks, story
from tests.chaos.checks import feeds, sight, views
from tests.chaos.evidence import Entry, Evidence, Key, Standing
from tests.chaos.finding import Finding
from tests.chaos.history import Answer, Attempt
from tests.chaos.house import ACCOUNT, BOSS, CHIEF, DEAL, MEETING, SELLER, House, in_order, record_of
from tests.chaos.poison import MARK


def found(house: House, paged: dict[str, list[tuple[int, str]]] | None = None) -> list[Finding]:
    return checks.all_of(house.operations, house.evidence, house.paged() if paged is None else paged)


def test_house_in_order_has_no_findings() -> None:
    assert found(in_order()) == []


Damage = Callable[[House], object]


def entries(house: House, service: str, *wanted: tuple[str, int]) -> list[Entry]:
    """Journal rows by aggregate and version."""
    held = house.evidence[service].entries
    return [entry for entry in held if (entry.row.aggregate, entry.row.version) in wanted]


def drop(house: House, service: str, aggregate: str, version: int) -> None:
    """Takes a journal row away, as if its transaction had never committed."""
    held = house.evidence[service]
    (gone,) = entries(house, service, (aggregate, version))
    held.entries.remove(gone)


def lose_key(house: House, name: str) -> None:
    keys = house.evidence["contacts"].keys
    assert isinstance(keys, dict)
    del keys[name]


def keep_key(house: House, name: str, answer: object, service: str = "contacts") -> None:
    keys = house.evidence[service].keys
    assert isinstance(keys, dict)
    keys[name] = Key(201, 1, answer)


def owned(house: House, service: str, aggregate: str, id: str, **state: object) -> None:
    """Changes a row in its table alone."""
    table = house.evidence[service].owned[aggregate]
    assert isinstance(table, dict)
    row = table[UUID(id)]
    table[UUID(id)] = replace(row, state={**row.state, **state})


def copied(house: House, service: str, table: str, id: str, **columns: object) -> None:
    rows = house.evidence[service].copied[table]
    assert isinstance(rows, dict)
    rows[UUID(id)] = {**rows[UUID(id)], **columns}


def forget_copy(house: House, service: str, table: str, id: str) -> None:
    rows = house.evidence[service].copied[table]
    assert isinstance(rows, dict)
    del rows[UUID(id)]


def lose_trace(house: House) -> None:
    drop(house, "contacts", "account", 2)
    lose_key(house, "op-rename")


def do_twice(house: House) -> None:
    held = house.evidence["contacts"]
    (entry,) = entries(house, "contacts", ("account", 2))
    held.entries.append(Entry(99, entry.row._replace(version=3, request_id="op-rename-2", position=99)))


def tell_otherwise(house: House) -> None:
    house.operations["op-account"].attempts.append(
        Attempt(2, 3.0, 4.0, Answer(201, {"id": ACCOUNT, "version": 7}))
    )


def journal_for_nobody(house: House) -> None:
    del house.operations["op-rename"]


WRITES: list[Damage] = [
    lose_trace,
    do_twice,
    tell_otherwise,
    journal_for_nobody,
    lambda house: lose_key(house, "op-rename"),
    lambda house: drop(house, "contacts", "account", 2),
]


@pytest.mark.parametrize("damage", WRITES)
def test_write_that_is_not_there_exactly_once_and_whole_is_found(damage: Damage) -> None:
    house = in_order()
    damage(house)
    assert "writes" in {finding.checker for finding in found(house)}


def test_answer_that_is_kept_for_a_change_of_nothing_is_no_damage() -> None:
    house = in_order()
    operation = house.operations.pop("op-rename")
    house.operations["again"] = replace(operation, name="again", wish=replace(operation.wish, method="PATCH"))
    keep_key(house, "again", operation.answers[0].body)
    lose_key(house, "op-rename")
    for number, entry in enumerate(house.evidence["contacts"].entries):
        if entry.operation == "op-rename":
            row = entry.row._replace(request_id=None)
            house.evidence["contacts"].entries[number] = Entry(entry.id, row)
    house.settle()
    assert [finding for finding in found(house) if finding.checker == "writes"] == []


def unpublish(house: House) -> None:
    house.evidence["contacts"].records.pop(0)


def publish_nothing_journaled(house: House) -> None:
    records = house.evidence["contacts"].records
    record = records[0]
    headers = [(name, b"77" if name == "ce_position" else value) for name, value in record.headers]
    records.append(record._replace(offset=99, headers=headers))


def publish_another_state(house: House) -> None:
    records = house.evidence["contacts"].records
    records[0] = records[0]._replace(value=b"{}")


def publish_late(house: House) -> None:
    """The first of two records of an account comes after the second."""
    held = house.evidence["contacts"]
    at = [n for n, record in enumerate(held.records) if record.key == ACCOUNT.encode()]
    first, second = at[0], at[1]
    held.records[first], held.records[second] = held.records[second], held.records[first]


TOPICS: list[Damage] = [unpublish, publish_nothing_journaled, publish_another_state, publish_late]


@pytest.mark.parametrize("damage", TOPICS)
def test_topic_that_tells_otherwise_than_the_journal_is_found(damage: Damage) -> None:
    house = in_order()
    damage(house)
    assert "topics" in {finding.checker for finding in found(house)}


def test_record_that_comes_twice_or_was_planted_is_no_damage() -> None:
    house = in_order()
    records = house.evidence["contacts"].records
    records.append(records[0])
    records.append(record_of("contacts.events", 0, 98, b"k", b"\xff", [(MARK, b"garbage")]))
    assert found(house) == []


def add_seat(house: House) -> None:
    held = house.evidence["activities"]
    held.sight = {
        **held.sight,
        "account_seat": held.sight["account_seat"] | {(ACCOUNT, BOSS, "TEAM", ACCOUNT)},
    }


def lose_view(house: House) -> None:
    held = house.evidence["contacts"]
    held.sight = {**held.sight, "account_view": frozenset({(SELLER, ACCOUNT)})}


def lose_manager(house: House) -> None:
    held = house.evidence["opportunities"]
    held.sight = {**held.sight, "person_up": held.sight["person_up"] - {(BOSS, SELLER)}}


COPIES: list[Damage] = [
    add_seat,
    lose_view,
    lose_manager,
    lambda house: copied(house, "opportunities", "account", ACCOUNT, name="Acme"),
    lambda house: copied(house, "activities", "contact", CHIEF, version=9),
    lambda house: copied(house, "opportunities", "joint_activity", MEETING, contact_ids=[CHIEF]),
    lambda house: copied(house, "contacts", "opportunity", DEAL, deleted_at="2026-03-01"),
    lambda house: forget_copy(house, "activities", "opportunity", DEAL),
    lambda house: forget_copy(house, "opportunities", "contact_link", _link(house)),
    lambda house: owned(house, "contacts", "account_standing", ACCOUNT, deal_team_ids=[]),
    lambda house: owned(house, "opportunities", "opportunity_standing", DEAL, score=1),
    lambda house: owned(house, "opportunities", "opportunity_standing", DEAL, network="FORMED"),
    lambda house: house.evidence["activities"].ledger.pop(),
    lambda house: house.evidence["activities"].ledger.append(house.evidence["activities"].ledger[0]),
    lambda house: house.evidence["activities"].ledger.append(("contacts", 99, "?")),
]


def _link(house: House) -> str:
    return str(next(iter(house.evidence["contacts"].owned["contact_link"])))


@pytest.mark.parametrize("damage", COPIES)
def test_copy_or_derivation_that_does_not_follow_from_its_owner_is_found(damage: Damage) -> None:
    house = in_order()
    damage(house)
    assert "copies" in {finding.checker for finding in found(house)}


def test_tombstone_and_a_deleted_row_without_one_are_no_damage() -> None:
    house = in_order()
    link = UUID(_link(house))
    table = house.evidence["contacts"].owned["contact_link"]
    assert isinstance(table, dict)
    table[link] = replace(table[link], deleted=True)
    copied(house, "opportunities", "contact_link", str(link), deleted_at="2026-03-01")
    assert found(house) == []
    forget_copy(house, "opportunities", "contact_link", str(link))
    assert found(house) == []


def renumber(held: Evidence, id: int, position: int) -> None:
    held.order = sorted((position if each == id else at, each) for at, each in held.order)


def fork(house: House) -> None:
    held = house.evidence["contacts"]
    (entry,) = entries(house, "contacts", ("account", 2))
    at = held.entries.index(entry)
    held.entries[at] = Entry(
        entry.id, entry.row._replace(changed={"name": {"from": "Other", "to": "Acme and Sons"}})
    )


def no_row(house: House) -> None:
    table = house.evidence["activities"].owned["activity"]
    assert isinstance(table, dict)
    table.clear()


def unknown_row(house: House) -> None:
    table = house.evidence["opportunities"].owned["product"]
    assert isinstance(table, dict)
    table[UUID(BOSS)] = Standing(1, False, {"id": BOSS, "version": 1})


VERSIONS: list[Damage] = [
    fork,
    no_row,
    unknown_row,
    lambda house: drop(house, "contacts", "account", 1),
    lambda house: owned(house, "contacts", "account", ACCOUNT, name="Another"),
    lambda house: renumber(house.evidence["contacts"], 3, 44),
    lambda house: house.evidence["contacts"].order.pop(3),
    lambda house: house.evidence["contacts"].order.append((99, 3)),
    lambda house: setattr(house.evidence["contacts"], "queued", 1),
    lambda house: setattr(house.evidence["contacts"], "head", 1),
]


@pytest.mark.parametrize("damage", VERSIONS)
def test_journal_with_a_gap_a_fork_or_another_end_is_found(damage: Damage) -> None:
    house = in_order()
    damage(house)
    assert "versions" in {finding.checker for finding in found(house)}


@pytest.mark.parametrize("mistake", ["missed", "twice", "another"])
def test_pager_that_did_not_see_every_row_once_is_found(mistake: str) -> None:
    house = in_order()
    paged = house.paged()
    seen = paged["contacts"]
    if mistake == "missed":
        seen.pop(2)
    elif mistake == "twice":
        seen.append(seen[2])
    else:
        seen[2] = (seen[2][0], "another")
    assert {finding.checker for finding in found(house, paged)} == {"versions"}


def test_positions_that_an_epoch_leaves_out_are_no_damage() -> None:
    house = in_order()
    held = house.evidence["activities"]
    entry = held.entries[0]
    held.entries[0] = Entry(entry.id, entry.row._replace(position=50))
    held.order, held.head, held.epochs = [(50, entry.id)], 50, frozenset({1, 50})
    house.settle()
    assert found(house) == []


def test_closure_has_everybody_above_everybody_below_them() -> None:
    managers = {"a": None, "b": "a", "c": "b", "d": "a"}
    above = {("a", "a"), ("b", "b"), ("a", "b"), ("c", "c"), ("b", "c"), ("a", "c"), ("d", "d"), ("a", "d")}
    assert sight.closure(managers) == above


PARTS: dict[str, Any] = {
    "contacts": {"account": {"id": 1}},
    "opportunities": {"deals": []},
    "activities": {"activities": []},
}
WHOLE: dict[str, Any] = {"account": {"id": 1}, "deals": [], "activities": [], "missing": [], "as_of": "now"}
ABSENT = httpx.Response(404)


@pytest.mark.parametrize(
    ("door", "differs"),
    [
        (httpx.Response(200, json=WHOLE), False),
        (httpx.Response(200, json=WHOLE | {"missing": [{"part": "contacts"}]}), True),
        (httpx.Response(200, json=WHOLE | {"deals": [{"id": 2}]}), True),
        (ABSENT, True),
    ],
)
def test_view_that_is_not_what_the_services_say_is_found(door: httpx.Response, differs: bool) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        name = request.url.host
        return door if name == "door" else httpx.Response(200, json=PARTS[name])

    assert bool(_viewed(answer)) == differs


def test_account_that_nobody_shows_is_no_damage_but_one_that_some_show_is() -> None:
    assert _viewed(lambda _: ABSENT) == []
    some = {"activities": ABSENT, "door": httpx.Response(200, json=WHOLE)}
    assert _viewed(lambda request: some.get(request.url.host) or httpx.Response(200, json={}))


def _viewed(answer: Callable[[httpx.Request], httpx.Response]) -> list[Finding]:
    bases = {name: f"http://{name}" for name in ("door", *PARTS)}
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        return list(views.check(client, bases, ["token"], [ACCOUNT], []))


PERSON: dict[str, Any] = {
    "contacts": {"contact": {"id": 1}},
    "opportunities": {"stakeholders": [{"id": 2}]},
    "activities": {"activity_ids": []},
}
HELD: dict[str, Any] = {name: value for part in PERSON.values() for name, value in part.items()}


@pytest.mark.parametrize(
    ("door", "activities", "differs"),
    [
        (httpx.Response(200, json=HELD), 200, False),
        (httpx.Response(200, json=HELD | {"stakeholders": []}), 200, True),
        (
            httpx.Response(200, json={name: value for name, value in HELD.items() if name != "contact"}),
            200,
            True,
        ),
        (httpx.Response(503), 404, True),
        (httpx.Response(200, json=HELD), 404, True),
        (ABSENT, 200, True),
    ],
)
def test_what_is_held_about_a_person_otherwise_than_the_services_say_is_found(
    door: httpx.Response, activities: int, differs: bool
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        name = request.url.host
        assert request.url.path == f"/v1/contacts/{CHIEF}/personal-data"
        status = activities if name == "activities" else 200
        return door if name == "door" else httpx.Response(status, json=PERSON[name])

    bases = {name: f"http://{name}" for name in ("door", *PERSON)}
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        assert bool(list(views.check(client, bases, ["token"], [], [CHIEF]))) == differs


@pytest.mark.parametrize("held", [{}, {("accounts", ACCOUNT): {"name": "Old"}, ("accounts", DEAL): {}}])
def test_a_follower_who_holds_otherwise_than_is_shown_is_found(held: dict[tuple[str, str], Any]) -> None:
    shown = {("accounts", ACCOUNT): {"name": "New"}}
    found_ = list(feeds.check("seller@example.com", held, shown))
    assert {(each.checker, each.about) for each in found_} == {
        ("feeds", (id,)) for _, id in held.keys() | shown.keys()
    }
    assert list(feeds.check("seller@example.com", shown, shown)) == []


def test_story_tells_what_was_asked_journaled_told_and_copied_in_order(tmp_path: object) -> None:
    house = in_order()
    finding = Finding("copies", "opportunities has no copy of the account", (ACCOUNT,))
    told = story.tell(finding, house.operations, house.evidence, [])
    assert told[0] == f"copies: opportunities has no copy of the account [{ACCOUNT}]"
    text = "\n".join(told)
    for said in (
        "op-rename-1 asks POST",
        "op-rename-1 hears 201",
        "contacts journals account.updated version 2",
        "contacts.events/",
        "opportunities has as a copy of account",
    ):
        assert said in text
    assert len(told) <= story.LINES + 2
    assert told[1:] == sorted(told[1:])
