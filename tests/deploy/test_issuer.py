"""The development issuer: what it signs is believed by the platform, and it never runs where it could do harm."""

import base64
import hashlib
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from deploy.local.issuer import create_issuer
from deploy.local.issuing import MAX_CODES
from services.kit.identity import Verifier
from services.kit.problems import Unauthorized
from services.kit.settings import Settings

SETTINGS = Settings(oidc_issuer="http://127.0.0.1:8004", cors_origins=("https://app.example.com",))
BACK = "http://127.0.0.1:3000/back"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASKED = {
    "client_id": "console",
    "redirect_uri": BACK,
    "response_type": "code",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "state": "s&1",
    "nonce": "n1",
}


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    return create_issuer(SETTINGS, tmp_path)


@pytest.fixture
async def client(app: FastAPI) -> AsyncGenerator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(app), base_url=SETTINGS.oidc_issuer) as opened:
        yield opened


@pytest.fixture
async def verifier(app: FastAPI) -> AsyncGenerator[Verifier]:
    async with Verifier(SETTINGS, transport=ASGITransport(app)) as opened:
        yield opened


async def token_for(client: AsyncClient, email: str) -> str:
    answer = await client.post("/token", data={"grant_type": "development", "email": email})
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


async def code_for(client: AsyncClient, **changed: str) -> str:
    answer = await client.get("/authorize", params={**ASKED, "email": "admin@example.com", **changed})
    assert answer.status_code == 302, answer.text
    return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]


async def redeemed(client: AsyncClient, code: str, **changed: str) -> Response:
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    return await client.post("/token", data={**form, "client_id": "console", "redirect_uri": BACK, **changed})


def refused(answer: Response, error: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.json()["error_description"]


async def test_metadata_leads_to_public_keys(client: AsyncClient) -> None:
    metadata: dict[str, str] = (await client.get("/.well-known/openid-configuration")).json()
    assert metadata["issuer"] == SETTINGS.oidc_issuer
    [key] = (await client.get(urlsplit(metadata["jwks_uri"]).path)).json()["keys"]
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
    assert "d" not in key


@pytest.mark.parametrize(
    ("email", "roles"),
    [
        ("admin@example.com", {"admin"}),
        ("executive@example.com", {"executive"}),
        ("marketing@example.com", {"marketing"}),
        ("reporting@example.com", {"reporting"}),
        ("dustin.brinkmann@example.com", {"manager", "rep"}),
        ("summer.sewald@example.com", {"manager", "rep"}),
        ("anna.snelling@example.com", {"rep"}),
        ("Somebody.New@Elsewhere.org", {"rep"}),
        ("ADMIN@example.com ", {"admin"}),
    ],
)
async def test_everyone_has_their_roles(
    email: str, roles: set[str], client: AsyncClient, verifier: Verifier
) -> None:
    viewer = await verifier.viewer(f"Bearer {await token_for(client, email)}")
    assert (viewer.email, viewer.roles) == (email.strip().lower(), roles)


async def test_machine_accounts_have_the_scopes_that_are_asked_for(
    client: AsyncClient, verifier: Verifier
) -> None:
    form = {"grant_type": "development", "client_id": "crm-sync", "scope": "contacts:read imports erasure"}
    answer = (await client.post("/token", data=form)).json()
    assert answer["scope"] == "contacts:read imports erasure"
    viewer = await verifier.viewer(f"Bearer {answer['access_token']}")
    assert (viewer.subject, viewer.roles, viewer.email) == ("machine:crm-sync", {"service"}, None)
    assert viewer.scopes == {"contacts:read", "imports", "erasure"}


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"scope": "contacts:read everything"}, "invalid_scope"),
        ({"client_id": "a b"}, "invalid_request"),
        ({"client_id": "x" * 101}, "invalid_request"),
    ],
)
async def test_machine_accounts_that_make_no_sense_get_no_token(
    changed: dict[str, str], error: str, client: AsyncClient
) -> None:
    form = {"grant_type": "development", "client_id": "crm-sync", "scope": "contacts:read", **changed}
    refused(await client.post("/token", data=form), error)


async def test_one_person_is_one_subject_that_does_not_spell_the_address(
    client: AsyncClient, verifier: Verifier
) -> None:
    tokens = [
        await token_for(client, email) for email in ("a.b@example.com", "A.B@example.com", "c@example.com")
    ]
    subjects = [(await verifier.viewer(f"Bearer {token}")).subject for token in tokens]
    assert subjects[0] == subjects[1] != subjects[2]
    assert "a.b" not in subjects[0]


@pytest.mark.parametrize(
    "email", ["", "nobody", "@example.com", "a@", "a b@example.com", "a\nb@c.org", "a" * 260 + "@b.org"]
)
async def test_what_is_no_address_gets_no_token(email: str, client: AsyncClient) -> None:
    refused(
        await client.post("/token", data={"grant_type": "development", "email": email}), "invalid_request"
    )


@pytest.mark.parametrize("form", [{}, {"grant_type": "password"}, {"grant_type": "client_credentials"}])
async def test_other_grants_are_not_known(form: dict[str, str], client: AsyncClient) -> None:
    refused(await client.post("/token", data=form), "unsupported_grant_type")


async def test_code_flow_gives_tokens_for_the_person_chosen(client: AsyncClient, verifier: Verifier) -> None:
    page = await client.get("/authorize", params=ASKED)
    assert page.status_code == 200
    assert "admin@example.com" in page.text
    assert "celia.rouche@example.com" in page.text
    sent = await client.get("/authorize", params={**ASKED, "email": "celia.rouche@example.com"})
    where = urlsplit(sent.headers["location"])
    assert f"{where.scheme}://{where.netloc}{where.path}" == BACK
    told = parse_qs(where.query)
    assert (told["state"], told["iss"]) == (["s&1"], [SETTINGS.oidc_issuer])
    tokens = (await redeemed(client, told["code"][0])).json()
    viewer = await verifier.viewer(f"Bearer {tokens['access_token']}")
    assert viewer.roles == {"manager", "rep"}


async def test_it_tells_of_its_requests_by_route(client: AsyncClient) -> None:
    await token_for(client, "admin@example.com")
    told = (await client.get("/metrics")).text
    counted = 'foothold_request_seconds_count{method="POST",route="/token",service="issuer",status="2xx"} 1.0'
    assert counted in told.splitlines()


async def test_an_id_token_opens_no_door(client: AsyncClient, verifier: Verifier) -> None:
    tokens = (await redeemed(client, await code_for(client))).json()
    with pytest.raises(Unauthorized) as refusal:
        await verifier.viewer(f"Bearer {tokens['id_token']}")
    assert refusal.value.code == "token_audience"


async def test_the_page_shows_nothing_of_its_caller_raw(client: AsyncClient) -> None:
    hostile = '"><script>alert(1)</script>'
    page = await client.get("/authorize", params={**ASKED, "client_id": hostile, "state": hostile})
    assert "<script>" not in page.text


async def test_a_code_is_good_once(client: AsyncClient) -> None:
    code = await code_for(client)
    assert (await redeemed(client, code)).status_code == 200
    refused(await redeemed(client, code), "invalid_grant")


@pytest.mark.parametrize(
    "changed",
    [
        {"code_verifier": "w" * 64},
        {"code_verifier": CHALLENGE},
        {"code_verifier": ""},
        {"client_id": "other"},
        {"redirect_uri": "http://127.0.0.1:3001/back"},
    ],
)
async def test_a_code_in_other_hands_is_worth_nothing(changed: dict[str, str], client: AsyncClient) -> None:
    refused(await redeemed(client, await code_for(client), **changed), "invalid_grant")


async def test_a_code_made_up_is_worth_nothing(client: AsyncClient) -> None:
    refused(await redeemed(client, "made up"), "invalid_grant")


async def test_codes_kept_are_bounded(client: AsyncClient) -> None:
    first = await code_for(client)
    for _ in range(MAX_CODES):
        await code_for(client)
    refused(await redeemed(client, first), "invalid_grant")


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": "https://evil.example.org/back"},
        {"redirect_uri": "http://127.0.0.1.evil.example.org/back"},
        {"redirect_uri": "http://127.0.0.1@evil.example.org/back"},
        {"redirect_uri": ""},
        {"code_challenge": ""},
        {"code_challenge_method": "plain"},
        {"response_type": "token"},
        {"client_id": ""},
        {"client_id": "foothold"},
    ],
)
async def test_what_would_leak_a_code_is_refused(changed: dict[str, str], client: AsyncClient) -> None:
    refused(
        await client.get("/authorize", params={**ASKED, **changed, "email": "admin@example.com"}),
        "invalid_request",
    )


@pytest.mark.parametrize(
    "where", ["http://localhost:5173/", "http://[::1]:9/x?y=1", "https://app.example.com/back"]
)
async def test_codes_are_sent_to_this_machine_and_to_known_frontends(where: str, client: AsyncClient) -> None:
    assert await code_for(client, redirect_uri=where)


async def test_frontends_of_known_origins_may_ask_for_tokens(client: AsyncClient) -> None:
    answer = await client.get("/jwks", headers={"Origin": "https://app.example.com"})
    assert answer.headers["access-control-allow-origin"] == "https://app.example.com"


async def test_the_key_survives_a_restart_and_is_its_owners_alone(
    app: FastAPI, tmp_path: Path, client: AsyncClient
) -> None:
    file = tmp_path / "issuer" / "key.json"
    file.chmod(0o644)
    token = await token_for(client, "admin@example.com")
    again = create_issuer(SETTINGS, tmp_path)
    async with Verifier(SETTINGS, transport=ASGITransport(again)) as verifier:
        assert await verifier.viewer(f"Bearer {token}")
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["key.json"]


async def test_a_key_that_is_gone_is_made_anew(tmp_path: Path, client: AsyncClient) -> None:
    token = await token_for(client, "admin@example.com")
    (tmp_path / "issuer" / "key.json").unlink()
    async with Verifier(SETTINGS, transport=ASGITransport(create_issuer(SETTINGS, tmp_path))) as verifier:
        with pytest.raises(Unauthorized):
            await verifier.viewer(f"Bearer {token}")


def test_it_refuses_to_run_in_production(tmp_path: Path) -> None:
    environment = {**os.environ, "FOOTHOLD_ENVIRONMENT": "production", "FOOTHOLD_HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-m", "deploy.local.issuer"],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 1
    assert run.stderr == "The development issuer refuses to run where FOOTHOLD_ENVIRONMENT=production.\n"
    assert list(tmp_path.iterdir()) == []
