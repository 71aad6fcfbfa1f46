"""What the gateway makes of several services' answers is whole, and says what they say themselves."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import httpx

from tests.chaos.finding import Finding

MOST: Final = 150
"""Accounts, and people, that are looked at in a big house."""

_REFUSED = frozenset({403, 404})
_OF_THE_GATEWAY = frozenset({"missing", "as_of"})


def check(
    client: httpx.Client,
    bases: Mapping[str, str],
    tokens: Sequence[str],
    accounts: Sequence[str],
    people: Sequence[str],
) -> Iterator[Finding]:
    """Looks at the views of some accounts, and at what is held about some people, with the eyes of each token's holder.

    `bases` are the addresses of the services by name, and that of the gateway as `door`.
    """
    for ids, noun, form in ((accounts, "accounts", "view"), (people, "contacts", "personal-data")):
        chosen = random.Random(len(ids)).sample(ids, min(MOST, len(ids)))  # noqa: S311
        for number, id in enumerate(chosen):
            headers = {"Authorization": f"Bearer {tokens[number % len(tokens)]}"}
            answers = {
                name: client.get(f"{base}/v1/{noun}/{id}/{form}", headers=headers)
                for name, base in bases.items()
            }
            if wrong := _wrong(answers.pop("door"), list(answers.values())):
                yield Finding("views", f"the {form} {wrong}", (id,))


def _wrong(door: httpx.Response, own: Sequence[httpx.Response]) -> str | None:
    """What is wrong with the gateway's answer, beside those of the services."""
    told = {answer.status_code for answer in (door, *own)}
    if len(told) == 1 and told <= _REFUSED:
        return None
    if told != {200}:
        services = ", ".join(str(answer.status_code) for answer in own)
        return f"answers {door.status_code} where the services say {services}"
    whole: dict[str, Any] = door.json()
    joined = {name: value for answer in own for name, value in answer.json().items()}
    if whole.get("missing"):
        return f"lacks {whole['missing']}"
    if {name: value for name, value in whole.items() if name not in _OF_THE_GATEWAY} != joined:
        return "is not what the services say"
    return None
