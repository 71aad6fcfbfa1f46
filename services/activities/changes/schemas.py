"""The feed of changes as it is answered."""

from services.activities.engagements.schemas import ActivityRead
from services.activities.timelogs.schemas import TimeLogRead
from services.kit.changes import Change
from services.kit.fields import Read


class ChangeRead(Change):
    """A change of activities and time logs."""

    data: ActivityRead | TimeLogRead | None


class ChangeList(Read):
    """What has changed since the token; `next` is the token to go on from, at once where there is `more`."""

    items: list[ChangeRead]
    next: str
    more: bool
