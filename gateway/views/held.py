"""What all services hold about a person, as one object made of theirs.

Whoever asks for it answers to that person, so it is whole or not given: nothing stands for a missing part.
"""

from collections.abc import Mapping
from typing import Final

from gateway.views.parts import Parts, stretch

PARTS: Final = Parts(
    {
        "contacts": ("contact", "links", "journal_entries", "mentions_in_contacts"),
        "opportunities": ("known_to_opportunities", "stakeholders", "mentions_in_opportunities"),
        "activities": ("known_to_activities", "activity_ids", "mentions_in_activities"),
    }
)


def whole(parts: Mapping[str, bytes]) -> bytes:
    """The object as JSON bytes. `parts` holds every part's object, held by PARTS."""
    return b"{%b}" % b",".join(stretch(parts[part]) for part in PARTS.keys)
