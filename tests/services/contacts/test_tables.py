"""The tables as migrations make them and as models describe them are the same."""

from alembic import command

from services.contacts.main import SERVICE
from services.kit.migrations import config_of, head, upgrade
from tests.conftest import DatabaseUrl


def test_models_and_migrations_agree(database_url: DatabaseUrl) -> None:
    url = database_url("contacts")
    assert upgrade(SERVICE, url) == head(SERVICE)
    command.check(config_of(SERVICE, url))
    assert upgrade(SERVICE, url) == head(SERVICE)
