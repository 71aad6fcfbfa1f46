"""Whether the gateway is alive, and whether it can do its own work: verify tokens. Services are not its own work."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.kit.identity import Verifier
from services.kit.problems import SOON, Unavailable

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Is the gateway alive")
async def healthz() -> Response:
    """Answers as long as the process runs."""
    return Response(b'{"status":"alive"}', media_type="application/json")


@router.get("/readyz", summary="Can the gateway verify tokens")
async def readyz(request: Request) -> Response:
    """503 until the issuer's keys have been fetched."""
    verifier: Verifier = request.app.state.verifier
    if not await verifier.ready():
        detail = "The keys of the issuer of tokens are not there."
        raise Unavailable("not_ready", detail, headers=SOON)
    return Response(b'{"status":"ready"}', media_type="application/json")
