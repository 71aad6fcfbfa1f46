"""Where the sellers' time went over the last weeks."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from random import Random

from deploy.local.demo import cast
from deploy.local.demo.request import Ref, Request, Value
from deploy.local.demo.story import Case

_DAYS = 20
_DAY: Sequence[tuple[str, int, int, bool]] = (
    ("F2F_SELLING", 45, 150, True),
    ("REMOTE_SELLING", 20, 75, True),
    ("TRAVEL", 30, 120, True),
    ("WAITING", 10, 45, True),
    ("PREPARATION", 30, 90, True),
    ("SERVICE", 20, 60, True),
    ("PAPERWORK", 20, 80, False),
    ("INTERNAL_MEETING", 30, 90, False),
    ("MEAL", 30, 60, False),
)
"""Category, least and most minutes, whether it is spent on an account."""

_ROBBERS = ("PHONE_INTERRUPTION", "MEETINGS", "CANNOT_SAY_NO", "UNCLEAR_PRIORITY", "INCOMPLETE_INFORMATION")


def diaries(dice: Random, cases: Sequence[Case], today: date) -> Iterator[Request]:
    """Three entries for each of the last workdays of every member who keeps a diary."""
    for member in cast.DIARISTS:
        accounts = [case.account for case in cases if case.owner == member]
        for day in _workdays_before(today, _DAYS):
            for entry in sorted(dice.sample(_DAY, 3), key=_DAY.index):
                body = _time_log(dice, entry, accounts, day)
                yield Request("time logs", member, "POST", "/v1/time-logs", body)


def _time_log(
    dice: Random, entry: tuple[str, int, int, bool], accounts: Sequence[str], day: date
) -> dict[str, Value]:
    category, least, most, on_account = entry
    body: dict[str, Value] = {
        "spent_on": day.isoformat(),
        "category": category,
        "minutes": dice.randrange(least, most + 1, 5),
    }
    if on_account and accounts:
        body["account_id"] = Ref("account", dice.choice(accounts))
    elif dice.random() < 0.25:
        body["robber"] = dice.choice(_ROBBERS)
    return body


def _workdays_before(today: date, count: int) -> list[date]:
    days = (today - timedelta(days=back) for back in range(1, 2 * count + 7))
    return [day for day in days if day.weekday() < 5][:count]
