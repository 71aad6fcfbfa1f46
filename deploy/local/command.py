"""The `foothold` command: every verb of the laptop stack, each one call into the module that does it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import httpx
import typer

from deploy.local import asking, importing
from deploy.local import down as ending
from deploy.local.console import address, out, plainly, this_stack
from deploy.local.detached import start_detached
from deploy.local.event_commands import events
from deploy.local.stack import ROOT, SERVICES
from deploy.local.tokens import ADMIN, FreshToken, fetch_token

app = typer.Typer(
    help="Foothold on this machine. FOOTHOLD_HOME (.local) is where its state is, FOOTHOLD_PORT (8000) where its"
    " gateway listens; the other ports follow within +19.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(events, name="events")


@app.command("up")
def up_(
    detach: Annotated[
        bool, typer.Option("--detach", help="Return once it serves; `foothold down` ends it.")
    ] = False,
    empty: Annotated[bool, typer.Option("--empty", help="Without the demo data.")] = False,
) -> None:
    """Bring everything up: databases, broker, migrations, services, gateway, issuer, demo data."""
    from deploy.local import up

    with plainly():
        if detach:
            start_detached(this_stack(), out, demo=not empty)
        else:
            up.run(this_stack(), out, demo=not empty)


@app.command()
def down() -> None:
    """End the stack, however it was started."""
    with plainly():
        ending.end(this_stack(), out)


@app.command("status")
def status_(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Each process with its health, the addresses, and how far behind the events are. Fails when nothing runs."""
    from deploy.local import status

    with plainly():
        told = status.gather(this_stack())
        if as_json:
            sys.stdout.write(json.dumps(told, indent=2) + "\n")
        else:
            out.print(status.shown(told))
        if told["phase"] == "down":
            raise typer.Exit(3)


@app.command("logs")
def logs_(
    process: Annotated[str | None, typer.Argument(help="One process; all of them when not given.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of its last lines.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written.")] = False,
) -> None:
    """The end of what the processes wrote."""
    from deploy.local import logs

    with plainly():
        logs.show(this_stack().home, process, lines=lines, follow=follow)


@app.command()
def token(
    email: Annotated[str, typer.Argument(help="A member's mail address, or admin@example.com.")],
) -> None:
    """A bearer token of the development issuer on standard output."""
    with plainly():
        sys.stdout.write(fetch_token(_running_issuer(), email) + "\n")


@app.command()
def api(
    path: Annotated[str, typer.Argument(help="For example /v1/me.")],
    data: Annotated[str | None, typer.Option("--data", "-d", help="A JSON body; makes it a POST.")] = None,
    method: Annotated[str | None, typer.Option("--method", "-X", help="Another method.")] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="A header, as NAME: VALUE.")
    ] = None,
    as_: Annotated[
        str | None, typer.Option("--as", help="Whose token to use; else FOOTHOLD_TOKEN's, else the admin's.")
    ] = None,
    pick: Annotated[
        str | None, typer.Option("--pick", help="Print only what stands there, as in items.0.id.")
    ] = None,
    include: Annotated[
        bool,
        typer.Option("--include", "-i", help="Print the status and the header fields before the answer."),
    ] = False,
) -> None:
    """Ask the API for something at the gateway, and print its answer. Fails where the API refuses."""
    with plainly():
        token = fetch_token(_running_issuer(), as_) if as_ else _admin_token()
        client = _gateway(FreshToken(lambda: token))
        answer = asking.ask(client, path, method=method, data=data, headers=header or ())
        if include:
            sys.stdout.write(asking.head(answer) + "\n\n")
        sys.stdout.write(asking.shown(answer, pick) + "\n")
        raise typer.Exit(0 if answer.is_success else 1)


@app.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(help="Where the files are.")],
    profile: Annotated[str, typer.Option(help=f"What they are: {', '.join(importing.PROFILES)}.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Report what would happen and change nothing.")
    ] = False,
) -> None:
    """Import a folder of files through the API, as an admin (or with the token in FOOTHOLD_TOKEN)."""
    with plainly():
        client = _gateway(FreshToken(_admin_token))
        importer = importing.Importer(client, out)
        importer.tell_reports(importer.import_folder(folder, profile, dry_run=dry_run))


@app.command()
def migrate() -> None:
    """Bring every database to its newest version, and the topics to their declaration."""
    from deploy.local import topics

    with plainly():
        settings = [f"{service.upper()}_DATABASE_URL" for service in SERVICES]
        addresses = {setting: address(setting) for setting in settings}
        # First: databases are told what topics have, and are not to be told what these are refused.
        touched = topics.apply(address("KAFKA_BOOTSTRAP_SERVERS"), topics.declared(topics.profile()))
        out.print(f"topics: {', '.join(touched) or 'as declared'}")
        _run_module("deploy.local.migrating", environment=addresses)


@app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """End the stack and delete everything it keeps. Databases and brokers of yours are not touched."""
    from deploy.local.postgres import state_directory

    with plainly():
        stack = this_stack()
        home = stack.home.directory
        if not yes:
            typer.confirm(f"Delete all of {home}?", abort=True)
        ending.end(stack, out)
        shutil.rmtree(state_directory(home), ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)
        out.print(f"{home} is gone; `foothold up` starts from nothing.")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)
def bench(context: typer.Context) -> None:
    """Measure a stack of its own under load; the benchmark takes the options (`foothold bench --help`)."""
    with plainly():
        _run_module("tests.bench", *context.args)


def _run_module(module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
    """Run a module of ours in a process of its own, whose failure is ours."""
    argv = [sys.executable, "-m", module, *arguments]
    ran = subprocess.run(argv, cwd=ROOT, env={**os.environ, **(environment or {})}, check=False)
    if ran.returncode:
        raise typer.Exit(ran.returncode)


def _running_issuer() -> str:
    running = this_stack().home.running()
    return running.addresses["OIDC_ISSUER"] if running else this_stack().issuer


def _gateway(auth: httpx.Auth | None = None) -> httpx.Client:
    running = this_stack().home.running()
    gateway = running.addresses["gateway"] if running else this_stack().url("gateway")
    return httpx.Client(base_url=gateway, auth=auth, timeout=120, trust_env=False)


def _admin_token() -> str:
    return os.environ.get("FOOTHOLD_TOKEN") or fetch_token(_running_issuer(), ADMIN)


if __name__ == "__main__":
    app()
