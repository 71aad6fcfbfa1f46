"""What the verbs of `foothold` share: where they write, how they fail, and which stack they mean."""

from collections.abc import Generator
from contextlib import contextmanager

import typer
from rich.console import Console

from deploy.local.problems import StackProblem, one_sentence
from deploy.local.stack import SERVICES, Stack

out = Console()
err = Console(stderr=True)


@contextmanager
def plainly() -> Generator[None]:
    """Say what is the machine's or the reader's trouble in one sentence; ours keeps its trace."""
    try:
        yield
    except (StackProblem, OSError) as error:
        err.print(one_sentence(error), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(130) from error


def this_stack() -> Stack:
    """The stack that the environment means."""
    return Stack.from_environment()


def address(setting: str) -> str:
    """An address of the running stack, else the one in the environment."""
    stack = this_stack()
    running = stack.home.running()
    if running and setting in running.addresses:
        return running.addresses[setting]
    if setting in stack.environment:
        return stack.environment[setting]
    raise StackProblem(
        f"No stack runs in {stack.home.directory} and {setting} is not set; `foothold up` starts one."
    )


def databases() -> dict[str, str]:
    """The address of each service's database, by the service's name."""
    return {service: address(f"{service.upper()}_DATABASE_URL") for service in SERVICES}
