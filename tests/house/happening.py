"""What is made anew for a caller, and what happens while callers look on."""

import re
from collections.abc import Mapping
from itertools import count
from typing import Any, cast

from tests.house.cast import Cast, product

NUMBERS = count(1)
VISIT = {
    "type": "VISIT",
    "subject": "拜访 {n}",
    "planned_start_at": "2029-01-01T08:00:00Z",
    "account_id": "{account}",
}
LINK = {"to_contact_id": "{fresh person}", "kind": "CONFLICT", "note": "周日高尔夫"}
LOG = {"spent_on": "2026-01-01", "category": "TRAVEL", "minutes": 5}

# What is made anew, of what service, where and how.
FRESH: Mapping[str, tuple[str, str, Any]] = {
    "member": ("contacts", "/v1/members", {"name": "Fresh", "email": "fresh-{n}@example.com"}),
    "account": (
        "contacts", "/v1/accounts",
        {"name": "Fresh", "owner_id": "{owner}", "team": [{"member_id": "{mate}", "function": "RND"}]},
    ),
    "person": ("contacts", "/v1/contacts", {"name": "Fresh", "account_id": "{account}"}),
    "link": ("contacts", "/v1/contacts/{person}/links", LINK),
    "deal": (
        "opportunities", "/v1/opportunities", {"name": "Fresh", "account_id": "{account}", "owner_id": "{owner}"},
    ),
    "product": ("opportunities", "/v1/products", None),
    "visit": ("activities", "/v1/activities", {**VISIT, "owner_id": "{owner}"}),
    "log": ("activities", "/v1/time-logs", {**LOG, "member_id": "{owner}"}),
}  # fmt: skip

# What happens between a caller's token and the changes asked for since: in which service, then more of its name.
NEWS: Mapping[str, tuple[str, str, str, Any]] = {
    "contacts": ("admin", "PATCH", "/v1/accounts/{account}", {"region": "news {n}"}),
    "contacts link": ("admin", "POST", "/v1/contacts/{person}/links", LINK),
    "opportunities": ("admin", "PATCH", "/v1/opportunities/{deal}", {"need_summary": "news {n}"}),
    "activities": ("admin", "PATCH", "/v1/activities/{visit}", {"outcome": "news {n}"}),
    "activities log": ("owner", "PATCH", "/v1/time-logs/{log}", {"note": "news {n}"}),
}


async def happens(cast: Cast, news: str) -> None:
    """Has that news happen, by its name in NEWS; what it wants fresh is made before."""
    teller, method, path, body = NEWS[news]
    await refresh_all(cast, path + str(body))
    ids = cast.ids | {"n": str(next(NUMBERS))}
    service = news.partition(" ")[0]
    told = await cast.ask(service, teller, method, filled(path, ids), filled(body, ids))
    assert told.is_success, told.text


async def refresh_all(cast: Cast, wanted: str) -> None:
    """Makes anew all that the text wants fresh or gone."""
    for state, name in re.findall(r"\{(fresh|gone) (\w+)\}", wanted):
        await refresh(cast, name, gone=state == "gone")


async def refresh(cast: Cast, name: str, *, gone: bool) -> None:
    """Makes a fresh row of that name, and deletes it again if it is to be gone."""
    if name == "link":
        await refresh(cast, "person", gone=False)
    service, path, body = FRESH[name]
    ids = cast.ids | {"n": str(next(NUMBERS))}
    if body is None:
        id = cast.ids[f"fresh {name}"] = await product(cast)
    else:
        id = await cast.make(service, filled(path, ids), filled(body, ids), name=f"fresh {name}")
    if gone:
        # An administrator does not see time logs.
        who = "owner" if name == "log" else "admin"
        answer = await cast.ask(service, who, "DELETE", f"{filled(path, ids)}/{id}")
        assert answer.is_success, answer.text
        cast.ids[f"gone {name}"] = id


def filled(told: Any, ids: Mapping[str, str]) -> Any:
    """The template with the ids that it names."""
    match told:
        case str():
            return re.sub(r"\{([^}]+)\}", lambda found: ids[found[1]], told)
        case dict():
            return {key: filled(value, ids) for key, value in cast("dict[str, Any]", told).items()}
        case list():
            return [filled(value, ids) for value in cast("list[Any]", told)]
        case _:
            return told
