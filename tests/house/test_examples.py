"""Examples are for strangers to copy: they know the platform by its contract, and import nothing of it."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = {"services", "gateway", "deploy", "tests"}


def imported(text: str) -> Iterator[str]:
    """The packages from which a module imports, but for its own."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]
            case _:
                pass


def test_examples_import_nothing_of_ours() -> None:
    modules = {
        path: set(imported(path.read_text(encoding="utf-8"))) for path in ROOT.glob("examples/**/*.py")
    }
    assert len(modules) > 5
    assert {str(path): names & OURS for path, names in modules.items() if names & OURS} == {}


def test_import_of_ours_is_found_wherever_it_stands() -> None:
    text = (
        "from .states import KEPT\ndef late():\n    from services.kit import events\n    import deploy.jars\n"
    )
    assert set(imported(text)) & OURS == {"services", "deploy"}
