"""Many hands at one row at the same moment."""

import asyncio

from tests.services.activities.conftest import House


async def test_changes_of_any_version_all_take_effect(house: House) -> None:
    """Each reads the row before it writes, so that the planned times and the minutes fit together."""
    path = f"/v1/activities/{(await house.make('seller'))['id']}"
    answers = await asyncio.gather(
        *(house.call("seller", "PATCH", path, {"minutes": n}, if_match="*") for n in range(1, 31))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["version"] for answer in answers) == list(range(2, 32))


async def test_of_changes_of_one_version_one_takes_effect(house: House) -> None:
    path = f"/v1/activities/{(await house.make('seller'))['id']}"
    answers = await asyncio.gather(
        *(house.call("seller", "PATCH", path, {"minutes": n}, if_match='"1"') for n in range(1, 11))
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 9]
    [good] = [answer for answer in answers if answer.status_code == 200]
    for late in (answer for answer in answers if answer is not good):
        assert (late.json()["current"], late.headers["etag"]) == (good.json(), '"2"')
