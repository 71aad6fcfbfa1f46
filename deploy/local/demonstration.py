"""The demo data as a step of `foothold up`: begun when the databases are empty, gone on with where it was killed.

What it loads, and how it takes up its own thread, is `deploy.local.demo`'s business; here is only when.
"""

import psycopg

from deploy.local.demo.progress import Progress
from deploy.local.stack import Stack
from deploy.local.steps import Steps
from deploy.local.supervisor import Supervisor

_MODULE = "deploy.local.demo"


class Demonstration:
    """Decides whether the demo data is to be loaded, and has it loaded."""

    def __init__(self, stack: Stack, supervisor: Supervisor, steps: Steps) -> None:
        self._stack = stack
        self._supervisor = supervisor
        self._steps = steps

    async def load(self) -> None:
        """Load it where it is due. A failure is told and leaves the stack serving."""
        if not self._due():
            return
        if await self._supervisor.run(self._stack.program("demo", _MODULE), visible=True):
            self._steps.say("[red]The demo data is not complete; the next `foothold up` goes on with it.[/]")

    def _due(self) -> bool:
        begun = Progress.read(self._stack.home.directory)
        return not begun.finished if begun else _is_empty(self._stack.database_url("contacts"))


def _is_empty(url: str) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT NOT EXISTS (SELECT FROM account)").fetchone()
    return bool(row and row[0])
