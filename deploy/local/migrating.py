"""`python -m deploy.local.migrating`: every service's database to the head of its migrations.

The addresses come from the environment, as they do for every process of the stack.
"""

import os
import sys
from importlib import import_module

from deploy.local.problems import StackProblem
from deploy.local.stack import SERVICES
from services.kit import migrations
from services.kit.app import Service


def migrate_all() -> dict[str, str]:
    """Migrate each service; returns its name and the version it is at."""
    return {name: _migrate(name) for name in SERVICES}


def _migrate(name: str) -> str:
    service: Service = import_module(f"services.{name}.main").SERVICE
    try:
        return migrations.upgrade(service, os.environ[f"{name.upper()}_DATABASE_URL"])
    except migrations.ServerTooOld as error:
        raise StackProblem(str(error)) from error


def _main() -> None:
    try:
        for name, version in migrate_all().items():
            sys.stdout.write(f"{name}: at {version}\n")
    except StackProblem as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    _main()
