"""Waits before the next try grow, end somewhere, and are not those of others."""

import pytest

from services.kit.backoff import Backoff

PROCESSES = 200


@pytest.mark.parametrize(("tries", "longest"), [(0, 0.1), (1, 0.2), (5, 3.2), (6, 5.0), (40, 5.0)])
def test_waits_of_processes_that_fail_together_are_spread_over_half_of_the_delay(
    tries: int, longest: float
) -> None:
    waits = sorted(delay_after(tries) for _ in range(PROCESSES))
    assert longest / 2 <= waits[0] < 0.6 * longest
    assert 0.9 * longest < waits[-1] <= longest
    assert len(set(waits)) > PROCESSES / 2


def delay_after(tries: int) -> float:
    """The wait of somebody who failed so often before."""
    backoff = Backoff()
    for _ in range(tries):
        backoff.delay()
    return backoff.delay()


def test_waits_are_short_again_after_a_success() -> None:
    backoff = Backoff(first=1, most=60)
    for _ in range(10):
        backoff.delay()
    backoff.reset()
    assert backoff.delay() <= 1
