"""The composition of opportunities: one descriptor, from which its processes are made."""

import sys
from pathlib import Path

from services.kit import catalog
from services.kit.descriptor import Service
from services.kit.run import run
from services.kit.settings import Settings
from services.kit.words import KIT_WORDS
from services.opportunities.changes.routes import routes as changes
from services.opportunities.events import PUBLIC
from services.opportunities.handlers import HANDLERS
from services.opportunities.overview.routes import routes as overview
from services.opportunities.pipeline.imports import IMPORT as OPPORTUNITIES
from services.opportunities.pipeline.queries import OPPORTUNITY
from services.opportunities.pipeline.routes import routes as pipeline
from services.opportunities.policy import PolicyError, policy_of
from services.opportunities.products.imports import IMPORT as PRODUCTS
from services.opportunities.products.queries import PRODUCT
from services.opportunities.products.routes import routes as products
from services.opportunities.removal import routes as removal
from services.opportunities.removal.queries import DELETABLES
from services.opportunities.stakeholders.due import DueStandings
from services.opportunities.stakeholders.queries import STAKEHOLDER, STANDING
from services.opportunities.stakeholders.routes import routes as stakeholders
from services.opportunities.tables import Base

SERVICE = Service(
    name="opportunities",
    title="Foothold opportunities",
    description="Deals on their way through five stages, what each person thinks of each, and what that adds up to.",
    routers=(
        overview,
        pipeline,
        stakeholders,
        products,
        changes,
        catalog.routes,
        removal.deals,
        removal.products,
        removal.contacts,
    ),
    metadata=Base.metadata,
    migrations=Path(__file__).parent / "migrations",
    aggregates=(PRODUCT, OPPORTUNITY, STAKEHOLDER, STANDING),
    public=PUBLIC,
    handlers=HANDLERS,
    consumes=("contacts", "activities"),
    imports=(PRODUCTS, OPPORTUNITIES),
    parts=(DueStandings,),
    words=KIT_WORDS.and_those_in(Path(__file__).with_name("words.toml")),
    deletables=DELETABLES,
)

if __name__ == "__main__":
    try:
        policy_of(Settings().policy_file)
    except PolicyError as error:
        sys.exit(str(error))
    run(SERVICE)
