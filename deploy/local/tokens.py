"""Bearer tokens of the development issuer."""

from collections.abc import Callable, Generator

import httpx

from deploy.local.problems import StackProblem

ADMIN = "admin@example.com"


def fetch_token(issuer: str, email: str) -> str:
    """A token for `email` from the development issuer at `issuer`; a StackProblem where it gives none."""
    form = {"grant_type": "development", "email": email}
    try:
        answer = httpx.post(f"{issuer}/token", data=form, timeout=10, trust_env=False)
    except httpx.HTTPError as error:
        raise StackProblem(f"No issuer answers at {issuer}; is the stack up? (`foothold status`)") from error
    if answer.is_error:
        raise StackProblem(f"The issuer gives no token for {email}: {_said(answer)}")
    return str(answer.json()["access_token"])


class FreshToken(httpx.Auth):
    """Authorises requests with a token, and fetches another when the one it has is refused."""

    def __init__(self, fetch: Callable[[], str]) -> None:
        self._fetch = fetch
        self._token: str | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """Ask once more with a fresh token after a 401; long imports outlive a token."""
        self._token = self._token or self._fetch()
        request.headers["Authorization"] = f"Bearer {self._token}"
        answer = yield request
        if answer.status_code == 401:
            self._token = self._fetch()
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request


def _said(answer: httpx.Response) -> str:
    try:
        said = answer.json()
    except ValueError:
        return f"HTTP {answer.status_code}"
    return str(said.get("error_description") or said.get("detail") or said.get("error") or said)
