"""What `foothold up` shows while it works: every step, and the time of each that takes more than a moment.

On a terminal a running step spins and counts its seconds. Elsewhere (a file, a CI log) there is a line when
it ends, and a sign of life every few seconds until then.
"""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

_SIGN_OF_LIFE = 5.0
_MOMENT = 0.5


class Steps:
    """Shows steps on `console`; several may be under way at once."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._progress: Progress | None = None

    @contextmanager
    def shown(self) -> Generator[None]:
        """Show steps while inside; outside, the terminal belongs to whoever else writes."""
        if not self._console.is_terminal:
            yield
            return
        with Progress(*self._columns, console=self._console, transient=True) as self._progress:
            yield
        self._progress = None

    @contextmanager
    def step(self, title: str) -> Generator[Callable[[str], None]]:
        """One step. It yields a function that shows how far it got, as text after the title."""
        started = time.monotonic()
        with self._spinning(title) if self._progress else self._living(title) as tell:
            yield tell
        took = time.monotonic() - started
        self.say(f"[green]✓[/] {title}" + (f" [dim]{took:.1f} s[/]" if took > _MOMENT else ""))

    def say(self, text: str) -> None:
        """A line of its own."""
        self._console.print(text, highlight=False, soft_wrap=True)

    @contextmanager
    def _spinning(self, title: str) -> Generator[Callable[[str], None]]:
        progress = self._progress
        if progress is None:
            raise RuntimeError("steps spin only while they are shown")
        task: TaskID = progress.add_task(title, total=None)
        try:
            yield lambda text: progress.update(task, description=f"{title}: {text}")
        finally:
            progress.remove_task(task)

    @contextmanager
    def _living(self, title: str) -> Generator[Callable[[str], None]]:
        said = [""]
        done = threading.Event()

        def live() -> None:
            while not done.wait(_SIGN_OF_LIFE):
                self.say(f"[dim]… {title}{said[0]}[/]")

        threading.Thread(target=live, daemon=True).start()
        try:
            yield lambda text: said.__setitem__(0, f": {text}")
        finally:
            done.set()
