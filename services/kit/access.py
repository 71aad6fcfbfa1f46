"""Who sees what, in SQL: predicates from which every query of a service starts.

The tables `person_up` and `account_view` are kept by triggers (sql/0001_kit.sql). A predicate takes the alias of the
table and whether the viewer's roles see everything; it wants the parameter `viewer`, the viewer's member id or null.
Each is marked `/* sight */`: a test holds every executed statement that reads a visible table to it.
"""

from typing import LiteralString

from services.kit.identity import Viewer

READ_ONLY = frozenset({"executive", "marketing", "reporting"})
WRITERS = frozenset({"rep", "manager", "admin", "service"})


def by_account(viewer: Viewer, account: LiteralString, owner: LiteralString | None) -> LiteralString:
    """Seen through the account in column `account`, or through the row's own owner in column `owner`."""
    if viewer.sees_all:
        return "/* sight */ true"
    through: LiteralString = (
        "(SELECT true FROM account_view v WHERE v.viewer_id = %(viewer)s::uuid AND v.account_id = " + account + " LIMIT 1)"
    )
    if owner is None:
        return "/* sight */ coalesce(" + through + ", false)"
    return "/* sight */ (coalesce(" + through + ", false) OR " + _below(owner) + ")"


def by_member(member: LiteralString) -> LiteralString:
    """Seen by the member in column `member` and the managers above, whatever the viewer's roles."""
    return "/* sight */ " + _below(member)


def _below(member: LiteralString) -> LiteralString:
    return (
        "coalesce((SELECT true FROM person_up u WHERE u.viewer_id = %(viewer)s::uuid AND u.member_id = "
        + member
        + " LIMIT 1), false)"
    )


def may_write(viewer: Viewer, owner: LiteralString) -> LiteralString:
    """Whoever sees may edit, but for executives, marketing and reporting, who edit only what they own."""
    if viewer.roles & WRITERS:
        return "true"
    return "(" + owner + " IS NOT DISTINCT FROM %(viewer)s::uuid AND %(viewer)s::uuid IS NOT NULL)"


def may_create(viewer: Viewer) -> bool:
    """Whether the viewer's roles create rows at all."""
    return bool(viewer.roles & WRITERS)
