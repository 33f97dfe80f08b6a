"""The live line of a run: how far it is, what it works on, how fast it is, what it saved, what failed, how long it will take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING

from router.batch import Summary
from router.cli.listing import Listing
from router.cli.reporting import console, printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

_SHORTEST_NAME = 12
_BAR = 20
_WITH_BAR = 100
"""Columns from which on a bar has room."""


class LiveLine:
    """One line, as wide as the terminal; rich renders it four times a second."""

    def __init__(
        self, summary: Summary, listing: Listing, *, saving: bool = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.current = ""
        self._summary = summary
        self._listing = listing
        self._saving = saving
        self._clock = clock
        self._began: float | None = None

    def begin(self, name: str) -> None:
        """An image is begun."""
        self.current = name
        if self._began is None:
            self._began = self._clock()

    def text(self, width: int) -> str:
        """The line, of `width` columns at most."""
        from rich.cells import cell_len, set_cell_size

        summary, total = self._summary, self._listing.found
        worked = summary.total.images + summary.failed
        seconds = 0.0 if self._began is None else self._clock() - self._began
        rate = worked / seconds if worked and seconds else None
        done = f"{summary.images}/{total}{'' if self._listing.complete else '+'}"
        parts = ["" if rate is None else f"{rate:.1f} images/s"]
        saved = summary.total.saved
        parts.append("" if saved is None or not self._saving else f"saved {saved:.0%}")
        failures = summary.failed + summary.failed_before
        parts.append(f"{failures} failed" if failures else "")
        left = None if rate is None or not self._listing.complete else max(0, total - summary.images) / rate
        parts.append("" if left is None else f"{duration(left)} left")
        bar = ""
        if width >= _WITH_BAR and total:
            filled = min(_BAR, _BAR * summary.images // total)
            bar = "[" + "=" * filled + " " * (_BAR - filled) + "]"
        before, after = "  ".join(filter(None, (bar, done))), "  ".join(filter(None, parts))
        room = width - 1 - cell_len(before) - cell_len(after) - 4
        name = _fitting(printable(self.current), room) if room >= _SHORTEST_NAME else ""
        name = set_cell_size(name, room) if name else ""  # figures stay in their place while names change
        return set_cell_size("  ".join(filter(None, (before, name, after))), width - 1).rstrip()

    def __rich_console__(self, screen: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        yield Text(self.text(options.max_width), no_wrap=True, overflow="crop")


@contextmanager
def shown(line: LiveLine, quiet: bool) -> Iterator[Console | None]:
    """Keep the line at the bottom of the terminal meanwhile; what is printed goes to the console that this gives, above the line.

    None, and nothing is shown, if quiet or without a terminal. It is on standard output if that is a terminal, so that rows and
    line do not write over one another, else on standard error.
    """
    screen = next((screen for screen in (console(), console(stderr=True)) if screen.is_terminal), None)
    if quiet or screen is None or screen.is_dumb_terminal:
        yield None
        return
    from rich.live import Live

    with Live(line, console=screen, transient=True, redirect_stdout=False, redirect_stderr=False):
        yield screen


def duration(seconds: float) -> str:
    """75 as "1:15"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _fitting(name: str, room: int) -> str:
    """The end of a path, which tells more than its beginning."""
    from rich.cells import cell_len

    if cell_len(name) <= room:
        return name
    name = PurePath(name).name
    while cell_len(name) > room - 3:
        name = name[1:]
    return "..." + name
