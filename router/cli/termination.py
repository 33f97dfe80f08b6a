"""SIGTERM ends a command as an error would: temporary files are removed, and the exit code is the conventional one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
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


def _leave(number: int, frame: object) -> NoReturn:
    raise SystemExit(EXIT_CODE)
