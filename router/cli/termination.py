"""SIGTERM ends a command as an error would: temporary files are removed, and the exit code is the conventional one.

A run over many images finishes what is in flight first, whether told by SIGTERM or by the keyboard; told again, it ends at once.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

EXIT_CODE = 128 + signal.SIGTERM


@contextmanager
def orderly_termination() -> Iterator[None]:
    """Within it, SIGTERM raises SystemExit(143) in the main thread, once the library call that is running returns.

    Only here, since what a signal does is the program's business: the library installs no handlers. A SIGTERM that the caller's
    process ignores, or handles, is left alone.
    """
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    try:
        signal.signal(signal.SIGTERM, _leave)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@dataclass
class Stop:
    """Whether a run was told to stop; `exit_code`: what the command then ends with, 0 before."""

    exit_code: int = 0

    def __bool__(self) -> bool:
        return self.exit_code != 0


@contextmanager
def finishing(stop: Stop) -> Iterator[None]:
    """Within it, the first SIGINT or SIGTERM is only noted, so that what is in flight is finished; the second acts as ever.

    Signals that the caller's process ignores, or handles in its own way, are left alone.
    """
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: _leave}
    mine = {number: handler for number, handler in usual.items() if signal.getsignal(number) is handler}

    def note(number: int, frame: FrameType | None) -> None:
        stop.exit_code = 128 + number
        for one, handler in mine.items():
            signal.signal(one, handler)

    try:
        for number in mine:
            signal.signal(number, note)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        for number, handler in mine.items():
            signal.signal(number, handler)


def _leave(number: int, frame: object) -> NoReturn:
    raise SystemExit(EXIT_CODE)
