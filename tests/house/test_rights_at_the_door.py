"""What the gateway makes of several services' answers shows callers in every relation what the table says."""

import asyncio
from collections.abc import Mapping, Sequence

from tests.conftest import DatabaseUrl
from tests.gateway.standing import made_here
from tests.house.cast import opened
from tests.house.crowd import Change, Crowd, gathered
from tests.house.happening import filled
from tests.house.rights import CALLERS, LETTERS, Line, lines, shape

# What changes of who sees what, before everybody hears of news.
TURNS: Mapping[str, Sequence[Change]] = {
    "": (),
    "handed over": (
        ("contacts", "/v1/accounts/{account}", {"team": [{"member_id": "{stranger}", "function": "RND"}]}),
        ("opportunities", "/v1/opportunities/{deal of dealer}", {"owner_id": "{owner}"}),
    ),
    "another manager": (("contacts", "/v1/members/{owner}", {"manager_id": "{idle}"}),),
}
AWAY = "contacts is away"


async def test_everybody_meets_at_the_door_what_the_table_says(database_url: DatabaseUrl) -> None:
    wrong: list[str] = []
    async with opened(database_url) as cast, gathered(cast) as crowd:
        for turn, changes in TURNS.items():
            await crowd.live_through(turn, changes)
            wrong += await differences(crowd, turn)
        await crowd.behind["contacts"].close()
        wrong += await differences(crowd, AWAY)
    assert wrong == [], "\n" + "\n".join(wrong)


async def differences(crowd: Crowd, turn: str) -> list[str]:
    """Where the callers meet something else in the turn than the table says."""
    found: list[str] = []
    for line in lines("gateway"):
        if line.variant == turn:
            met = await asyncio.gather(*(letter(crowd, who, line) for who in CALLERS))
            found += [told] if (told := line.difference(met)) else []
    return found


async def letter(crowd: Crowd, who: str, line: Line) -> str:
    """What the caller meets."""
    status, told = await crowd.meet(who, line.method, line.path)
    if status != 200:
        return LETTERS.get(status, str(status))
    return "s" if filled(line.shows, crowd.cast.ids) in told else "-"


def test_the_table_speaks_of_everything_that_is_composed() -> None:
    told = {shape(line.path) for line in lines("gateway")}
    made = {shape(path) for path in made_here()}
    assert made - told == set(), "add lines to the table of rights"
    assert told - made == set(), "the table speaks of what is not composed"


def test_every_line_is_of_a_turn() -> None:
    assert {line.variant for line in lines("gateway")} == {*TURNS, AWAY}
