"""The composition of the toy."""

from pathlib import Path

from services.kit.descriptor import Service
from services.kit.words import KIT_WORDS
from tests.contracts.toy.queries import RIVAL
from tests.contracts.toy.routes import routes as rivals
from tests.contracts.toyshop.changes import routes as changes
from tests.contracts.toyshop.tables import Base

SERVICE = Service(
    name="toy",
    title="Toy",
    description="Whom we compete with.",
    routers=(rivals, changes),
    metadata=Base.metadata,
    migrations=Path(__file__).parent / "migrations",
    aggregates=(RIVAL,),
    public=(),
    words=KIT_WORDS,
)
