"""Where run records go. A sink is any callable that takes a RunRecord; these write JSON lines."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

from router.encoded import EncodedImage
from router.errors import OutputExistsError, OutputNotWritableError, RouterError, UsageError
from router.files import addresses
from router.process.forks import Lock
from router.reasons import ReasonCode
from router.record import RunRecord

Sink = Callable[[RunRecord], None]

_LONGEST_LINE = 4 << 20


class JsonLines:
    """Append one JSON line per run to a file; safe for threads of one process, opened per line so that logs can rotate.

    A file that is there and does not begin with such a line is no log, and is never touched. Raises UsageError for an address.
    """

    def __init__(self, path: str | Path) -> None:
        found = addresses.parse(path)
        if isinstance(found, addresses.Address):
            raise UsageError(
                f"a log is a file of this machine, and {found} is an address",
                code=ReasonCode.BAD_ARGUMENT,
                hint="Pass a function that takes a RunRecord and sends its to_json() there",
            )
        self.path = found
        self._lock = Lock()
        self._known: tuple[int, int] | None = None

    def __call__(self, record: RunRecord) -> None:
        """Write one line, whole or not at all.

        Raises OutputNotWritableError, OutputExistsError (OUTPUT_EXISTS) if the file is no log of run records.
        """
        self._append(record.to_json() + "\n")

    def check(self) -> None:
        """Raises as a call would if no line could be written; the file is made if it is not there."""
        self._append("")

    def _append(self, text: str) -> None:
        try:
            with self._lock:
                descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NO_WAITING, 0o666)
                try:
                    self._write(descriptor, text.encode())
                finally:
                    os.close(descriptor)
        except RouterError:
            raise
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            raise OutputNotWritableError(
                f"cannot write the log {self.path}: {getattr(error, 'strerror', None) or error}",
                code=ReasonCode.OUTPUT_NOT_WRITABLE,
            ) from error

    def _write(self, descriptor: int, line: bytes) -> None:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):  # a pipe or a terminal holds nothing that could be spoilt
            os.set_blocking(descriptor, True)
            _write_all(descriptor, line)
            return
        if status.st_size and self._known != (status.st_dev, status.st_ino):
            whole = self._last_line_is_whole(status)
            line = line if whole or not line else b"\n" + line  # a writer was killed in the middle of its line
        if line:
            self._known = (status.st_dev, status.st_ino)
        try:
            _write_all(descriptor, line)
        except OSError:
            if os.fstat(descriptor).st_size < status.st_size + len(line):  # half a line would spoil the next one
                os.ftruncate(descriptor, status.st_size)
            raise

    def _last_line_is_whole(self, status: os.stat_result) -> bool:
        with self.path.open("rb") as file:
            opened = os.fstat(file.fileno())
            if (opened.st_dev, opened.st_ino) != (status.st_dev, status.st_ino) or not _is_record(file.readline(_LONGEST_LINE)):
                raise OutputExistsError(
                    f"{self.path} is there already and is no log of run records",
                    code=ReasonCode.OUTPUT_EXISTS,
                    hint="Name a new file, or a log that codec-router wrote",
                    path=str(self.path),
                )
            file.seek(-1, os.SEEK_END)
            return file.read() == b"\n"


def deliver(sink: Sink, encoded: EncodedImage) -> None:
    """Give the run record of a finished image to a sink.

    Raises OutputNotWritableError for whatever a sink of somebody's raises; the image is in the error's `encoded`.
    """
    try:
        sink(encoded.run)
    except RouterError as error:
        error.encoded = encoded
        raise
    except Exception as error:
        failure = OutputNotWritableError(
            f"the log failed: {type(error).__name__}: {error}",
            code=ReasonCode.OUTPUT_NOT_WRITABLE,
            hint="The image is finished: it is in this error's `encoded`",
        )
        failure.encoded = encoded
        raise failure from error


def _write_all(descriptor: int, line: bytes) -> None:
    written = 0
    while written < len(line):
        written += os.write(descriptor, line[written:])


_NO_WAITING = getattr(os, "O_NONBLOCK", 0)
"""Opening a pipe that nobody reads fails, rather than wait for a reader."""


def _is_record(line: bytes) -> bool:
    """Whether a line is a run record."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and isinstance(document.get("record"), dict) and "output_bytes" in document
