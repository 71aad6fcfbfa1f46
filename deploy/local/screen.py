"""The last thing `foothold up` shows: what runs where, who the demo people are, and what to paste."""

import shutil
from urllib.parse import quote

import httpx
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from deploy.local.problems import StackProblem
from deploy.local.stack import SERVICES, Stack
from deploy.local.tokens import fetch_token

SELLER = "darcel.schlecht@example.com"
PEOPLE = (
    (SELLER, "sells; sees what is theirs and their accounts'"),
    ("melvin.marxen@example.com", "manages sellers, that one among them; sees what they see"),
    ("executive@example.com", "sees everything"),
    ("marketing@example.com", "sees everything, edits what is theirs"),
    ("reporting@example.com", "reads everything"),
    ("admin@example.com", "imports, keeps members, sees everything"),
)


def final_screen(stack: Stack) -> RenderableType:
    """Asks the gateway for an account to show, so that the pasted commands answer with something."""
    return Panel(
        Group(_places(stack), "", _people(), "", _commands(stack)),
        title="Foothold is up",
        subtitle="Ctrl-C ends it",
        border_style="green",
        expand=False,
    )


def _places(stack: Stack) -> Table:
    table = Table.grid(padding=(0, 2))
    gateway = stack.url("gateway")
    table.add_row("[bold]Gateway[/]", f"{gateway}   [dim]documentation: {gateway}/docs[/]")
    services = "   ".join(f"{name} {stack.url(f'{name}-api')}" for name in SERVICES)
    table.add_row("Services", services)
    table.add_row("Issuer", stack.issuer)
    table.add_row("PostgreSQL", f"127.0.0.1:{stack.port('postgres')}" if stack.owns_postgres else "yours")
    table.add_row("Kafka", stack.bootstrap_servers)
    table.add_row("State, logs", escape(str(stack.home.directory)))
    return table


def _people() -> Table:
    table = Table.grid(padding=(0, 2))
    for email, may in PEOPLE:
        table.add_row(f"[bold]{email}[/]", may)
    return table


def _commands(stack: Stack) -> RenderableType:
    gateway = stack.url("gateway")
    account = _some_account(stack) or "ACCOUNT_ID"
    search = f"/v1/accounts?q={quote('tech')}"
    if shutil.which("curl"):
        token = f"TOKEN=$(.venv/bin/foothold token {SELLER})"
        ask = 'curl -s -H "Authorization: Bearer $TOKEN"'
        lines = [token, f"{ask} {gateway}/v1/accounts/{account}/view", f"{ask} '{gateway}{search}'"]
    else:
        ask = f".venv/bin/foothold get --as {SELLER}"
        lines = [
            f".venv/bin/foothold token {SELLER}",
            f"{ask} /v1/accounts/{account}/view",
            f"{ask} '{search}'",
        ]
    return Group(*(f"[cyan]{escape(line)}[/]" for line in lines))


def _some_account(stack: Stack) -> str | None:
    """The id of an account that the demo's seller sees; None where there is none to be had."""
    try:
        headers = {"Authorization": f"Bearer {fetch_token(stack.issuer, SELLER)}"}
        url = f"{stack.url('gateway')}/v1/accounts?limit=1"
        answer = httpx.get(url, headers=headers, timeout=5, trust_env=False).raise_for_status()
        return str(answer.json()["items"][0]["id"])
    except (StackProblem, httpx.HTTPError, ValueError, LookupError):
        return None
