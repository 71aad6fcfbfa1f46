"""Alembic's entry for the toy."""

from alembic import context

from services.kit.migrations import run

run(context.config, context.config.attributes["metadata"])
