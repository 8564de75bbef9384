"""How the demo tells what it does: with a spinner on a terminal, line by line elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

PLAIN_WIDTH = 120


class Screen:
    """Prints phases with what they took; `phases` keeps their seconds."""

    def __init__(self) -> None:
        # with `</dev/null` nobody is there to press Ctrl-C, whatever the output is
        self.is_attended = sys.stdin.isatty() and sys.stdout.isatty()
        self.console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
        self.phases: dict[str, float] = {}

    @contextmanager
    def phase(self, title: str) -> Iterator[None]:
        """Show that a phase is under way, and when it is over what it took."""
        began = time.monotonic()
        with self.console.status(f"{title} ...") if self.console.is_terminal else _announced(self.console, title):
            yield
        took = time.monotonic() - began
        self.phases[title] = round(took, 1)
        self.console.print(f"[green]done[/] {title} [dim]({took:.1f} s)[/]", highlight=False)

    def note(self, text: str) -> None:
        """One line about the phase under way."""
        self.console.print(f"     {text}", highlight=False, markup=False, soft_wrap=True)


@contextmanager
def _announced(console: Console, title: str) -> Iterator[None]:
    console.print(f"{title} ...", highlight=False)
    yield
