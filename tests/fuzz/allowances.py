"""Where schemathesis would judge by less than there is to know, or would not get past the door. It loads this by name.

Its configuration, and with it the checks that are switched off, is `schemathesis.toml`.
"""

from collections.abc import Callable, MutableMapping
from typing import Any, TypeVar, cast
from uuid import uuid4

import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.generation.meta import (
    CoveragePhaseData,
    CoverageScenario,
    FuzzingPhaseData,
    StatefulPhaseData,
)
from schemathesis.openapi.checks import RejectedPositiveData

F = TypeVar("F", bound=Callable[..., object])


def hook(function: F) -> F:
    """Has schemathesis call the function at the point that its name says."""
    return cast("F", schemathesis.hook(function))  # pyright: ignore[reportUnknownMemberType]


MOST_FILTERS = 5
_CONTROLS = frozenset(("limit", "sort", "fields", "count", "q", "cursor"))

SAYABLE = frozenset(
    ("bool_type", "dict_type", "enum", "extra_forbidden", "greater_than", "greater_than_equal", "less_than",
     "less_than_equal", "list_type", "literal_error", "missing", "model_type", "range", "string_pattern_mismatch",
     "string_too_long", "string_too_short", "string_type", "too_long", "too_short", "unknown_parameter",
     "uuid_parsing", "uuid_type", "value")
)  # fmt: skip
"""Codes of errors that a schema could have told of: good data must not meet them.

Not `int_type`, for JSON Schema takes 1.0 for an integer, and here it is a wrong type.
"""

ADDRESS = frozenset(("path_malformed", "too_many_parameters", "uri_too_long"))
"""Refusals of an address as a whole, which OpenAPI has no words for: what is printable no pattern says either."""


@hook
def before_load_schema(context: HookContext, raw_schema: dict[str, Any]) -> None:
    """Takes "any other refusal" out of every operation: what it answers has to be told by status."""
    for item in raw_schema["paths"].values():
        for operation in item.values():
            operation["responses"].pop("default", None)


@hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Gives each request an idempotency key of its own, and a list no more filters than it takes."""
    if _is_of(CoverageScenario.MISSING_PARAMETER, case):
        return  # What is changed is judged anew, and one without its token would be found good and given it again.
    headers = cast("MutableMapping[str, object]", case.headers)
    key = headers.get("Idempotency-Key")
    if isinstance(key, str) and 0 < len(key) < 256 and key.isascii() and key.isprintable():
        headers["Idempotency-Key"] = str(uuid4())
    filters = [name for name in case.query if name not in _CONTROLS]
    if len(filters) <= MOST_FILTERS:
        return
    tested = _tested(case)
    for name in sorted(filters, key=lambda name: name not in tested)[MOST_FILTERS:]:
        del case.query[name]
    if "cursor" not in tested:
        case.query.pop("cursor", None)


@hook
def filter_failure(context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Whether what schemathesis found wrong is wrong."""
    if response.status_code not in (400, 414, 422):
        return True
    told = response.json()
    if told["code"] in ADDRESS:
        return False
    if isinstance(failure, RejectedPositiveData) and response.status_code == 422:
        return any(error["code"] in SAYABLE for error in told["errors"])
    return True


def _is_of(scenario: CoverageScenario, case: Case[Any]) -> bool:
    phase = case.meta.phase.data if case.meta else None
    return isinstance(phase, CoveragePhaseData) and phase.scenario is scenario


def _tested(case: Case[Any]) -> frozenset[str | None]:
    """The parameters for whose sake the request is made, where there are such."""
    phase = case.meta.phase.data if case.meta else None
    if isinstance(phase, CoveragePhaseData | FuzzingPhaseData | StatefulPhaseData):
        return frozenset((phase.parameter, *(mutation.parameter for mutation in phase.mutations)))
    return frozenset()
