"""What a process tells of the requests that it answers: rates, errors and durations, by route.

Routes are templates, never paths, so the figures are as many as there are routes; what is none is `unmatched`.
"""

from http import HTTPStatus
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
UNMATCHED: Final = "unmatched"
_NO_ANSWER: Final = "none"


class Traffic:
    """The requests of a process, in the figures `foothold_request_seconds`, `_requests_in_flight` and `_refusals`.

    Whose routes are made from what was asked for is `learning`: one is told apart once it has been answered well.
    """

    def __init__(self, service: str, registry: CollectorRegistry, *, learning: bool = False) -> None:
        self.in_flight = 0
        self._learning = learning
        self._learnt: set[str] = set()
        self._service = service
        self._seconds = Histogram(
            "foothold_request_seconds",
            "From a request's head to the end of its answer.",
            ("service", "method", "route", "status"),
            buckets=BUCKETS,
            registry=registry,
        )
        self._refusals = Counter(
            "foothold_refusals",
            "Requests sent away to protect the process.",
            ("service", "reason"),
            registry=registry,
        )
        under_way = Gauge(
            "foothold_requests_in_flight", "Requests being answered.", ("service",), registry=registry
        )
        under_way.labels(service).set_function(lambda: self.in_flight)
        self._known: dict[tuple[str, str, int], Histogram] = {}

    def answered(self, method: str, route: str, status: int | None, seconds: float) -> None:
        """A request has come to its end; `status` is None where nobody was there to be answered."""
        if self._learning and route not in self._learnt:
            route = self._learn(route, status)
        key = (method, route, (status or 0) // 100)
        histogram = self._known.get(key)
        if histogram is None:
            histogram = self._known[key] = self._of(*key)
        histogram.observe(seconds)

    def refused(self, reason: str) -> None:
        """A request was sent away, or ended before its time: `reason` is a code of ours."""
        self._refusals.labels(self._service, reason).inc()

    def _learn(self, route: str, status: int | None) -> str:
        if status is None or status >= HTTPStatus.BAD_REQUEST:
            return UNMATCHED
        self._learnt.add(route)
        return route

    def _of(self, method: str, route: str, hundreds: int) -> Histogram:
        status = f"{hundreds}xx" if hundreds else _NO_ANSWER
        return self._seconds.labels(self._service, method if method in METHODS else "other", route, status)
