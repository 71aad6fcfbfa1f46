"""What a forked process becomes: an api or a worker of a service, the gateway, the issuer, or the proxies.

It does what its module does when it is started as a program; only the services' handlers are counted (see `ledger`).
"""

import os
import sys
from collections.abc import Sequence

from deploy.local import issuer
from deploy.local.stack import SERVICES, service_of
from gateway import main as gateway
from services.kit.run import run
from tests.chaos import proxies, sabotage
from tests.chaos.ledger import counted

Role = Sequence[str]
"""A name, and for `api` and `worker` the service's."""


def learn() -> None:
    """Imports what any role needs, so that whoever is forked afterwards has it already."""
    for service in SERVICES:
        service_of(service)


def play(role: Role, mistake: str | None) -> None:
    """Does the role until it is told to end, with a planted mistake if one is named."""
    name, *arguments = role
    match name:
        case "api" | "worker":
            sys.argv = [f"services.{arguments[0]}.main", name]
            if mistake is not None:
                sabotage.plant(mistake, name)
            run(counted(service_of(arguments[0])))
        case "gateway":
            gateway.main()
        case "issuer":
            issuer.main()
        case "proxies":
            proxies.main(os.environ)
        case _:
            raise ValueError(f"nobody knows the role {name}")
