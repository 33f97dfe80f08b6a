"""Where run records go. A sink is any callable that takes a RunRecord; these write JSON lines."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from router.record import RunRecord

Sink = Callable[[RunRecord], None]


class JsonLines:
    """Append one JSON line per run to a file; safe for threads of one process, opened per line so that logs can rotate."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()

    def __call__(self, record: RunRecord) -> None:
        """Write one line."""
        line = record.to_json() + "\n"
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            file.write(line)
