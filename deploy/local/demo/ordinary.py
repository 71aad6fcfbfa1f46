"""Accounts of which nothing is told but an owner, two people, and a few activities."""

from collections.abc import Iterator
from itertools import cycle
from random import Random

from deploy.local.demo import cast
from deploy.local.demo.story import Case, Meeting, Person


def ordinary(dice: Random) -> list[Case]:
    """The ordinary accounts, their owners by turns."""
    owners = cycle(dice.sample(cast.OWNERS, len(cast.OWNERS)))
    return [_case(dice, account, owner) for account, owner in zip(cast.ORDINARY, owners, strict=False)]


def _case(dice: Random, account: str, owner: str) -> Case:
    top, other = dice.sample(cast.POSTS, 2)
    people = (
        _somebody("one", cast.western_name(dice), top),
        _somebody("two", cast.chinese_name(dice), other),
    )
    return Case(account, "", owner, people, meetings=tuple(_meetings(dice)))


def _somebody(id: str, name: str, post: cast.Post) -> Person:
    return Person(id, name, post.title, post.department, post.level, post.influence)


def _meetings(dice: Random) -> Iterator[Meeting]:
    done = dice.choice(("VISIT", "CALL", "PRODUCT_INTRO", "SERVICE_FOLLOW"))
    person = dice.choice(("one", "two"))
    hour = dice.randrange(8, 17)
    yield Meeting(-dice.randrange(2, 80), done, "State of affairs", person, "All quiet.", hour=hour)
    planned = dice.choice(("VISIT", "CALL", "PRESENTATION"))
    yield Meeting(dice.randrange(1, 30), planned, "Next steps", person, status="PLANNED")
    if dice.random() < 0.3:
        yield Meeting(-dice.randrange(2, 20), "CALL", "Catching up", person, status="MISSED")
