"""The short of `make fuzz`: hostile requests get nothing, and the gateway does what its document says."""

import pytest

from deploy.local.tokens import ADMIN, fetch_token
from tests.fuzz.conforming import FOLLOWING, SEQUENCES, conformance
from tests.fuzz.run import attack, prepared, unended
from tests.stack import RunningStack, on_the_stack

pytestmark = on_the_stack

SELLER = "darcel.schlecht@example.com"
NEWCOMER = "robin.quill@example.com"
REQUESTS = 300
SEED = 7


@pytest.fixture(scope="module")
def newcomer(stack: RunningStack) -> str:
    """The token of a seller who has nothing yet, so that what is done in their name is done to their own rows."""
    stack.post(ADMIN, "/v1/members", {"name": "Robin Quill", "email": NEWCOMER, "function": "SALES"})
    return fetch_token(stack.url("issuer"), NEWCOMER)


async def test_no_hostile_request_gets_through(stack: RunningStack, newcomer: str) -> None:
    seller = fetch_token(stack.url("issuer"), SELLER)
    importer = fetch_token(stack.url("issuer"), ADMIN)
    tricks, verdict = prepared(stack.url(), seller, newcomer, importer, SEED)
    outcome = await attack(stack.port, tricks, verdict, REQUESTS)
    assert outcome.offenders == []
    assert outcome.imports
    assert unended(stack.url(), importer, outcome.imports) == []
    assert outcome.answers.total() == REQUESTS


@pytest.mark.parametrize(("phases", "examples"), [("fuzzing", 1), (FOLLOWING, SEQUENCES)])
def test_gateway_does_for_a_seller_what_its_document_says(
    phases: str, examples: int, stack: RunningStack, newcomer: str
) -> None:
    found = conformance(stack.url(), newcomer, seed=SEED, examples=examples, phases=phases)
    assert found.holds, found.told
