"""Who sees what, in SQL: `Sight` is where every query of a visible table starts; and who may do what.

The tables `person_up` and `account_view` are kept by triggers (sql/0001_kit.sql). Predicates are over the row `r`
and want the parameter `viewer`, the viewer's member id or null. Each carries the mark `/* sight */`: a test holds
every executed statement that reads a visible table to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, LiteralString

from services.kit.identity import SEES_ALL, Viewer
from services.kit.problems import Forbidden

WRITERS = frozenset({"rep", "manager", "admin", "service"})
# From so few accounts or people a list is found by walking from each of them; from more, by walking the list.
FEW: LiteralString = "200"

# Of a machine account's scopes: to read a service's rows, to write them (and read them), to send files to it, to erase
# people.
IMPORTS = "imports"
ERASES = "erasure"
_UNSCOPED = frozenset({"/v1/me", "/v1/catalog"})
READING_POSTS: Final = ("/lookup", "/evaluate")
"""How the paths end of POSTs that change nothing: what they ask with does not fit into a query."""


@dataclass(frozen=True)
class Way:
    """One way from a viewer to rows `r`: the table `s` where it starts, and the columns that join a row to it.

    `also` is SQL that holds for the row besides.
    """

    start: LiteralString
    key: LiteralString
    column: LiteralString
    also: LiteralString = ""

    @property
    def joins(self) -> LiteralString:
        """What joins a row to where the way starts."""
        return "s." + self.key + " = " + self.column + self.also


@dataclass(frozen=True)
class Sight:
    """Through which columns of row `r` it is seen: its account, its owner, or (`private`) its member alone.

    Where it is `hanging`, nobody sees a row while its account, another service's, is deleted.
    """

    account: LiteralString | None = None
    owner: LiteralString | None = None
    private: bool = False
    hanging: bool = False

    def visible(self, viewer: Viewer) -> LiteralString:
        """The predicate: cheap checks a row, for reading one row or walking a list's own index."""
        if self.hanging:
            return "/* sight */ (" + self._seen(viewer) + " AND " + self._held_up() + ")"
        return "/* sight */ " + self._seen(viewer)

    def _seen(self, viewer: Viewer) -> LiteralString:
        if self.everything(viewer):
            return "true"
        checks: list[LiteralString] = []
        if self.owner:
            checks.append(below(self.owner))
        if self.account:
            checks.append(
                "coalesce((SELECT true FROM account_view v WHERE v.viewer_id = %(viewer)s::uuid AND v.account_id = "
                + self.account
                + " LIMIT 1), false)"
            )
        return "(" + " OR ".join(checks) + ")"

    def _held_up(self) -> LiteralString:
        """Whether the row's account is not deleted: the few that are, are read once a statement and hashed."""
        account = self.account or "NULL::uuid"
        return (
            "(" + account + " IS NULL OR " + account
            + " NOT IN (SELECT gone.id FROM account gone WHERE gone.deleted_at IS NOT NULL))"
        )  # fmt: skip

    def at(self, pinned: Mapping[LiteralString, LiteralString]) -> "Sight":
        """The same of rows whose columns in `pinned` equal these values: asked once, where they say all."""
        account = pinned.get(self.account, self.account) if self.account else None
        owner = pinned.get(self.owner, self.owner) if self.owner else None
        return replace(self, account=account, owner=owner)

    def everything(self, viewer: Viewer) -> bool:
        """Whether a role of the viewer shows every row."""
        return viewer.sees_all and not self.private

    def ways(self) -> list[Way]:
        """How a viewer comes to rows: from the accounts in view, from the people below."""
        ways: list[Way] = []
        also: LiteralString = " AND " + self._held_up() if self.hanging else ""
        if self.account:
            ways.append(Way("account_view", "account_id", self.account, also))
        if self.owner:
            ways.append(Way("person_up", "member_id", self.owner, also))
        return ways

    def reach(self, relation: LiteralString) -> LiteralString:
        """The ids of all that the viewer sees in `relation`, found from the viewer's side."""
        parts: list[LiteralString] = [
            "SELECT r.id FROM " + way.start + " s JOIN " + relation + " r ON " + way.joins
            + " WHERE s.viewer_id = %(viewer)s::uuid"
            for way in self.ways()
        ]  # fmt: skip
        return "/* sight */ " + " UNION ".join(parts)


SHOWN: LiteralString = "/* sight */ true"
"""For a row that the transaction has found through sight already, and locked."""


def everybody(_: Viewer) -> LiteralString:
    """The predicate of rows that everybody sees."""
    return "true"


def below(member: LiteralString) -> LiteralString:
    """Whether the member in the column is the viewer or reports to the viewer, over any number of steps."""
    return (
        "coalesce((SELECT true FROM person_up u WHERE u.viewer_id = %(viewer)s::uuid AND u.member_id = "
        + member
        + " LIMIT 1), false)"
    )


def as_teammate(viewer: Viewer) -> Viewer:
    """The viewer as one of an account's team or a manager above: without what roles show, but for administrators."""
    return viewer if viewer.is_admin else replace(viewer, roles=viewer.roles - SEES_ALL)


def as_seller(viewer: Viewer) -> Viewer:
    """The viewer without what roles alone show; administrators and machine accounts as they are."""
    return viewer if viewer.acts_for_anybody else replace(viewer, roles=viewer.roles - SEES_ALL)


def may_edit(viewer: Viewer, owner: LiteralString, sight: Sight | None = None) -> LiteralString:
    """Whoever sees may edit, but executives, marketing and reporting only what they own: SQL over row `r`.

    Whoever sells besides edits what sellers see: through `sight`, or what belongs to their people.
    """
    if not viewer.roles & WRITERS:
        return "coalesce(" + owner + " = %(viewer)s::uuid, false)"
    if viewer.acts_for_anybody or not viewer.sees_all:
        return "true"
    return (sight or Sight(owner=owner)).visible(as_seller(viewer))


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


def require_entrusted(viewer: Viewer) -> None:
    """Raises Forbidden unless the viewer administers, or is a machine account: whose scope its route has asked for."""
    if "service" not in viewer.roles:
        require_admin(viewer)


def scope_of(service: str, method: str, path: str) -> str | None:
    """The scope that a machine account needs for the operation, None where everybody is answered about themselves."""
    if path in _UNSCOPED:
        return None
    if "/imports" in path:
        return IMPORTS
    if path.endswith("/erasure"):
        return ERASES
    reads = method in ("GET", "HEAD") or path.endswith(READING_POSTS)
    return f"{service}:{'read' if reads else 'write'}"


def require_scope(viewer: Viewer, scope: str | None) -> None:
    """Raises Forbidden when the viewer is a machine account without the scope; whoever may write may read."""
    if scope is None or "service" not in viewer.roles:
        return
    if scope not in viewer.scopes and scope.replace(":read", ":write") not in viewer.scopes:
        raise Forbidden(
            "scope_missing",
            f"Your machine account lacks the scope {scope}; whoever looks after its issuer can give it.",
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
        )
