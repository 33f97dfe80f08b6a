"""What was measured once, kept by content: one file an image, one JSON line a point, appended as points are measured."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


class PointCache:
    """Measured points of one image. Later lines of a key add to earlier ones; a line cut short by a kill is passed over."""

    def __init__(self, folder: Path, image_sha256: str) -> None:
        self._file = folder / f"{image_sha256}.jsonl"
        self._known: dict[str, dict[str, Any]] = {}
        self._torn = False
        if self._file.exists():
            text = self._file.read_text("utf-8")
            self._torn = bool(text) and not text.endswith("\n")
            for line in text.splitlines():
                self._take(line)

    def get(self, key: str) -> dict[str, Any]:
        """What is known under `key`, empty if nothing is."""
        return self._known.get(key, {})

    def add(self, key: str, values: dict[str, Any]) -> None:
        """Write `values` (JSON-able) to the file, at once."""
        line = json.dumps({"key": key, **values})
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(("\n" if self._torn else "") + line + "\n")
        self._torn = False
        self._take(line)

    def _take(self, line: str) -> None:
        try:
            values = json.loads(line)
            self._known.setdefault(values.pop("key"), {}).update(values)
        except (ValueError, KeyError, AttributeError, TypeError):
            return


def key_of(*parts: Any) -> str:
    """A short key for JSON-able parts."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
