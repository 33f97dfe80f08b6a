"""The live line of a command: how far it is, at what, how fast, what it saved, what failed, how long it will take."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeVar

from router.cli.reporting import Tally, console, on_terminal, printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

_SHORTEST_NAME = 12
_BAR = 20
_WITH_BAR = 100
"""Columns from which on a bar has room."""
_PLAIN_EVERY = 30.0
"""Seconds between the lines of a long command that has no terminal."""
_PLAIN_WIDTH = 100

T = TypeVar("T")


@dataclass
class Progress:
    """How far a command is.

    Attributes:
        done: items that it has looked at.
        worked: those of them that took work; the rest was done before.
        total: items found so far; None where that is not known.
        complete: whether `total` is all.
        saved: share of bytes saved, None where nothing is compressed.
        failed: items that failed.
        stopping: whether what is in flight is finished and nothing more is begun.
    """

    done: int = 0
    worked: int = 0
    total: int | None = None
    complete: bool = True
    saved: float | None = None
    failed: int = 0
    stopping: bool = False


class LiveLine:
    """One line, as wide as the terminal; rich renders it four times a second."""

    def __init__(
        self, look: Callable[[], Progress], *, unit: str = "images", clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`look` is asked how far the command is whenever the line is drawn; `unit` is what it counts."""
        self.current = ""
        self._look = look
        self._unit = unit
        self._clock = clock
        self._began: float | None = None

    def begin(self, name: str) -> None:
        """An item is begun."""
        self.current = name
        if self._began is None:
            self._began = self._clock()

    def text(self, width: int) -> str:
        """The line, of `width` columns at most."""
        from rich.cells import cell_len, set_cell_size

        now = self._look()
        before, after = "  ".join(filter(None, self._counts(now, width))), "  ".join(filter(None, self._figures(now)))
        room = width - 1 - cell_len(before) - cell_len(after) - 4
        name = _fitting(printable(self.current), room) if room >= _SHORTEST_NAME else ""
        name = set_cell_size(name, room) if name else ""  # figures stay in their place while names change
        return set_cell_size("  ".join(filter(None, (before, name, after))), width - 1).rstrip()

    def _counts(self, now: Progress, width: int) -> Iterator[str]:
        if width >= _WITH_BAR and now.total:
            filled = min(_BAR, _BAR * now.done // now.total)
            yield "[" + "=" * filled + " " * (_BAR - filled) + "]"
        yield f"{now.done} {self._unit}" if now.total is None else f"{now.done}/{now.total}{'' if now.complete else '+'}"

    def _figures(self, now: Progress) -> Iterator[str]:
        seconds = 0.0 if self._began is None else self._clock() - self._began
        rate = now.worked / seconds if now.worked and seconds else None
        if rate is not None:
            yield f"{rate:.1f} {self._unit}/s" if rate >= 0.1 else f"{60 * rate:.1f} {self._unit}/min"
        if now.saved is not None:
            yield f"saved {now.saved:.0%}"
        if now.failed:
            yield f"{now.failed} failed"
        if now.stopping:
            yield "stopping"
        elif rate is not None and now.total is not None and now.complete:
            yield f"{duration(max(0, now.total - now.done) / rate)} left"

    def __rich_console__(self, screen: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        yield Text(self.text(options.max_width), no_wrap=True, overflow="crop")


@contextmanager
def shown(line: LiveLine, quiet: bool) -> Iterator[Console | None]:
    """Keep the line at the bottom of the terminal meanwhile; what is printed goes to the console that this gives, above the line.

    None, and nothing is shown, if quiet or without a terminal. It is on standard output if that is a terminal, so that rows and
    line do not write over one another, else on standard error.
    """
    screen = next((screen for screen in (console(), console(stderr=True)) if on_terminal(screen)), None)
    if quiet or screen is None or screen.is_dumb_terminal:
        yield None
        return
    from rich.live import Live

    with Live(line, console=screen, transient=True, redirect_stdout=False, redirect_stderr=False):
        yield screen


@contextmanager
def counting(
    total: int | None,
    quiet: bool,
    *,
    tally: Tally | None = None,
    unit: str = "images",
    plain: bool = False,
    finished: bool = False,
) -> Iterator[Callable[[str], None]]:
    """A live line for a command that counts. It gives a function to be called with the name of each item that is begun.

    Args:
        total: items; None where that is not known.
        quiet: nothing is shown.
        tally: its errors go above the line.
        unit: what is counted.
        plain: without a terminal, a line now and then on standard error: for commands that say nothing else for minutes.
        finished: the function is called with items that are finished.
    """
    progress = Progress(total=total)
    line = LiveLine(lambda: progress, unit=unit)
    begun = int(finished)
    if finished:
        line.begin("")

    def begin(name: str) -> None:
        nonlocal begun
        progress.done = progress.worked = begun
        begun += 1
        line.begin(name)

    with shown(line, quiet or total == 1) as screen:
        if tally is not None:
            tally.screen = screen
        ended = threading.Event()
        if plain and screen is None and not quiet and sys.stderr is not None:
            threading.Thread(target=_say, args=(line, ended), daemon=True).start()
        try:
            yield begin
        finally:
            ended.set()
            if tally is not None:
                tally.screen = None


def progress(
    items: Iterable[T],
    total: int | None,
    quiet: bool,
    *,
    name: Callable[[T], str] = lambda item: "",
    tally: Tally | None = None,
    unit: str = "images",
) -> Iterator[T]:
    """The items, with a live line unless quiet, a single item, or no terminal. `name`: what the line calls an item."""
    with counting(total, quiet, tally=tally, unit=unit) as begin:
        for item in items:
            begin(name(item))
            yield item


def duration(seconds: float) -> str:
    """75 as "1:15"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _say(line: LiveLine, ended: threading.Event) -> None:
    while not ended.wait(_PLAIN_EVERY):
        print(line.text(_PLAIN_WIDTH), file=sys.stderr, flush=True)


def _fitting(name: str, room: int) -> str:
    """The end of a path, which tells more than its beginning."""
    from rich.cells import cell_len

    if cell_len(name) <= room:
        return name
    name = PurePath(name).name
    while cell_len(name) > room - 3:
        name = name[1:]
    return "..." + name
