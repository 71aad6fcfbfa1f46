"""Rates: each caller has a share of their own, what is left of it is said, and what is too much is refused."""

import threading
import time
import tracemalloc

import pytest

from services.kit.problems import TooMany
from services.kit.rates import Rates, rate


def rates(reads: str = "3/minute", writes: str = "1/hour", failures: str = "0") -> tuple[Rates, list[str]]:
    told: list[str] = []
    return Rates(reads=reads, writes=writes, failures=failures, refused=told.append), told


def test_what_is_left_is_said_as_the_draft_has_it() -> None:
    of, _ = rates()
    (policy, quota), (limit, left) = of.asked("GET", "a")
    assert (policy, quota) == (b"ratelimit-policy", b'"reads";q=3;w=60')
    assert limit == b"ratelimit"
    assert left.startswith(b'"reads";r=2;t=')
    assert 1 <= int(left.rpartition(b"=")[2]) <= 60


def test_the_last_request_is_let_in_and_the_next_refused() -> None:
    of, told = rates()
    assert [dict(of.asked("GET", "a"))[b"ratelimit"].split(b";")[1] for _ in range(3)] == [
        b"r=2", b"r=1", b"r=0",
    ]  # fmt: skip
    with pytest.raises(TooMany) as refused:
        of.asked("HEAD", "a")
    assert (refused.value.status, refused.value.code, told) == (429, "rate_limited", ["rate_limited"])
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 60
    assert refused.value.headers["ratelimit"].startswith('"reads";r=0;t=')


def test_callers_and_kinds_of_requests_do_not_use_up_each_others_share() -> None:
    of, _ = rates()
    of.asked("POST", "a")
    with pytest.raises(TooMany):
        of.asked("DELETE", "a")
    of.asked("GET", "a")
    of.asked("PATCH", "b")


def test_a_rate_of_nothing_is_no_rate() -> None:
    of, _ = rates(reads="0")
    assert [of.asked("GET", "a") for _ in range(1000)] == [[]] * 1000
    assert of.failed("127.0.0.1") == []


@pytest.mark.parametrize("text", ["0/minute", "-1/minute", "many", "", "600", "1/fortnight"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        rate(text)


def test_a_window_that_has_ended_counts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    of, _ = rates(reads="1/minute")
    began = time.time()
    of.asked("GET", "a")
    monkeypatch.setattr(time, "time", lambda: began + 59)
    with pytest.raises(TooMany):
        of.asked("GET", "a")
    monkeypatch.setattr(time, "time", lambda: began + 61)
    assert of.asked("GET", "a")[1][1] == b'"reads";r=0;t=60'


def test_callers_who_stay_away_are_forgotten_and_no_thread_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of, _ = rates(reads="2/minute")
    threads, clock = threading.active_count(), [time.time()]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    tracemalloc.start()
    for caller in range(20_000):
        clock[0] += 1
        of.asked("GET", f"one of many {caller}")
    kept, _most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 1_000_000
    assert threading.active_count() == threads
