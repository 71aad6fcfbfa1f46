"""`make fuzz N=20000 SEED=7`: hostile requests, then schemathesis, against a stack of their own.

Exits with 1 when a request got through, or when the gateway is found not to do what its document says.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from deploy.local.tokens import ADMIN, fetch_token
from tests.fuzz.conforming import ALONE, FOLLOWING, SEQUENCES, Conformance, conformance
from tests.fuzz.run import Outcome, attack, prepared, unended
from tests.stack import RunningStack

OWNER = "darcel.schlecht@example.com"
STRANGER = "carl.lin@example.com"

MACHINE = "crm-sync"
SCOPES = "contacts:write opportunities:write activities:write imports erasure"

FOLLOWERS = (ADMIN, OWNER, "melvin.marxen@example.com", "executive@example.com", STRANGER, MACHINE)
"""As whom sequences of requests are made, by their seed.

Administrator, seller, manager above, executive, stranger, and a machine account that may do whatever such a one may.
"""

SETTINGS = {"RATE_FAILURES": "0"}
"""Forged tokens are judged each for itself, however many come from one address."""

WIDE = 160
"""Characters of a line, so that the table is whole where there is no terminal either."""

REQUESTS_PER_EXAMPLE = 1_000
"""For so many hostile requests each operation is asked once more, and sequences of requests begin once more."""


def main() -> int:
    """Runs the attack; the seed is told, so that it can be run again."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    asked = parser.parse_args()
    console = Console(width=max(Console().width, WIDE))
    console.print(f"{asked.n} hostile requests, seed {asked.seed}")
    with tempfile.TemporaryDirectory(prefix="foothold-fuzz-") as directory:
        stack = RunningStack(Path(directory), SETTINGS)
        try:
            stack.up()
            outcome = _attacked(console, stack, asked.n, asked.seed)
            conforms = _examined(console, stack, max(2, asked.n // REQUESTS_PER_EXAMPLE), asked.seed)
        finally:
            stack.down()
    return 0 if conforms and not outcome.offenders else 1


def _attacked(console: Console, stack: RunningStack, count: int, seed: int) -> Outcome:
    owner, stranger, importer = (fetch_token(stack.url("issuer"), who) for who in (OWNER, STRANGER, ADMIN))
    tricks, verdict = prepared(stack.url(), owner, stranger, importer, seed)
    begun = time.monotonic()
    outcome = asyncio.run(attack(stack.port, tricks, verdict, count))
    outcome.offenders += unended(stack.url(), importer, outcome.imports)
    _show(console, outcome)
    console.print(f"The attack took {time.monotonic() - begun:.0f} s.")
    return outcome


def _examined(console: Console, stack: RunningStack, examples: int, seed: int) -> bool:
    """Whether schemathesis finds nothing: once over every operation, then in sequences from as many seeds."""
    begun = time.monotonic()
    followers = [(FOLLOWERS[(seed + n) % len(FOLLOWERS)], seed + n) for n in range(examples)]
    runs = [(ADMIN, ALONE, examples, seed), *((who, FOLLOWING, SEQUENCES, each) for who, each in followers)]
    found: list[Conformance] = []
    for who, phases, most, chosen in runs:
        token = _token(stack.url("issuer"), who)
        each = conformance(stack.url(), token, seed=chosen, examples=most, phases=phases)
        told = each.counted if each.holds else each.told
        console.print(f"{who}, seed {chosen}: {told}", markup=False, highlight=False)
        found.append(each)
    console.print(f"schemathesis took {time.monotonic() - begun:.0f} s.")
    return all(each.holds for each in found)


def _token(issuer: str, who: str) -> str:
    if who != MACHINE:
        return fetch_token(issuer, who)
    form = {"grant_type": "development", "client_id": MACHINE, "scope": SCOPES}
    return httpx.post(f"{issuer}/token", data=form, trust_env=False).raise_for_status().json()["access_token"]


def _show(console: Console, outcome: Outcome) -> None:
    statuses = sorted({status or 0 for _, status in outcome.answers})
    table = Table("trick", *(str(status or "none") for status in statuses))
    for kind in sorted({kind for kind, _ in outcome.answers}):
        table.add_row(kind, *(str(outcome.answers[kind, status or None] or "") for status in statuses))
    console.print(table)
    for offender in outcome.offenders:
        console.print(offender, markup=False)
    told = f"{outcome.answers.total()} sent, {len(outcome.imports)} imports begun"
    console.print(f"{told}, {len(outcome.offenders)} got through")


if __name__ == "__main__":
    sys.exit(main())
