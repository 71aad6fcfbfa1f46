"""Who may import whom: the contracts of pyproject.toml hold, and each of them fails on an import that breaks it."""

import subprocess
import sys
import tomllib
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("services", "gateway", "deploy")

# An import that breaks each contract: the module that gets it, and the module that it names.
PLANTED = {
    "The kit imports nothing of ours": ("services/kit/ids.py", "services.contacts.accounts.domain"),
    "No service imports another": ("services/activities/copies.py", "services.contacts.accounts.queries"),
    "Nobody in the house imports the laptop stack": ("gateway/upstreams.py", "deploy.local.home"),
    "The gateway imports only the kit": ("gateway/views/account.py", "services.contacts.events"),
    "Rules are pure: no framework, no database, no network": (
        "services/activities/timelogs/domain.py",
        "psycopg",
    ),
    "Rooms of a folder: routes, service, queries, then schemas, tables and rules": (
        "services/contacts/people/queries.py",
        "services.contacts.people.service",
    ),
    "Routes reach tables and rules through use cases and queries alone": (
        "services/activities/timelogs/routes.py",
        "services.activities.timelogs.tables",
    ),
    "Handlers go in by use cases and queries, as routes do": (
        "services/contacts/handlers.py",
        "services.contacts.people.tables",
    ),
    "Use cases and queries know nothing of HTTP": ("services/contacts/accounts/service.py", "fastapi"),
    "Nobody of a service imports its composition": (
        "services/opportunities/pipeline/queries.py",
        "services.opportunities.main",
    ),
    "Folders of a service call each other in one direction": (
        "services/contacts/accounts/queries.py",
        "services.contacts.people.tables",
    ),
}


def linted(root: Path) -> str:
    """What import-linter says of the packages under a folder."""
    program = Path(sys.executable).with_name("lint-imports")
    ended = subprocess.run(
        [program, "--no-cache", "--no-logo", "--config", ROOT / "pyproject.toml"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Contracts:" in ended.stdout, ended.stdout + ended.stderr
    return ended.stdout


def contracts() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is said of a copy of the house in which every contract is broken once."""
    copy = tmp_path_factory.mktemp("house")
    for package in PACKAGES:
        copytree(ROOT / package, copy / package, ignore=ignore_patterns("__pycache__", "*.csv", "*.lock"))
    for path, imported in PLANTED.values():
        module = copy / path
        module.write_text(module.read_text(encoding="utf-8") + f"\nimport {imported}\n", encoding="utf-8")
    return linted(copy)


def test_the_contracts_are_kept() -> None:
    said = linted(ROOT)
    assert [name for name in contracts() if f"{name} KEPT" not in said] == [], said


@pytest.mark.parametrize("name", contracts())
def test_each_contract_fails_on_an_import_that_breaks_it(name: str, broken: str) -> None:
    assert name in PLANTED, "plant an import that breaks the new contract"
    assert f"{name} BROKEN" in broken, broken
