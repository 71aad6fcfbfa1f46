"""The committed schemas are those that the code declares, and a difference is told."""

import json
from pathlib import Path

from deploy.local.schemas import DIRECTORY, declared
from services.kit.contract import differing_schemas, write_schemas


def test_the_committed_schemas_are_what_the_services_declare() -> None:
    differing = differing_schemas(DIRECTORY, declared())
    assert not differing, "make schemas, and commit what has changed"


def test_a_planted_difference_is_told(tmp_path: Path) -> None:
    write_schemas(tmp_path, declared())
    assert differing_schemas(tmp_path, declared()) == []
    planted = tmp_path / "account.v1.json"
    schema = json.loads(planted.read_bytes())
    del schema["properties"]["owner_id"]
    planted.write_text(json.dumps(schema))
    (tmp_path / "contact.created.v1.json").unlink()
    (tmp_path / "contact.promoted.v1.json").write_text("{}")
    assert differing_schemas(tmp_path, declared()) == [
        "account.v1.json",
        "contact.created.v1.json",
        "contact.promoted.v1.json",
    ]
