"""Where run records go. A sink is any callable that takes a RunRecord; these write JSON lines."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from router.errors import OutputNotWritableError
from router.reasons import ReasonCode
from router.record import RunRecord

Sink = Callable[[RunRecord], None]


class JsonLines:
    """Append one JSON line per run to a file; safe for threads of one process, opened per line so that logs can rotate."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()

    def __call__(self, record: RunRecord) -> None:
        """Write one line. Raises OutputNotWritableError."""
        self._append(record.to_json() + "\n")

    def check(self) -> None:
        """Raises OutputNotWritableError if no line could be written; the file is made if it is not there."""
        self._append("")

    def _append(self, text: str) -> None:
        try:
            with self._lock, self.path.open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise OutputNotWritableError(
                f"cannot write the log {self.path}: {error.strerror or error}", code=ReasonCode.OUTPUT_NOT_WRITABLE
            ) from error
