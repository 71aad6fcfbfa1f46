"""Who may do what, written by hand: a line for each way of asking an operation, a letter for each caller.

The callers stand around one account, with a deal, people, a visit and minutes of its owner's:

    owner mate dealer boss top far    the owner, one of the named team, the owner of another open deal there; the
                                      owner's manager and the manager above; the manager of the team member and dealer
    former stranger idle              who was on the team, who never was, a manager of nobody
    executive marketing reporting admin
    robot mute                        machine accounts, with every scope and with none
    guest nobody                      a good token of no member; no token

    s  answered, with what the line says is to be seen (or done, where it says nothing)
    -  answered, without it
    .  not there (404)      x  refused (403)      v  names what may not be seen (422)      ?  who are you (401)
    g  is to begin afresh (410), and a stream ends

`{fresh x}` is made for each caller, `{gone x}` made and deleted; `{since}` is the caller's token from before some news.
What follows `->` is to be seen; what follows `#` tells bodies apart (BODIES in tests/house/test_rights.py). Under
"gateway" stands what it makes of several services' answers; there `#` names what has happened to who sees what (TURNS
in tests/house/test_rights_at_the_door.py).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CALLERS = (
    "owner", "mate", "dealer", "boss", "top", "far",
    "former", "stranger", "idle",
    "executive", "marketing", "reporting", "admin",
    "robot", "mute",
    "guest", "nobody",
)  # fmt: skip

LETTERS: Mapping[int, str] = {401: "?", 403: "x", 404: ".", 410: "g", 422: "v"}
"""The letters of refusals, by status."""

TABLE = {
    "contacts": """
        ssssss sss ssss ss x?  GET /v1/me -> "subject"
        ssssss sss ssss ss x?  GET /v1/catalog
        ssssss sss ssss sx x?  GET /v1/members -> {owner}
        ssssss sss ssss sx x?  GET /v1/members/{owner}
        ssssss sss ssss sx x?  GET /v1/members/{owner}/history -> owner@example.com
        ssssss sss ssss sx x?  POST /v1/members/lookup #owner -> {owner}
        xxxxxx xxx xxxs xx x?  POST /v1/members
        xxxxxx xxx xxxs xx x?  PUT /v1/members/by-external-id/{source}/{n}
        xxxxxx xxx xxxs xx x?  PATCH /v1/members/{idle}
        xxxxxx xxx xxxs xx x?  PATCH /v1/members/{idle} #subject
        xxxxxx xxx xxxs xx x?  DELETE /v1/members/{fresh member}
        xxxxxx xxx xxxs xx x?  POST /v1/members/{gone member}/restoration
        xxxxxx xxx xxxs sx x?  POST /v1/members/imports
        xxxxxx xxx xxxs sx x?  GET /v1/members/imports/{import of members}
        xxxxxx xxx xxxs sx x?  GET /v1/members/imports/{import of members}/report

        ssssss --- ssss sx x?  GET /v1/accounts -> {account}
        ssssss --- ssss sx x?  GET /v1/accounts?q=云山 -> {account}
        ssssss --- ssss sx x?  GET /v1/accounts?owner_id={owner}&name=云山电网 -> {account}
        ssssss --- ssss sx x?  GET /v1/accounts?name=云山电网&count=true&limit=1 -> "total":1
        ssssss --- ssss sx x?  POST /v1/accounts/lookup #account -> {account}
        ssssss ... ssss sx x?  GET /v1/accounts/{account} -> {account}
        ssssss ... ssss sx x?  GET /v1/accounts/{account}?as_of={now} -> {account}
        ssssss ... ssss sx x?  GET /v1/accounts/{account}/history -> 云山电网
        ssssss ... ssss sx x?  GET /v1/accounts/{account}/view -> {person}
        ssssss sss xxxs vx x?  POST /v1/accounts
        ssssss sss xxxs vx x?  PUT /v1/accounts/by-external-id/{source}/{n}
        sxxssx xxx xxxs sx x?  POST /v1/accounts #for owner
        ssssss vvv xxxs vx x?  POST /v1/accounts #below
        ssssss ... xxxs sx x?  PATCH /v1/accounts/{account}
        sxxssx ... xxxs xx x?  PATCH /v1/accounts/{account} #owner
        sxxssx ... xxxs xx x?  PATCH /v1/accounts/{account} #team
        sx.ssx ... xxxs xx x?  DELETE /v1/accounts/{fresh account}
        s..ss. ... ...s .x x?  POST /v1/accounts/{gone account}/restoration
        ssssss --- ssss sx x?  GET /v1/changes?since={since} -> {account}
        ssssss --- ssss sx x?  GET /v1/changes?since={since} #link -> CONFLICT
        ssssss --- ---s -x x?  GET /v1/changes?since={since} #link -> 高尔夫
        xxxxxx xxx xxxs sx x?  POST /v1/accounts/imports
        xxxxxx xxx xxxs sx x?  GET /v1/accounts/imports/{import of accounts}
        xxxxxx xxx xxxs sx x?  GET /v1/accounts/imports/{import of accounts}/report

        ssssss --- ssss sx x?  GET /v1/contacts -> {person}
        ssssss --- ssss sx x?  GET /v1/contacts?q=李 -> {person}
        ssssss --- ssss sx x?  GET /v1/contacts?account_id={account} -> {person}
        ssssss --- ssss sx x?  GET /v1/contacts?name=李person&count=true -> "total":1
        ssssss --- ssss sx x?  POST /v1/contacts/lookup #person -> {person}
        ssssss ... ssss sx x?  GET /v1/contacts/{person} -> 5555
        ssssss ... ssss sx x?  GET /v1/contacts/{person}?as_of={now} -> 5555
        ssssss ... ssss sx x?  GET /v1/contacts/{person}/history -> 5555
        ssssss vvv xxxs sx x?  POST /v1/contacts
        ssssss vvv xxxs sx x?  PUT /v1/contacts/by-external-id/{source}/{n}
        ssssss ... xxxs sx x?  PATCH /v1/contacts/{person}
        ssssss ... xxxs sx x?  DELETE /v1/contacts/{fresh person}
        xxxxxx xxx xxxs sx x?  POST /v1/contacts/{fresh person}/erasure
        xxxxxx xxx xxxs sx x?  GET /v1/contacts/{erased}/erasure -> {erased}
        xxxxxx xxx xxx. .x x?  GET /v1/contacts/{person}/erasure
        ssssss ... xxxs sx x?  POST /v1/contacts/{gone person}/restoration
        ssssss ... ...s .x x?  GET /v1/contacts/{person}/personal-data -> 5555
        ssssss ... ssss sx x?  GET /v1/contacts/{person}/links -> {link}
        ssssss ... ssss sx x?  GET /v1/contacts/{person}/links/{link} -> {link}
        ssssss ... ---s -x x?  GET /v1/contacts/{person}/links -> 高尔夫
        ssssss ... ---s -x x?  GET /v1/contacts/{person}/links?fields=note -> 高尔夫
        ssssss ... ---s -x x?  GET /v1/contacts/{person}/links/{link} -> 高尔夫
        ssssss ... ---s -x x?  GET /v1/contacts/{person}/links/{link}?as_of={now} -> 高尔夫
        ssssss ... ---s -x x?  GET /v1/contacts/{person}/links/{link}/history -> 高尔夫
        ssssss ... ssss sx x?  GET /v1/contacts/{person}/links/{link}/history -> INFLUENCES
        ssssss ... xxxs sx x?  POST /v1/contacts/{person}/links
        ssssss ... xxxs sx x?  DELETE /v1/contacts/{person}/links/{fresh link}
        ssssss ... xxxs sx x?  POST /v1/contacts/{person}/links/{gone link}/restoration
        ssssss ... xxxs -x x?  POST /v1/contacts/{person}/links/{gone link}/restoration -> 高尔夫
        ssssss ... xxxs -x x?  POST /v1/contacts/{person}/links/{link}/restoration -> 高尔夫
    """,
    "opportunities": """
        ssssss sss ssss ss x?  GET /v1/catalog
        ssssss --- ssss sx x?  GET /v1/opportunities -> {deal}
        ssssss --- ssss sx x?  GET /v1/opportunities?q=变电站 -> {deal}
        ssssss --- ssss sx x?  GET /v1/opportunities?account_id={account} -> {deal}
        ssssss --- ssss sx x?  GET /v1/opportunities?owner_id={owner}&name=变电站+owner&count=true -> "total":1
        ssssss --- ssss sx x?  GET /v1/opportunities/summary?name=变电站+owner -> "count":1
        ssssss --- ssss sx x?  POST /v1/opportunities/lookup #deal -> {deal}
        ssssss ... ssss sx x?  GET /v1/opportunities/{deal} -> {deal}
        ssssss ... ssss sx x?  GET /v1/opportunities/{deal}?as_of={now} -> {deal}
        ssssss ... ssss sx x?  GET /v1/opportunities/{deal}/history -> 变电站
        ssssss ... ssss sx x?  GET /v1/opportunities/{deal}/moves -> "items"
        ssssss ... ssss sx x?  GET /v1/accounts/{account}/view -> {deal}
        ssssss vvv xxxv vx x?  POST /v1/opportunities
        ssssss vvv xxxv vx x?  PUT /v1/opportunities/by-external-id/{source}/{n}
        sxxssx vvv xxxs sx x?  POST /v1/opportunities #for owner
        ssssss ... xxxs sx x?  PATCH /v1/opportunities/{deal}
        sxxssx ... xxxs xx x?  PATCH /v1/opportunities/{deal} #owner
        ssssss ... xxxs sx x?  POST /v1/opportunities/{deal}/stage
        sxxssx ... xxxs xx x?  DELETE /v1/opportunities/{fresh deal}
        sxxssx ... xxxs xx x?  POST /v1/opportunities/{gone deal}/restoration
        ssssss --- ssss sx x?  GET /v1/changes?since={since} -> {deal}
        xxxxxx xxx xxxs sx x?  POST /v1/opportunities/imports
        xxxxxx xxx xxxs sx x?  GET /v1/opportunities/imports/{import of opportunities}
        xxxxxx xxx xxxs sx x?  GET /v1/opportunities/imports/{import of opportunities}/report

        ssssss ... ...s .x x?  GET /v1/opportunities/{deal}/stakeholders -> {person}
        ssssss ... ...s .x x?  GET /v1/opportunities/{deal}/stakeholders/{person} -> OPPONENT
        ssssss ... ...s .x x?  GET /v1/opportunities/{deal}/stakeholders/{person}?as_of={now} -> OPPONENT
        ssssss ... ...s .x x?  GET /v1/opportunities/{deal}/stakeholders/{person}/history -> OPPONENT
        ssssss ... ---s -x x?  GET /v1/accounts/{account}/view -> {other}
        ssssss ... ...s .x x?  GET /v1/contacts/{person}/personal-data -> OPPONENT
        xxxxxx xxx xxxs sx x?  GET /v1/contacts/{erased}/erasure -> "mentions_in_opportunities"
        xxxxxx xxx xxx. .x x?  GET /v1/contacts/{person}/erasure
        ssssss ... ...s .x x?  PUT /v1/opportunities/{deal}/stakeholders
        ssssss ... ...s .x x?  PUT /v1/opportunities/{deal}/stakeholders/{person}
        ssssss ... ...s .x x?  DELETE /v1/opportunities/{deal}/stakeholders/{person}
        ssssss ... ssss sx x?  GET /v1/opportunities/{deal}/relationship -> "score"
        ssssss ... ssss sx x?  GET /v1/opportunities/{deal}/relationship -> "network"
        ssssss ... ---s -x x?  GET /v1/opportunities/{deal}/relationship -> {person}
        ssssss sss ssss sx x?  POST /v1/relationship/evaluate

        ssssss sss ssss sx x?  GET /v1/products -> {product}
        ssssss sss ssss sx x?  GET /v1/products/{product}
        ssssss sss ssss sx x?  GET /v1/products/{product}/history -> GTX
        ssssss sss ssss sx x?  POST /v1/products/lookup #product -> {product}
        xxxxxx xxx xxxs xx x?  POST /v1/products
        xxxxxx xxx xxxs xx x?  PUT /v1/products/by-external-id/{source}/{n}
        xxxxxx xxx xxxs xx x?  PATCH /v1/products/{product}
        xxxxxx xxx xxxs xx x?  DELETE /v1/products/{fresh product}
        xxxxxx xxx xxxs xx x?  POST /v1/products/{gone product}/restoration
        xxxxxx xxx xxxs sx x?  POST /v1/products/imports
        xxxxxx xxx xxxs sx x?  GET /v1/products/imports/{import of products}
        xxxxxx xxx xxxs sx x?  GET /v1/products/imports/{import of products}/report
    """,
    "activities": """
        ssssss sss ssss ss x?  GET /v1/catalog
        ssssss --- ssss sx x?  GET /v1/activities -> {visit}
        ssssss --- ssss sx x?  GET /v1/activities?account_id={account}&limit=200 -> {visit}
        ssssss --- ssss sx x?  GET /v1/activities?owner_id={owner}&limit=200 -> {visit}
        ssssss --- ssss sx x?  POST /v1/activities/lookup #visit -> {visit}
        ssssss ... ssss sx x?  GET /v1/activities/{visit} -> {visit}
        ssssss ... ssss sx x?  GET /v1/activities/{visit}?as_of={now} -> {visit}
        ssssss ... ssss sx x?  GET /v1/activities/{visit}/history -> 拜访
        ssssss vvv xxxv vx x?  POST /v1/activities
        ssssss vvv xxxv vx x?  PUT /v1/activities/by-external-id/{source}/{n}
        sxxssx xxx xxxs sx x?  POST /v1/activities #for owner
        ssssss ... xxxs sx x?  PATCH /v1/activities/{visit}
        sxxssx ... xxxs xx x?  PATCH /v1/activities/{visit} #owner
        sxxssx ... xxxs xx x?  DELETE /v1/activities/{fresh visit}
        sxxssx ... xxxs xx x?  POST /v1/activities/{gone visit}/restoration
        ssssss --- ssss sx x?  GET /v1/changes?since={since} -> {visit}
        ssssss ... ...s .x x?  GET /v1/contacts/{person}/personal-data
        xxxxxx xxx xxxs sx x?  GET /v1/contacts/{erased}/erasure -> "mentions_in_activities"
        xxxxxx xxx xxx. .x x?  GET /v1/contacts/{person}/erasure
        xxxxxx xxx xxxs sx x?  POST /v1/activities/imports
        xxxxxx xxx xxxs sx x?  GET /v1/activities/imports/{import of activities}
        xxxxxx xxx xxxs sx x?  GET /v1/activities/imports/{import of activities}/report
        ssssss ... ssss sx x?  GET /v1/accounts/{account}/view -> "activities"
        ssssss ... ssss sx x?  GET /v1/accounts/{account}/view -> TRAVEL
        ------ ... ---- -x x?  GET /v1/accounts/{account}/view -> {log}

        s--ss- --- ---- -x x?  GET /v1/time-logs -> {log}
        s--ss- --- ---- -x x?  GET /v1/time-logs?member_id={owner} -> {log}
        s--ss- --- ---- -x x?  GET /v1/time-logs?activity_id={visit}&count=true -> "total":1
        s..ss. ... .... .x x?  GET /v1/time-logs/{log} -> {log}
        s..ss. ... .... .x x?  GET /v1/time-logs/{log}?as_of={now} -> {log}
        s..ss. ... .... .x x?  GET /v1/time-logs/{log}/history -> TRAVEL
        ssssss sss xxxv vx x?  POST /v1/time-logs
        sxxssx xxx xxxs sx x?  POST /v1/time-logs #for owner
        s..ss. ... .... .x x?  PATCH /v1/time-logs/{log}
        s..ss. ... .... .x x?  DELETE /v1/time-logs/{fresh log}
        s..ss. ... .... .x x?  POST /v1/time-logs/{gone log}/restoration
        s--ss- --- ---- -x x?  GET /v1/changes?since={since} #log -> {log}
    """,
    "gateway": """
        ssssss sss ssss ss x?  GET /v1/catalog -> "missing":[]
        ssssss ... ssss sx x?  GET /v1/accounts/{account}/view -> 云山电网
        ssssss ... ssss sx x?  GET /v1/accounts/{account}/view -> 李person
        ssssss ... ssss sx x?  GET /v1/accounts/{account}/view -> {deal}
        ssssss ... ssss sx x?  GET /v1/accounts/{account}/view -> {deal of dealer}
        ssssss ... ssss sx x?  GET /v1/accounts/{account}/view -> "count":2
        ssssss ... ssss sx x?  GET /v1/accounts/{account}/view -> {visit}
        ssssss ... ssss sx x?  GET /v1/accounts/{account}/view -> TRAVEL
        ------ ... ---- -x x?  GET /v1/accounts/{account}/view -> {log}
        ssssss ... ---s -x x?  GET /v1/accounts/{account}/view -> "contact_ids":["{other}"
        ssssss ... ...s .x x?  GET /v1/contacts/{person}/personal-data -> 5555
        ssssss ... ...s .x x?  GET /v1/contacts/{person}/personal-data -> OPPONENT
        xxxxxx xxx xxxs sx x?  GET /v1/contacts/{erased}/erasure -> "reason":"REQUESTED"
        xxxxxx xxx xxxs sx x?  GET /v1/contacts/{erased}/erasure -> "mentions_in_opportunities":[]
        xxxxxx xxx xxxs sx x?  GET /v1/contacts/{erased}/erasure -> "mentions_in_activities":[]
        xxxxxx xxx xxx. .x x?  GET /v1/contacts/{person}/erasure
        ssssss sss ssss sx x?  HEAD /v1/stream
        ssssss --- ssss sx x?  GET /v1/changes?since={since} -> "region":"news
        ssssss --- ssss sx x?  GET /v1/changes?since={since} -> "need_summary":"news
        ssssss --- ssss sx x?  GET /v1/changes?since={since} -> "outcome":"news
        s--ss- --- ---- -x x?  GET /v1/changes?since={since} -> "note":"news
        ssssss --- ssss sx x?  GET /v1/changes?since={since} -> CONFLICT
        ssssss --- ---s -x x?  GET /v1/changes?since={since} -> 高尔夫
        ssssss --- ssss sx x?  GET /v1/stream -> "region":"news
        ssssss --- ssss sx x?  GET /v1/stream -> "need_summary":"news
        ssssss --- ssss sx x?  GET /v1/stream -> "outcome":"news
        s--ss- --- ---- -x x?  GET /v1/stream -> "note":"news
        ssssss --- ssss sx x?  GET /v1/stream -> CONFLICT
        ssssss --- ---s -x x?  GET /v1/stream -> 高尔夫

        s..ss. .s. ssss sx x?  GET /v1/accounts/{account}/view #handed over -> {deal}
        s..ss. .s. ---s -x x?  GET /v1/accounts/{account}/view #handed over -> "contact_ids":["{other}"
        s..ss. .s. ...s .x x?  GET /v1/contacts/{person}/personal-data #handed over -> 5555
        -ss--s --- ---- -x x?  GET /v1/changes?since={since} #handed over -> revoked
        ------ -s- ---- -x x?  GET /v1/changes?since={since} #handed over -> granted
        s--ss- -s- ssss sx x?  GET /v1/changes?since={since} #handed over -> "region":"news
        s--ss- -s- ssss sx x?  GET /v1/changes?since={since} #handed over -> "need_summary":"news
        s--ss- -s- ssss sx x?  GET /v1/changes?since={since} #handed over -> "outcome":"news
        s--ss- -s- ---s -x x?  GET /v1/changes?since={since} #handed over -> 高尔夫
        -ss--s --- ---- -x x?  GET /v1/stream #handed over -> revoked
        ------ -s- ---- -x x?  GET /v1/stream #handed over -> granted
        s--ss- -s- ssss sx x?  GET /v1/stream #handed over -> "region":"news
        s--ss- -s- ssss sx x?  GET /v1/stream #handed over -> "need_summary":"news
        s--ss- -s- ssss sx x?  GET /v1/stream #handed over -> "outcome":"news
        s--ss- -s- ---s -x x?  GET /v1/stream #handed over -> 高尔夫

        s..... .ss ssss sx x?  GET /v1/accounts/{account}/view #another manager -> {deal}
        s..... .ss ---s -x x?  GET /v1/accounts/{account}/view #another manager -> "contact_ids":["{other}"
        s..... .ss ...s .x x?  GET /v1/contacts/{person}/personal-data #another manager -> 5555
        s--gg- -sg ssss sx x?  GET /v1/changes?since={since} #another manager -> "region":"news
        s--gg- --g ---- -x x?  GET /v1/changes?since={since} #another manager -> "note":"news
        s--gg- -sg ssss sx x?  GET /v1/stream #another manager -> "region":"news
        s--gg- --g ---- -x x?  GET /v1/stream #another manager -> "note":"news

        s..... .ss ssss sx x?  GET /v1/accounts/{account}/view #contacts is away -> {deal}
        s..... .ss ssss sx x?  GET /v1/accounts/{account}/view #contacts is away -> {visit}
        s..... .ss ---s -x x?  GET /v1/accounts/{account}/view #contacts is away -> "contact_ids":["{other}"
    """,
}


@dataclass(frozen=True)
class Line:
    """One way of asking an operation. `shows` is what a good answer has to hold for `s`, "" for anything."""

    letters: str
    method: str
    path: str
    variant: str
    shows: str

    @property
    def asked(self) -> str:
        """The line without its letters and what it shows: the name of its body."""
        return f"{self.method} {self.path}" + (f" #{self.variant}" if self.variant else "")

    def difference(self, met: Sequence[str]) -> str:
        """Where the callers meet something else than the line says; "" where they do not."""
        others = [
            f"{who} {meets} instead of {says}"
            for who, meets, says in zip(CALLERS, met, self.letters, strict=True)
            if meets != says
        ]
        shown = f" -> {self.shows}" if self.shows else ""
        return f"{self.asked}{shown}: {', '.join(others)}" if others else ""


def lines(service: str) -> list[Line]:
    """The table's lines about a service. Raises ValueError for one that does not say something of every caller."""
    return [_line(text.strip()) for text in TABLE[service].splitlines() if text.strip()]


def _line(text: str) -> Line:
    letters, _, asked = text.partition("  ")
    asked, _, shows = asked.partition(" -> ")
    asked, _, variant = asked.partition(" #")
    method, _, path = asked.strip().partition(" ")
    letters = letters.replace(" ", "")
    if len(letters) != len(CALLERS):
        raise ValueError(text)
    return Line(letters, method, path, variant, shows)


def shape(path: str) -> str:
    """The path without its query, whatever its parameters are called."""
    return re.sub(r"\{[^}]+\}", "{}", path.partition("?")[0])
