"""`foothold events`: to look at the events that services tell each other, and to mend what keeps them from arriving.

A command imports what does it when it is called: all together take a second that every other command would wait for.
"""

from typing import Annotated

import typer

from deploy.local.console import address, databases, out, plainly
from deploy.local.problems import StackProblem
from deploy.local.stack import SERVICES

events = typer.Typer(help="The events that services tell each other.", no_args_is_help=True)

_SERVICES = ", ".join(SERVICES)


@events.command("tail")
def tail_(
    topic: Annotated[str, typer.Argument(help="For example contacts.events.")],
    beginning: Annotated[bool, typer.Option("--beginning", help="From the oldest record on.")] = False,
    count: Annotated[
        int | None, typer.Option("--count", "-n", min=1, help="End after so many records.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", help="Only what is told of this one, as in accounts/ID.")
    ] = None,
) -> None:
    """Print records of a topic as they come, one JSON object a line."""
    from deploy.local import tail

    with plainly():
        tail.follow(
            address("KAFKA_BOOTSTRAP_SERVERS"), topic, beginning=beginning, count=count, subject=subject
        )


@events.command("parked")
def parked_(
    retry: Annotated[
        str | None, typer.Option("--retry", metavar="ID", help="Handle its records again.")
    ] = None,
    discard: Annotated[
        str | None, typer.Option("--discard", metavar="ID", help="Give up its first record, then go on.")
    ] = None,
    why: Annotated[str, typer.Option("--why", help="The reason, kept beside what is given up.")] = "",
) -> None:
    """What handlers failed on, with all that follows of the key. Fails while something is left of what it drives."""
    from deploy.local import parked

    with plainly():
        addresses = databases()
        if retry and discard:
            raise StackProblem("--retry or --discard, one at a time.")
        if not retry and not discard:
            table = parked.shown(addresses)
            out.print(table if table.row_count else "Nothing is parked.")
            return
        name = discard or retry or ""
        driven = parked.discard(addresses, name, why) if discard else parked.retry(addresses, name)
        out.print(parked.said(name, driven), markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(0 if driven.reason is None else 1)


@events.command()
def republish(
    service: Annotated[str, typer.Argument(help=f"Whose: {_SERVICES}.")],
    aggregate: Annotated[
        str | None, typer.Option("--aggregate", metavar="NAME", help="Only these rows, as in account.")
    ] = None,
) -> None:
    """Have a service tell all that it has once more, as snapshots between two marks, and wait for the end of it."""
    from deploy.local import republishing

    with plainly():
        republishing.republish(databases(), service, aggregate, _say)


@events.command()
def rebuild(
    service: Annotated[str, typer.Argument(help=f"Whose copies: {_SERVICES}.")],
    from_: Annotated[str, typer.Option("--from", metavar="PRODUCER", help="Of what that service owns.")],
) -> None:
    """Make a service's copies anew out of a republish of their owner's; they are read meanwhile."""
    from deploy.local import republishing

    with plainly():
        republishing.rebuild(databases(), address("KAFKA_BOOTSTRAP_SERVERS"), service, from_, _say)


@events.command("new-epoch")
def new_epoch(service: Annotated[str, typer.Argument(help=f"What was restored: {_SERVICES}.")]) -> None:
    """After a service's database was restored from a backup: go on above all positions ever told, and republish."""
    from deploy.local import republishing

    with plainly():
        republishing.new_epoch(databases(), address("KAFKA_BOOTSTRAP_SERVERS"), service, _say)


@events.command("new-generation")
def new_generation(service: Annotated[str, typer.Argument(help=f"Whose topic: {_SERVICES}.")]) -> None:
    """Make a service's topic anew with as many partitions as are declared, once all that it holds was read."""
    from deploy.local import growing, topics

    with plainly():
        declared = topics.declared(topics.profile())
        growing.new_generation(databases(), address("KAFKA_BOOTSTRAP_SERVERS"), service, declared, _say)


def _say(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)
