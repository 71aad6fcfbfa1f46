"""The migrations make what the models say."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.activities.main import SERVICE
from services.kit import migrations
from tests.apis import prepared
from tests.conftest import DatabaseUrl


def test_models_and_migrations_agree(database_url: DatabaseUrl) -> None:
    engine = migrations.engine_of(database_url("activities", prepared(SERVICE)))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": migrations.ours})
        assert compare_metadata(context, SERVICE.metadata) == []
    engine.dispose()


def test_every_table_has_what_a_row_of_its_kind_has() -> None:
    copies = {"member", "account", "contact", "opportunity"}
    for name, table in SERVICE.metadata.tables.items():
        wanted = {"id", "version", "deleted_at"}
        if name not in copies:
            wanted |= {"partition_key", "created_at", "created_by", "updated_at", "updated_by"}
        assert wanted <= set(table.columns.keys()), name
