"""The layout of the house, as a function that says where a tree departs from it."""

import ast
from collections.abc import Iterator
from pathlib import Path

SERVICES = ("contacts", "opportunities", "activities")
TOP = {"services", "gateway", "deploy", "tests", "docs", "examples", "clients", "typings"}
# What each module of a folder is called after its role, and of a service beside its folders.
ROOMS = {"__init__", "routes", "schemas", "service", "domain", "queries", "tables", "imports"}
HALL = {"__init__", "main", "policy", "events", "handlers", "tables", "copies", "sight"}
# Names that say nothing: whatever is in such a module belongs to a business word.
EMPTY_WORDS = {
    "utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "data", "base", "core", "lib",
    "shared", "tools", "models", "types", "constants", "functions", "stuff", "process", "processor", "wrapper",
}  # fmt: skip
LONGEST = 400


def departures(root: Path) -> list[str]:
    """What is not where it belongs, or is not called as it should be: a sentence each."""
    return [*_services(root), *_modules(root)]


def _services(root: Path) -> Iterator[str]:
    for folder in _folders(root / "services"):
        if folder.name not in (*SERVICES, "kit"):
            yield f"services/{folder.name} is no service of the house"
    for service in SERVICES:
        hall = root / "services" / service
        if not (hall / "main.py").is_file():
            yield f"services/{service} has no main.py"
        for module in sorted(hall.glob("*.py")):
            if module.stem not in HALL:
                yield f"{module.relative_to(root)} belongs into a folder"
        for folder in _folders(hall):
            if folder.name != "migrations":
                yield from _rooms(root, folder)


def _rooms(root: Path, folder: Path) -> Iterator[str]:
    names = {module.stem for module in folder.glob("*.py")}
    said = folder.relative_to(root)
    if "__init__" not in names:
        yield f"{said} has no __init__.py that says what the word means"
    if "routes" in names and "schemas" not in names:
        yield f"{said} has routes without schemas"
    if "service" in names and "queries" not in names:
        yield f"{said} has a service without queries"
    for name in sorted(names - ROOMS):
        if "domain" not in names and "service" not in names:
            yield f"{said}/{name}.py is no room: a folder splits its rules or use cases, and has none"
    for module in sorted(folder.glob("*.py")):
        if module.read_text(encoding="utf-8").count("\n") > LONGEST:
            yield f"{said}/{module.name} has more than {LONGEST} lines: split it by a business word"
    for inner in _folders(folder):
        yield f"{said}/{inner.name} is a folder in a folder"


def _modules(root: Path) -> Iterator[str]:
    for package in ("services", "gateway", "deploy", "examples"):
        for module in sorted((root / package).rglob("*.py")):
            said = module.relative_to(root)
            if "migrations" in said.parts:
                continue
            if EMPTY_WORDS & {*said.with_suffix("").parts[1:], *said.stem.split("_")}:
                yield f"{said} is named after nothing"
            text = module.read_text(encoding="utf-8")
            yield from _empty(str(said), text)


def _empty(said: str, text: str) -> Iterator[str]:
    tree = ast.parse(text)
    if text and ast.get_docstring(tree) is None:
        yield f"{said} does not say what it is"
    if not said.endswith("__init__.py") and len(tree.body) < 2:
        yield f"{said} is empty"


def _folders(parent: Path) -> list[Path]:
    return sorted(
        path
        for path in parent.iterdir()
        if path.is_dir() and path.name != "__pycache__" and any(path.rglob("*.py"))
    )
