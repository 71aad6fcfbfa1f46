"""The gateway does what its document says to an administrator too, who may do everything: upon services apart."""

import asyncio

import pytest

from tests.conftest import DatabaseUrl
from tests.fuzz.conforming import FOLLOWING, SEQUENCES, conformance
from tests.gateway.platform import platform

SEED = 8


@pytest.mark.parametrize(("phases", "examples"), [("fuzzing", 1), (FOLLOWING, SEQUENCES)])
async def test_gateway_does_for_an_administrator_what_its_document_says(
    phases: str, examples: int, database_url: DatabaseUrl
) -> None:
    async with platform(database_url) as small:
        address, token = str(small.client.base_url), small.tokens["admin"]
        found = await asyncio.to_thread(
            conformance, address, token, seed=SEED, examples=examples, phases=phases
        )
    assert found.holds, found.told
