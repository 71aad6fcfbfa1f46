"""One request as use cases see it: who asks, on what occasion, and what the process offers."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request

from services.kit import idempotency
from services.kit.access import require_scope, scope_of
from services.kit.clients import AsyncClient
from services.kit.db import Database
from services.kit.growth import Head
from services.kit.identity import Viewer
from services.kit.journal import Cause
from services.kit.numbering import Bell
from services.kit.problems import Forbidden
from services.kit.settings import Settings
from services.kit.telemetry import request_id_of, traceparent_of
from services.kit.vouching import Vouched

# Roles that need no member row.
_STANDING_ROLES = frozenset({"admin", "service"})


@dataclass(frozen=True, eq=False)
class Call:
    """One request as use cases see it: who asks, on what occasion, and what the process offers.

    `vouched` is what owners have shown the caller of what is not known here; None as long as none was asked.
    """

    viewer: Viewer
    cause: Cause
    db: Database
    settings: Settings
    bell: Bell
    client: AsyncClient
    token: str
    head: Head
    vouched: Vouched | None = None

    @property
    def member_id(self) -> Any:
        """The viewer's member id; None for service accounts and administrators without a member row."""
        return self.viewer.member_id


async def called_by(request: Request, path: str, *, uploads: bool) -> Call:
    """The call that the request is. Raises what is wrong with its token, its scope, its key or its body."""
    state = request.app.state
    authorization = request.headers.get("authorization")
    viewer = await state.verifier.viewer(authorization)
    _require_standing(viewer, state.settings.access_contact)
    require_scope(viewer, scope_of(state.service.name, request.method, path))
    # A body is there, and of a media type that is read here, before a connection is taken; a file is read by its route.
    body = b"" if uploads or request.method == "GET" else await request.body()
    key = await idempotency.key_of(request, viewer, body=body)
    request.state.idempotency = key
    cause = Cause(
        actor=viewer.actor,
        member_id=viewer.member_id,
        request_id=request_id_of(request.scope),
        traceparent=traceparent_of(request.scope),
        key=key,
    )
    return Call(
        viewer,
        cause,
        state.db,
        state.settings,
        state.bell,
        state.client,
        (authorization or "").partition(" ")[2],
        state.head,
    )


def _require_standing(viewer: Viewer, contact: str) -> None:
    if viewer.member_id is None and not viewer.roles & _STANDING_ROLES:
        raise Forbidden(
            "not_a_member",
            "Your token is good, but no member has your mail address (verified by the issuer) or your subject; "
            f"ask {contact}, and tell them the subject: {viewer.subject}",
        )
