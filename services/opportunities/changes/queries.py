"""Of what the feed tells, and who hears it."""

from services.kit.feeds import Feed, Followed
from services.opportunities.pipeline.queries import OPPORTUNITY
from services.opportunities.products.queries import PRODUCT
from services.opportunities.sight import DEAL_SIGHT, stances
from services.opportunities.stakeholders.queries import STAKEHOLDER

FEED = Feed(
    "opportunities",
    (
        Followed(PRODUCT),
        Followed(OPPORTUNITY, DEAL_SIGHT.visible, moves=("account_id", "owner_id")),
        # Seen by whoever may know the stances of the deal `r`.
        Followed(
            STAKEHOLDER,
            stances,
            source="stakeholder s JOIN opportunity r ON r.id = s.opportunity_id AND r.deleted_at IS NULL",
            row="s",
        ),
    ),
)
