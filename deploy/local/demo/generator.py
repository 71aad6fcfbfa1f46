"""From a seed and a day to the requests of the demo: pure, and the same for the same seed and day.

Requests come in an order in which each refers only to earlier ones, and their keys are made from the seed, the
day and a running number, so that a run that was killed can be repeated without doubling anything.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import zip_longest
from random import Random

from deploy.local.demo import cast, central, east, west
from deploy.local.demo.diaries import diaries
from deploy.local.demo.ordinary import ordinary
from deploy.local.demo.request import Ref, Request, Value
from deploy.local.demo.story import Case, Deal, Meeting, Person, Stands

SEED = 20
CASES: Sequence[Case] = (*central.CASES, *east.CASES, *west.CASES)

_LAST_MOVE_AGO = 4
_STEPS = ("TARGETING", "ENGAGEMENT", "SHORTLIST", "BIDDING", "CONTRACTING")


def generate(seed: int, today: date) -> tuple[Request, ...]:
    """Every request of the demo as it looks on the day `today`."""
    dice = Random(seed)  # noqa: S311 - names and hours, not secrets
    cases = [*CASES, *ordinary(dice)]
    written = [
        *_colleagues(),
        *_accounts(cases),
        *_people(cases, today),
        *_links(cases),
        *_deals(cases, today),
        *_meetings(cases, today),
        *diaries(dice, cases, today),
    ]
    return tuple(
        replace(each, key=f"demo-{seed}-{today}-{number:05}") for number, each in enumerate(written, 1)
    )


def _colleagues() -> Iterator[Request]:
    for each in cast.COLLEAGUES:
        body = {"email": each.email, "name": each.name, "function": each.function}
        yield Request("members", cast.ADMIN, "POST", "/v1/members", body, makes=each.email)


def _member(email: str) -> Ref:
    """A member of the files, or one whom the demo itself added."""
    ours = any(each.email == email for each in cast.COLLEAGUES)
    return Ref("made" if ours else "member", email)


def _accounts(cases: Iterable[Case]) -> Iterator[Request]:
    for case in cases:
        body: dict[str, Value] = {
            "owner_id": _member(case.owner),
            "team": [{"member_id": _member(email), "function": function} for email, function in case.team],
        }
        body |= {"region": case.region} if case.region else {}
        body |= {"target_type": case.target_type} if case.target_type else {}
        account = Ref("account", case.account)
        yield Request("owners and teams", cast.ADMIN, "PATCH", "/v1/accounts/{}", body, of=account)


def _people(cases: Iterable[Case], today: date) -> Iterator[Request]:
    for case in cases:
        for person in case.people:
            yield _person(case, person, today)


def _person(case: Case, person: Person, today: date) -> Request:
    slug = _slug(case.account)
    body: dict[str, Value] = {
        "account_id": Ref("account", case.account),
        "name": person.name,
        "title": person.title,
        "department": person.department,
        "level": person.level,
        "emails": [f"{person.id}@{slug}.example"],
        "phones": [f"+1 555 01{case.people.index(person):02}"],
        "tenure_end_on": _day(today, person.tenure_ends_in) if person.tenure_ends_in else None,
        "real_influence": person.influence,
        "public_official": person.official,
        "preferred_channel": person.channel,
        "external_ids": {"demo": f"{slug}/{person.id}"},
    }
    return Request("people", case.owner, "POST", "/v1/contacts", body, makes=_contact(case, person.id).name)


def _contact(case: Case, person: str) -> Ref:
    return Ref("made", f"{case.account}: {person}")


def _contacts(case: Case, people: str) -> list[Value]:
    return [_contact(case, person) for person in people.split()]


def _links(cases: Iterable[Case]) -> Iterator[Request]:
    for case in cases:
        for link in case.links:
            body = {"to_contact_id": _contact(case, link.other), "kind": link.kind, "note": link.note}
            one = _contact(case, link.one)
            yield Request("links", case.owner, "POST", "/v1/contacts/{}/links", body, of=one)


def _deals(cases: Iterable[Case], today: date) -> Iterator[Request]:
    """Step by step over all deals, so that those who send need not wait for one deal's steps."""
    each = [list(_deal(case, deal, today)) for case in cases for deal in case.deals]
    for step in zip_longest(*each):
        yield from (request for request in step if request)


def _deal(case: Case, deal: Deal, today: date) -> Iterator[Request]:
    """The deal, the map of its people, and then its moves, each after the other."""
    name = _deal_name(case, deal)
    yield Request("deals", case.owner, "POST", "/v1/opportunities", _deal_body(case, deal, today), makes=name)
    last = name
    if deal.map:
        body: Mapping[str, Value] = {"items": [_stakeholder(case, each, today) for each in deal.map]}
        last = f"{name}, its map"
        path = "/v1/opportunities/{}/stakeholders"
        yield Request("maps of people", case.owner, "PUT", path, body, of=Ref("made", name), makes=last)
    yield from _moves(case, deal, last, today)


def _deal_name(case: Case, deal: Deal) -> str:
    return f"{case.account}: {deal.name}"


def _deal_body(case: Case, deal: Deal, today: date) -> dict[str, Value]:
    return {
        "account_id": Ref("account", case.account),
        "name": deal.name,
        "product_id": Ref("product", deal.product),
        "amount": deal.amount * 100,
        "currency": "USD",
        "stage_entered_at": _instant(today, -deal.begun_ago, 8),
        "expected_close_on": _day(today, deal.closes_in),
        "procurement_mode": deal.procurement,
        "buy_class": deal.buy_class,
        "budget_status": deal.budget,
        "entry_strategy": deal.entry,
        "tactic": deal.tactic,
        "need_summary": deal.need,
        "external_ids": {"demo": f"{_slug(case.account)}/{_slug(deal.name)}"},
    }


def _stakeholder(case: Case, stands: Stands, today: date) -> dict[str, Value]:
    stance, _, degree = stands.stance.partition("/")
    person = next(person for person in case.people if person.id == stands.person)
    return {
        "contact_id": _contact(case, stands.person),
        "roles": stands.roles.split(),
        "influence": stands.influence or person.influence,
        "stance": stance,
        "degree": int(degree),
        "stance_reason": stands.reason,
        "stance_note": stands.note,
        "changeable": stands.changeable,
        "stance_confirmed_at": _instant(today, -stands.confirmed_ago, 15),
    }


def _moves(case: Case, deal: Deal, last: str, today: date) -> Iterator[Request]:
    stage, moves = "TARGETING", deal.moves.split()
    for number, move in enumerate(moves, 1):
        to, _, reason = move.partition("/")
        day = -deal.begun_ago + number * (deal.begun_ago - _LAST_MOVE_AGO) // len(moves)
        body: dict[str, Value] = {"to": to, "moved_at": _instant(today, day, 8)}
        body |= {"reason_code": reason} if reason else {}
        body |= {"note": "They want to start from the needs again."} if _goes_back(stage, to) else {}
        name = _deal_name(case, deal)
        made = f"{name}, move {number}"
        path = "/v1/opportunities/{}/stage"
        yield Request("moves", case.owner, "POST", path, body, of=Ref("made", name), makes=made, after=last)
        stage, last = to, made


def _goes_back(stage: str, to: str) -> bool:
    return to in _STEPS and _STEPS.index(to) < _STEPS.index(stage)


def _meetings(cases: Iterable[Case], today: date) -> Iterator[Request]:
    for case in cases:
        for number, meeting in enumerate(case.meetings):
            body = _activity(case, meeting, today)
            yield Request(
                "activities",
                case.owner,
                "POST",
                "/v1/activities",
                body,
                makes=f"{case.account}: meeting {number}",
            )


def _activity(case: Case, meeting: Meeting, today: date) -> dict[str, Value]:
    start = _instant(today, meeting.day, meeting.hour)
    ours = [(case.owner, "SALES"), *(case.team if meeting.with_team else ())]
    about = Ref("made", _deal_name(case, case.deal)) if case.deal else None
    return {
        "type": meeting.type,
        "status": meeting.status,
        "planned_start_at": None if meeting.status == "DONE" else start,
        "started_at": start if meeting.status == "DONE" else None,
        "minutes": meeting.minutes,
        "account_id": Ref("account", case.account),
        "opportunity_id": about,
        "our_attendees": [{"member_id": _member(email), "function": function} for email, function in ours],
        "contact_ids": _contacts(case, meeting.people),
        "two_way": meeting.two_way,
        "subject": meeting.subject,
        "outcome": meeting.outcome,
        "next_step": meeting.next_step,
    }


def _day(today: date, days: int) -> str:
    return (today + timedelta(days=days)).isoformat()


def _instant(today: date, day: int, hour: int) -> str:
    """That day at that hour; what is done on a weekend was done on the Friday before."""
    when = today + timedelta(days=day)
    if when.weekday() >= 5 and day < 0:
        when -= timedelta(days=when.weekday() - 4)
    return f"{datetime.combine(when, time(hour)).isoformat()}Z"


def _slug(text: str) -> str:
    return "-".join("".join(each if each.isalnum() else " " for each in text.lower()).split())
