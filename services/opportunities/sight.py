"""Who sees a deal, and who sees what people think of it."""

from typing import LiteralString

from services.kit.access import Sight, as_teammate
from services.kit.identity import Viewer
from services.kit.past import Names

DEAL_SIGHT = Sight(account="r.account_id", owner="r.owner_id", hanging=True)
ACCOUNT_SIGHT = Sight(account="r.id")
CONTACT_SIGHT = Sight(account="r.account_id")
NAMES = (
    Names("member"),
    Names("account", ACCOUNT_SIGHT),
    Names("contact", CONTACT_SIGHT),
    Names("opportunity", DEAL_SIGHT),
    Names("product"),
)


def stances(viewer: Viewer) -> LiteralString:
    """Whether the viewer may know who stands where: SQL over the deal `r`.

    The account team, the managers above it, and administrators; not those who see every deal for their role's sake.
    """
    return DEAL_SIGHT.visible(as_teammate(viewer))
