"""What a program reads off the names of its migrations is the history that Alembic makes of them."""

import pytest
from alembic.script import ScriptDirectory

from services.activities.main import SERVICE as ACTIVITIES
from services.contacts.main import SERVICE as CONTACTS
from services.kit import versions
from services.kit.descriptor import Service
from services.opportunities.main import SERVICE as OPPORTUNITIES


@pytest.mark.parametrize("service", [CONTACTS, OPPORTUNITIES, ACTIVITIES], ids=lambda service: service.name)
def test_migrations_are_named_by_the_history_that_they_make(service: Service) -> None:
    walked = ScriptDirectory(str(service.migrations)).walk_revisions()
    assert versions.history(service) == tuple(revision.revision for revision in walked)
