"""The tables as migrations make them and as models describe them are the same."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.kit.migrations import config_of, engine_of, head, ours, upgrade
from services.opportunities.main import SERVICE
from tests.conftest import DatabaseUrl


def test_models_and_migrations_agree(database_url: DatabaseUrl) -> None:
    url = database_url("opportunities")
    assert upgrade(SERVICE, url) == head(SERVICE)
    command.check(config_of(SERVICE, url))
    engine = engine_of(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": ours})
        assert compare_metadata(context, SERVICE.metadata) == []
    engine.dispose()
