"""The account view: one object made of three services' objects, followed by what only the composer knows.

That is which parts are missing, why, and as of when.
"""

from datetime import datetime
from typing import Final

from gateway.views.parts import Given, Parts, missing

# Each key is there even when its part is not.
PARTS: Final = Parts(
    {
        "contacts": ("account", "standing", "people"),
        "opportunities": ("deals", "totals"),
        "activities": ("activities", "minutes", "last_touch"),
    }
)


def said(parts: Given) -> bytes:
    """What the view says apart from its moment: the same bytes as long as nothing that it shows has changed.

    An object is one that PARTS holds.
    """
    listed = ",".join(f'{{"part":"{each.part}","reason":"{each.reason}"}}' for each in missing(parts))
    return b",".join([*PARTS.said(parts), f'"missing":[{listed}]'.encode()])


def dated(text: bytes, as_of: datetime) -> bytes:
    """The view as JSON bytes: what it says, and its moment."""
    moment = as_of.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return b'{%b,"as_of":"%b"}' % (text, moment.encode())
