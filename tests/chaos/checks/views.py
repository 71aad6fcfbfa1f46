"""The gateway's views of accounts are whole, and say what the services' own answers say."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import httpx

from deploy.local.stack import SERVICES
from tests.chaos.finding import Finding

MOST: Final = 150
"""Accounts that are looked at, in a big house."""

_OF_THE_GATEWAY = frozenset({"missing", "as_of"})


def check(
    client: httpx.Client, bases: Mapping[str, str], tokens: Sequence[str], accounts: Sequence[str]
) -> Iterator[Finding]:
    """Looks at the views of some accounts through the eyes of each token's holder.

    `bases` are the addresses of the services by name, and that of the gateway as `door`.
    """
    chosen = random.Random(len(accounts)).sample(accounts, min(MOST, len(accounts)))  # noqa: S311
    for number, account in enumerate(chosen):
        yield from _view(client, bases, tokens[number % len(tokens)], account)


def _view(client: httpx.Client, bases: Mapping[str, str], token: str, account: str) -> Iterator[Finding]:
    door = _get(client, bases["door"], token, account)
    own = [_get(client, bases[service], token, account) for service in SERVICES]
    if door.status_code == 404 and all(answer.status_code == 404 for answer in own):
        return
    if door.status_code != 200 or any(answer.status_code != 200 for answer in own):
        told = ", ".join(str(answer.status_code) for answer in own)
        yield Finding(
            "views", f"the view answers {door.status_code} where the services say {told}", (account,)
        )
        return
    view: dict[str, Any] = door.json()
    joined = {name: value for answer in own for name, value in answer.json().items()}
    if view["missing"]:
        yield Finding("views", f"the view lacks {view['missing']}", (account,))
    elif {name: value for name, value in view.items() if name not in _OF_THE_GATEWAY} != joined:
        yield Finding("views", "the view is not what the services say", (account,))


def _get(client: httpx.Client, base: str, token: str, account: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return client.get(f"{base}/v1/accounts/{account}/view", headers=headers)
