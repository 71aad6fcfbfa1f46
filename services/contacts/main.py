"""The composition of contacts: one descriptor, from which its processes are made."""

from pathlib import Path

from services.contacts.accounts.imports import IMPORT as ACCOUNTS
from services.contacts.accounts.queries import ACCOUNT
from services.contacts.accounts.routes import routes as accounts
from services.contacts.changes.routes import routes as changes
from services.contacts.events import PUBLIC
from services.contacts.handlers import HANDLERS
from services.contacts.members.imports import IMPORT as MEMBERS
from services.contacts.members.queries import MEMBER
from services.contacts.members.routes import routes as members
from services.contacts.overview.routes import routes as overview
from services.contacts.people.queries import CONTACT, LINK
from services.contacts.people.routes import routes as people
from services.contacts.removal import routes as removal
from services.contacts.removal.queries import DELETABLES
from services.contacts.standings.queries import STANDING
from services.contacts.tables import Base
from services.kit import catalog
from services.kit.descriptor import Service
from services.kit.run import run
from services.kit.words import KIT_WORDS

SERVICE = Service(
    name="contacts",
    title="Foothold contacts",
    description="Our members, the accounts we sell to, the people there and how they are linked.",
    routers=(
        overview,
        members,
        accounts,
        people,
        changes,
        removal.members,
        removal.accounts,
        removal.contacts,
        catalog.routes,
    ),
    metadata=Base.metadata,
    migrations=Path(__file__).parent / "migrations",
    aggregates=(MEMBER, ACCOUNT, STANDING, CONTACT, LINK),
    public=PUBLIC,
    handlers=HANDLERS,
    consumes=("opportunities",),
    imports=(MEMBERS, ACCOUNTS),
    words=KIT_WORDS.and_those_in(Path(__file__).with_name("words.toml")),
    deletables=DELETABLES,
)

if __name__ == "__main__":
    run(SERVICE)
