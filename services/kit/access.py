"""Who sees what, in SQL: `Sight` is where every query of a visible table starts.

The tables `person_up` and `account_view` are kept by triggers (sql/0001_kit.sql). Predicates are over the row `r`
and want the parameter `viewer`, the viewer's member id or null. Each carries the mark `/* sight */`: a test holds
every executed statement that reads a visible table to it.
"""

from dataclasses import dataclass
from typing import LiteralString

from services.kit.identity import Viewer
from services.kit.problems import Forbidden

WRITERS = frozenset({"rep", "manager", "admin", "service"})
FEW_ACCOUNTS: LiteralString = "200"


@dataclass(frozen=True)
class Sight:
    """Through which columns of row `r` it is seen: its account, its owner, or (`private`) its member alone."""

    account: LiteralString | None = None
    owner: LiteralString | None = None
    private: bool = False

    def visible(self, viewer: Viewer) -> LiteralString:
        """The predicate: cheap checks a row, for reading one row or walking a list's own index."""
        if viewer.sees_all and not self.private:
            return "/* sight */ true"
        checks: list[LiteralString] = []
        if self.account:
            checks.append(
                "coalesce((SELECT true FROM account_view v WHERE v.viewer_id = %(viewer)s::uuid AND v.account_id = "
                + self.account
                + " LIMIT 1), false)"
            )
        if self.owner:
            checks.append(below(self.owner))
        return "/* sight */ (" + " OR ".join(checks) + ")"

    def reach(self, relation: LiteralString) -> LiteralString:
        """The ids of all that the viewer sees in `relation`, found from the side of a viewer of few accounts."""
        ways: list[LiteralString] = []
        if self.account:
            ways.append(
                "SELECT r.id FROM account_view v JOIN "
                + relation
                + " r ON "
                + self.account
                + " = v.account_id"
                " WHERE v.viewer_id = %(viewer)s::uuid"
            )
        if self.owner:
            ways.append(
                "SELECT r.id FROM person_up u JOIN " + relation + " r ON " + self.owner + " = u.member_id"
                " WHERE u.viewer_id = %(viewer)s::uuid"
            )
        return "/* sight */ " + " UNION ".join(ways)


def below(member: LiteralString) -> LiteralString:
    """Whether the member in the column is the viewer or reports to the viewer, over any number of steps."""
    return (
        "coalesce((SELECT true FROM person_up u WHERE u.viewer_id = %(viewer)s::uuid AND u.member_id = "
        + member
        + " LIMIT 1), false)"
    )


def may_edit(viewer: Viewer, owner: LiteralString) -> LiteralString:
    """Whoever sees may edit, but executives, marketing and reporting only what they own: SQL over row `r`."""
    if viewer.roles & WRITERS:
        return "true"
    return "coalesce(" + owner + " = %(viewer)s::uuid, false)"


def may_hand_over(viewer: Viewer, owner: LiteralString) -> LiteralString:
    """Owner and team are changed by the owner, the managers above, and admin; SQL over row `r`."""
    if viewer.is_admin:
        return "true"
    return below(owner)


def require_writer(viewer: Viewer) -> None:
    """Raises Forbidden when the viewer's roles do not create rows."""
    if not viewer.roles & WRITERS:
        raise Forbidden(
            "read_only_role", "Your role reads; ask a sales representative, a manager or an administrator."
        )


def require_admin(viewer: Viewer) -> None:
    """Raises Forbidden when the viewer is no administrator."""
    if not viewer.is_admin:
        raise Forbidden("admin_only", "Only an administrator may do this.")
