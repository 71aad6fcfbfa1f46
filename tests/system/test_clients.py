"""The clients that are made from the gateway's document: compiled as a whole, and used as their readers would."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.local import clients, node
from deploy.local.stack import ROOT
from tests.stack import RunningStack, eventually, on_the_stack
from tests.system.test_platform import SELLER

pytestmark = on_the_stack

USE = Path(__file__).parent / "clients"
STANDARD = {
    "typeCheckingMode": "standard",
    "reportUnnecessaryTypeIgnoreComment": "error",
    "pythonVersion": "3.11",
    "venvPath": str(ROOT),
    "venv": ".venv",
}
STRICT = {
    "compilerOptions": {
        "strict": True,
        "noUncheckedIndexedAccess": True,
        "exactOptionalPropertyTypes": True,
        "verbatimModuleSyntax": True,
        "erasableSyntaxOnly": True,
        "allowImportingTsExtensions": True,
        "noEmit": True,
        "target": "ES2023",
        "module": "NodeNext",
        "lib": ["ES2023", "DOM"],
        "types": [],
    },
    "files": ["use.ts"],
}


@pytest.fixture(scope="module")
def made(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both clients are, made from what the running gateway tells of itself."""
    folder = tmp_path_factory.mktemp("clients")
    (folder / "openapi.json").write_text(json.dumps(eventually(lambda: whole(stack))))
    clients.generate(folder / "openapi.json", folder / "made")
    return folder / "made"


def whole(stack: RunningStack) -> Any:
    """The document, once every service is in it: on a busy machine one may be late."""
    document = stack.get(SELLER, "/openapi.json")
    return None if document.get("x-missing") else document


def run(*command: str, **environment: str) -> None:
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_python_client_is_typed_and_works(stack: RunningStack, made: Path) -> None:
    shutil.copy(USE / "use.py", made / "python")
    (made / "python" / "pyrightconfig.json").write_text(json.dumps({"include": ["."], **STANDARD}))
    run(sys.executable, "-m", "basedpyright", "--project", str(made / "python"))
    run(sys.executable, str(made / "python" / "use.py"), stack.url(), stack.token(SELLER))


def test_the_typescript_client_is_typed_and_works(stack: RunningStack, made: Path) -> None:
    folder = made / "typescript"
    shutil.copy(USE / "use.ts", folder)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(clients.TOOLS / "node_modules")
    (folder / "tsconfig.json").write_text(json.dumps(STRICT))
    node.run(clients.TOOLS, "node_modules/typescript/bin/tsc", ("--project", str(folder)))
    node.run(clients.TOOLS, str(folder / "use.ts"), (stack.url(), stack.token(SELLER)))
