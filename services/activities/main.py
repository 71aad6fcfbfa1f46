"""The composition of activities: one descriptor, from which its processes are made."""

from pathlib import Path

from services.activities.changes.routes import routes as changes
from services.activities.engagements.imports import IMPORT as ACTIVITIES
from services.activities.engagements.queries import ACTIVITY
from services.activities.engagements.routes import routes as engagements
from services.activities.events import PUBLIC
from services.activities.handlers import HANDLERS
from services.activities.overview.routes import routes as overview
from services.activities.removal import routes as removal
from services.activities.removal.queries import DELETABLES
from services.activities.tables import Base
from services.activities.timelogs.queries import TIME_LOG
from services.activities.timelogs.routes import routes as timelogs
from services.kit import catalog
from services.kit.descriptor import Service
from services.kit.run import run
from services.kit.words import KIT_WORDS

SERVICE = Service(
    name="activities",
    title="Foothold activities",
    description="What we did with whom, and how long it took.",
    routers=(
        overview,
        engagements,
        timelogs,
        changes,
        catalog.routes,
        removal.activities,
        removal.time_logs,
        removal.contacts,
    ),
    metadata=Base.metadata,
    migrations=Path(__file__).parent / "migrations",
    aggregates=(ACTIVITY, TIME_LOG),
    public=PUBLIC,
    handlers=HANDLERS,
    consumes=("contacts", "opportunities"),
    imports=(ACTIVITIES,),
    words=KIT_WORDS.and_those_in(Path(__file__).with_name("words.toml")),
    deletables=DELETABLES,
)

if __name__ == "__main__":
    run(SERVICE)
