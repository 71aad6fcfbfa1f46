"""The profiles by which files of activities are read.

The sample has no such file; this one goes with it, its accounts and sellers named as the sample names them.
"""

from services.activities.copies import ACCOUNTS, MEMBERS
from services.activities.engagements.domain import LONGEST_MINUTES, ActivityStatus, ActivityType
from services.activities.engagements.queries import ACTIVITY
from services.kit.cells import code, past_instant, whole, words
from services.kit.profiles import Column, Import, Profile, Reference, Walk, of

MAVEN_CRM = Profile(
    name="maven-crm",
    columns={
        "activity_id": Column(words(200), required=True),
        "sales_agent": Column(words(200), required=True),
        "account": Column(words(200)),
        "type": Column(code({kind.value: kind for kind in ActivityType}), required=True),
        "started_at": Column(past_instant, required=True),
        "minutes": Column(whole(1, LONGEST_MINUTES)),
        "two_way": Column(code({"true": True, "false": False}), required=True),
        "subject": Column(words(500), required=True),
    },
    walks=(
        Walk(
            identity="activity_id",
            # What a file tells has been done.
            born={"status": ActivityStatus.DONE, "our_attendees": [], "contact_ids": []},
            fields={
                "type": of("type"),
                "started_at": of("started_at"),
                "minutes": of("minutes"),
                "two_way": of("two_way"),
                "subject": of("subject"),
            },
            references={
                "owner_id": Reference("sales_agent", "member", MEMBERS.by_external_id),
                "account_id": Reference("account", "account", ACCOUNTS.by_external_id),
            },
            partition="account_id",
        ),
    ),
)

IMPORT = Import("activities", ACTIVITY, (MAVEN_CRM,))
