"""The feed of changes as it is answered."""

from services.kit.changes import Change
from services.kit.fields import Read
from services.opportunities.pipeline.schemas import OpportunityRead
from services.opportunities.products.schemas import ProductRead
from services.opportunities.stakeholders.schemas import StakeholderRead


class ChangeRead(Change):
    """A change of products, deals and the people on their maps."""

    data: ProductRead | OpportunityRead | StakeholderRead | None


class ChangeList(Read):
    """What has changed since the token; `next` is the token to go on from, at once where there is `more`."""

    items: list[ChangeRead]
    next: str
    more: bool
