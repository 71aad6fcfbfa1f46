"""What all services say of one person, as one object made of theirs: what is held, and what is left after an erasure.

Whoever asks for either answers to that person, so nothing stands for a part that nobody could read.
"""

from typing import Final

from gateway.views.parts import Given, Parts

HELD: Final = Parts(
    {
        "contacts": ("contact", "links", "journal_entries", "mentions_in_contacts"),
        "opportunities": ("known_to_opportunities", "stakeholders", "mentions_in_opportunities"),
        "activities": ("known_to_activities", "activity_ids", "mentions_in_activities"),
    }
)
ERASED: Final = Parts(
    {
        "contacts": (
            "contact_id", "account_id", "erased_at", "reason", "topics_clean_at",
            "mentions_in_contacts", "more_in_contacts",
        ),
        "opportunities": ("mentions_in_opportunities", "more_in_opportunities"),
        "activities": ("mentions_in_activities", "more_in_activities"),
    }
)  # fmt: skip


def whole(parts: Parts, given: Given) -> bytes:
    """The object as JSON bytes; of a part that has nothing to say yet its keys are null."""
    return b"{%b}" % b",".join(parts.said(given))
