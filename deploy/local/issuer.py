"""The development OpenID issuer: it believes whoever says who they are, so it refuses to run in production.

`python -m deploy.local.issuer` serves the metadata, the keys, the authorization code flow with PKCE (a page
on which one picks a demo person), and for tooling on the same machine `grant_type=development&email=...` for a
person, `grant_type=development&client_id=...&scope=contacts:read+imports` for a machine account.
"""

import html
import os
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import FastAPI, Form, Query
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.middleware.cors import CORSMiddleware

from deploy.local.issuing import ROLES, Asked, Issuer, Refused, signing_key
from services.kit.logs import configure_logging
from services.kit.metrics import Metrics, install_metrics
from services.kit.serving import serve
from services.kit.settings import Settings
from services.kit.telemetry import Telemetry
from services.kit.traffic import Traffic


def create_issuer(settings: Settings, home: Path) -> FastAPI:
    """The issuer as an app. Raises RuntimeError where settings say production."""
    if settings.foothold_environment == "production":
        raise RuntimeError("The development issuer refuses to run where FOOTHOLD_ENVIRONMENT=production.")
    issuer = Issuer(settings, signing_key(home))
    app = FastAPI(title="Foothold development issuer", docs_url=None, redoc_url=None, openapi_url=None)
    _install_metadata(app, issuer)
    _install_authorize(app, issuer)
    _install_token(app, issuer)
    app.add_exception_handler(Refused, _refusal)
    metrics = Metrics()
    install_metrics(app, metrics)
    app.add_middleware(CORSMiddleware, allow_origins=settings.cors_origins, allow_methods=["GET", "POST"])
    app.add_middleware(Telemetry, service="issuer", traffic=Traffic("issuer", metrics.registry))
    return app


async def _refusal(_: object, error: Exception) -> Response:
    refused = error if isinstance(error, Refused) else Refused("server_error", "")
    body = {"error": refused.error, "error_description": refused.description}
    return JSONResponse(body, 400, headers={"Cache-Control": "no-store"})


def _install_metadata(app: FastAPI, issuer: Issuer) -> None:
    @app.get("/.well-known/openid-configuration")
    async def metadata() -> dict[str, object]:  # pyright: ignore[reportUnusedFunction]
        return issuer.metadata()

    @app.get("/jwks")
    async def jwks() -> dict[str, object]:  # pyright: ignore[reportUnusedFunction]
        return issuer.keys()

    @app.get("/healthz")
    @app.get("/readyz")
    async def health() -> dict[str, str]:  # pyright: ignore[reportUnusedFunction]
        return {"status": "ready"}


def _install_authorize(app: FastAPI, issuer: Issuer) -> None:
    @app.get("/authorize")
    async def choose(  # pyright: ignore[reportUnusedFunction]
        client_id: str = "",
        redirect_uri: str = "",
        response_type: str = "",
        code_challenge: str = "",
        code_challenge_method: str = "",
        scope: str = "openid email",
        state: str = "",
        nonce: str = "",
        email: Annotated[str | None, Query(description="Skips the page, for scripts")] = None,
    ) -> Response:
        if response_type != "code" or code_challenge_method != "S256":
            raise Refused("invalid_request", "response_type must be code, code_challenge_method S256.")
        asked = Asked(client_id, redirect_uri, state, nonce, scope, code_challenge)
        issuer.check(asked)
        if email is None:
            return HTMLResponse(_page(asked))
        separator = "&" if urlsplit(redirect_uri).query else "?"
        answer = urlencode({"code": issuer.code(asked, email), "state": state, "iss": issuer.address})
        return RedirectResponse(redirect_uri + separator + answer, 302)


def _install_token(app: FastAPI, issuer: Issuer) -> None:
    @app.post("/token")
    async def token(  # pyright: ignore[reportUnusedFunction]
        grant_type: Annotated[str, Form()] = "",
        email: Annotated[str, Form()] = "",
        code: Annotated[str, Form()] = "",
        code_verifier: Annotated[str, Form()] = "",
        client_id: Annotated[str, Form()] = "",
        redirect_uri: Annotated[str, Form()] = "",
        scope: Annotated[str, Form()] = "",
    ) -> Response:
        match grant_type:
            case "development" if client_id and not email:
                answer = issuer.machine(client_id, scope)
            case "development":
                answer = issuer.access(email)
            case "authorization_code":
                answer = issuer.redeem(code, code_verifier, client_id, redirect_uri)
            case _:
                raise Refused(
                    "unsupported_grant_type", "grant_type must be authorization_code or development."
                )
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})


def _page(asked: Asked) -> str:
    kept = {
        "client_id": asked.client_id,
        "redirect_uri": asked.redirect_uri,
        "response_type": "code",
        "code_challenge": asked.code_challenge,
        "code_challenge_method": "S256",
        "scope": asked.scope,
        "state": asked.state,
        "nonce": asked.nonce,
    }
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(kept[name])}">' for name in kept
    )
    people = "".join(
        f'<button name="email" value="{email}">{email} <small>{", ".join(roles)}</small></button>'
        for email, roles in ROLES.items()
    )
    return _PAGE.format(client=html.escape(asked.client_id), hidden=hidden, people=people)


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Foothold: who are you today?</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem; }}
button, input[type=email] {{ display: block; width: 100%; box-sizing: border-box; margin: .4rem 0;
  padding: .6rem; font: inherit; text-align: left; background: #fff;
  border: 1px solid #bbb; border-radius: .4rem; }}
button:hover {{ border-color: #0a6; }} small {{ color: #667; }}
</style>
<h1>Who are you today?</h1>
<p>{client} wants to know. This is the development issuer: it believes you.</p>
<form>{hidden}{people}</form>
<form>{hidden}<input type="email" name="email" placeholder="somebody.else@example.com" required>
<button>Sign in as this seller</button></form>
</html>"""


def main() -> None:
    """Serves on the settings' host and port."""
    settings = Settings()
    configure_logging(settings.log_level, process="issuer")
    try:
        app = create_issuer(settings, Path(os.environ.get("FOOTHOLD_HOME", ".local")))
    except RuntimeError as refusal:
        sys.exit(str(refusal))
    serve(app, host=settings.host, port=settings.port)


if __name__ == "__main__":
    main()
