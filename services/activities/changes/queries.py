"""Of what the feed tells, and who hears it."""

from services.activities.engagements.queries import ACTIVITY
from services.activities.engagements.queries import SIGHT as ACTIVITY_SIGHT
from services.activities.timelogs.queries import SIGHT as TIME_SIGHT
from services.activities.timelogs.queries import TIME_LOG
from services.kit.feeds import Feed, Followed

FEED = Feed(
    "activities",
    (
        Followed(ACTIVITY, ACTIVITY_SIGHT.visible, moves=("account_id", "owner_id")),
        Followed(TIME_LOG, TIME_SIGHT.visible, moves=("member_id",)),
    ),
)
