"""What is looked at before anything starts, so that a refusal is one sentence and nothing is half done."""

from collections.abc import Mapping

from deploy.local import launch
from deploy.local.postgres import require_version
from deploy.local.problems import StackProblem
from deploy.local.stack import Stack


def look(stack: Stack) -> None:
    """Refuse what cannot work: a production environment, busy ports, a PostgreSQL that is too old."""
    refuse_production(stack.environment)
    refuse_busy_ports(stack.ports(), stack.base_port)
    for setting, url in stack.foreign_databases().items():
        require_version(url, setting)


def refuse_production(environment: Mapping[str, str]) -> None:
    """The laptop stack makes tokens for whoever asks: it is nothing for production."""
    if environment.get("FOOTHOLD_ENVIRONMENT") == "production":
        raise StackProblem(
            "FOOTHOLD_ENVIRONMENT=production: `foothold up` is the laptop stack, whose issuer gives a token to"
            " whoever asks; unset it here."
        )


def refuse_busy_ports(ports: Mapping[str, int], base_port: int) -> None:
    """Name the first port that somebody else listens on, and what to set instead."""
    for name, port in ports.items():
        if not launch.bindable(port):
            raise StackProblem(
                f"Port {port}, which {name} needs, is taken by another program; end that, or move this stack:"
                f" FOOTHOLD_PORT={_another(base_port)}."
            )


def _another(base_port: int) -> int:
    return base_port + 100 if base_port < 60_000 else 8000
