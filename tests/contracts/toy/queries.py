"""What rivals are, how they are listed, what their past is, what a delete means for them."""

from services.kit.access import Sight
from services.kit.aggregates import Aggregate
from services.kit.dependants import Deletable
from services.kit.filters import IDENTIFIER, TEXT, Filter, plain
from services.kit.grammar import Listing, Pair
from services.kit.past import Past
from services.kit.rows import STAMPS
from tests.contracts.toy.tables import Rival

RIVAL = Aggregate("rival", "rivals", Rival, ("id", "name", "owner_id", "external_ids", "version", *STAMPS))
SIGHT = Sight(owner="r.owner_id")
RIVALS = Listing(
    aggregate=RIVAL,
    relation="rival",
    sight=SIGHT,
    filters={"owner_id": Filter("r.owner_id", IDENTIFIER, selective=True), "name": Filter("r.name", TEXT)},
    sorts={"name": plain("r.name", "text")},
    default_sort="name",
    pairs={"owner_id": Pair(("name", "-name"))},
)
PAST = Past(RIVAL, SIGHT.visible)
DELETABLE = Deletable(RIVAL)
