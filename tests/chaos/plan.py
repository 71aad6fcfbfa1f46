"""What goes wrong, when, and to whom: decided by the seed alone, before anything runs."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from deploy.local.stack import SERVICES
from tests.chaos.retelling import REBUILDS
from tests.chaos.stack import APIS, GATEWAYS, TO_HTTP, TO_POSTGRES, WORKERS

Weights = Mapping[str, float]

KINDS: Final[Weights] = MappingProxyType(
    {
        "kill api": 16,
        "kill worker": 18,
        "kill gateway": 5,
        "kill kafka": 4,
        "kill postgres": 4,
        "restart postgres": 2,
        "pause api": 3,
        "pause worker": 5,
        "pause gateway": 1,
        "cut": 14,
        "refuse": 6,
        "stall": 8,
        "delay": 8,
        "garbage": 3,
        "poison": 5,
        "republish": 2,
        "rebuild": 2,
        "roll": 1,
    }
)
"""How often each kind comes, of about a hundred."""

PACE: Final = 1.3
"""Seconds from one fault to the next, on average. Faults last longer: they overlap."""

SESSION = 10.0
"""Seconds after which a silent consumer loses its partitions."""

_TARGETS: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "kill api": APIS,
        "kill worker": WORKERS,
        "kill gateway": GATEWAYS,
        "kill kafka": ("kafka",),
        "kill postgres": ("postgres",),
        "restart postgres": ("postgres",),
        "pause api": APIS,
        "pause worker": WORKERS,
        "pause gateway": GATEWAYS,
        "cut": (*TO_HTTP, *["kafka"] * 4, *TO_POSTGRES),
        "refuse": (*TO_HTTP, *["kafka"] * 4, *TO_POSTGRES),
        "stall": (*TO_HTTP, *["kafka"] * 4, *TO_POSTGRES),
        "delay": (*TO_HTTP, *["kafka"] * 4, *TO_POSTGRES),
        "garbage": tuple(f"{service}.events" for service in SERVICES),
        "poison": tuple(f"{service}.events" for service in SERVICES),
        "republish": SERVICES,
        "rebuild": REBUILDS,
        "roll": ("everything",),
    }
)
_SECONDS: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "kill": (0.0, 1.5),
        "restart": (0.0, 1.5),
        "pause": (SESSION + 1.0, SESSION + 4.0),
        "cut": (0.0, 0.0),
        "refuse": (0.3, 4.0),
        "stall": (0.5, 7.0),
        "delay": (1.0, 5.0),
        "garbage": (0.0, 0.0),
        "poison": (0.5, 6.0),
        "republish": (0.0, 0.0),
        "rebuild": (0.0, 0.0),
        "roll": (0.0, 0.0),
    }
)


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong: after a pause since the last, to a target, for some seconds."""

    number: int
    kind: str
    target: str
    seconds: float
    pause: float


def plan(seed: int, kills: int, weights: Weights = KINDS, pace: float = PACE) -> list[Fault]:
    """The faults of a run, in their order."""
    chance = random.Random(seed)  # noqa: S311  # the same for the same seed: that is what it is for
    return [_fault(number, chance, weights, pace) for number in range(1, kills + 1)]


def roll(number: int) -> Fault:
    """A rolling restart of everything."""
    return Fault(number, "roll", "everything", 0.0, PACE)


def _fault(number: int, chance: random.Random, weights: Weights, pace: float) -> Fault:
    (kind,) = chance.choices(list(weights), list(weights.values()))
    target = chance.choice(_TARGETS[kind])
    seconds = chance.uniform(*_SECONDS[kind.partition(" ")[0]])
    return Fault(number, kind, target, round(seconds, 2), round(chance.uniform(0.4, 1.6) * pace, 2))
