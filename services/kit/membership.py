"""Which member an identity is: found by the issuer's subject that the member is bound to, or by verified mail address.

A member who is bound is found by the subject alone: whoever is given the mail address afterwards is somebody else.
Who was deleted is found as one who is not active, where nobody else answers to the same, until the term is over after
which the row is purged.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import LiteralString, NamedTuple, TypeAlias
from uuid import UUID

from services.kit.db import Database
from services.kit.problems import database_silent
from services.kit.remembered import Clock, Remembered

# Seconds. What changes about a member shows everywhere within one; the news of it travels for some tenths.
MEMBER_FOR = 0.5
ASKED_FOR = 5.0
MAX_REMEMBERED = 10_000


class Membership(NamedTuple):
    """A member, and whether the member is active."""

    member_id: UUID
    active: bool


MemberOf: TypeAlias = Callable[[str, str | None], Awaitable[Membership | None]]
"""Finds the member by subject and verified mail address (in lower case, if any)."""

# The term counts, not the purge: a copy outlives that, and is not told of it where it was missed and swept.
_FOUND: LiteralString = """
SELECT m.id, m.active AND m.deleted_at IS NULL AS present, m.subject IS NOT NULL AS bound FROM member m
WHERE (m.subject = %(subject)s OR m.subject IS NULL AND lower(m.email) = %(email)s::text)
  AND to_jsonb(m) -> 'erased' IS DISTINCT FROM 'true'
  AND (m.deleted_at IS NULL OR %(days)s::integer = 0
       OR m.deleted_at >= now() - make_interval(days => %(days)s::integer))
ORDER BY m.deleted_at IS NOT NULL, bound DESC, present DESC LIMIT 2"""


def member_lookup(db: Database, deleted_days: int) -> MemberOf:
    """Finds members in the service's table; an address of two active members names neither.

    Who was deleted so many days ago is nobody; 0: never.
    """

    async def member_of(subject: str, email: str | None) -> Membership | None:
        async with db.connect() as session:
            cursor = await session.execute(_FOUND, {"subject": subject, "email": email, "days": deleted_days})
            rows = await cursor.fetchall()
        if len(rows) == 2 and rows[0][1:] == rows[1][1:] and rows[0][1]:
            return None
        return Membership(rows[0][0], rows[0][1]) if rows else None

    return member_of


Identity: TypeAlias = tuple[str, str | None]


class Members:
    """Who is which member, remembered for `MEMBER_FOR`."""

    def __init__(self, member_of: MemberOf, clock: Clock) -> None:
        self._member_of, self._clock = member_of, clock
        self._known = Remembered[Identity, tuple[Membership | None]](MAX_REMEMBERED, clock)
        self._asking: dict[Identity, asyncio.Task[Membership | None]] = {}

    async def find(self, subject: str, email: str | None) -> Membership | None:
        """The member whom the subject, or else the address, names.

        Raises Unavailable when the database has not told within `ASKED_FOR`, and what asking raises.
        """
        known = self._known.get((subject, email))
        return known[0] if known is not None else await self._asked((subject, email))

    async def _asked(self, identity: Identity) -> Membership | None:
        """One lookup for all who ask at once; whoever of them leaves does not take it away from the others."""
        asking = self._asking.get(identity)
        if asking is None:
            asking = self._asking[identity] = asyncio.create_task(self._ask(identity), name="member")
            asking.add_done_callback(partial(self._answered, identity))
        return await asyncio.shield(asking)

    async def _ask(self, identity: Identity) -> Membership | None:
        # Of a request's own deadline it knows nothing, and others are to ask anew after it.
        try:
            async with asyncio.timeout(ASKED_FOR):
                found = await self._member_of(*identity)
        except TimeoutError:
            raise database_silent() from None
        self._known.put(identity, (found,), self._clock() + MEMBER_FOR)
        return found

    def _answered(self, identity: Identity, asking: asyncio.Task[Membership | None]) -> None:
        del self._asking[identity]
        if not asking.cancelled():
            # Looked at, so that it is not reported as lost where everybody has left.
            asking.exception()
