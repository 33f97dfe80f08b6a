"""What was measured once, by content: one file an image, one JSON line a measurement, appended as it is made.

A run that is killed loses at most the line being written: such a line is passed over and measured again.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from router.files.named import write_atomically


class PointCache:
    """The measurements of one image. Later lines of a key add to earlier ones. Several processes may append to one file."""

    def __init__(self, folder: Path, image_key: str) -> None:
        """`image_key`: hash of all that a codec gets to see of the image; the file's name."""
        self._file = folder / f"{image_key}.jsonl"
        self._files = folder / image_key
        self._known: dict[str, dict[str, Any]] = {}
        self._torn = False
        if self._file.exists():
            text = self._file.read_bytes().decode("utf-8", "replace")
            self._torn = bool(text) and not text.endswith("\n")
            for line in text.splitlines():
                self._take(line)

    def get(self, key: str) -> dict[str, Any]:
        """What is stored under `key`, empty if nothing is."""
        return self._known.get(key, {})

    def add(self, key: str, values: dict[str, Any]) -> None:
        """Store JSON-able `values` beside those that `key` has, on disk when this returns."""
        line = json.dumps({"key": key, "values": values}, sort_keys=True, allow_nan=False)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        # One write to a file opened for appending: lines of two processes do not mix.
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, (("\n" if self._torn else "") + line + "\n").encode())
        finally:
            os.close(descriptor)
        self._torn = False
        self._take(line)

    def encoded(self, key: str) -> bytes | None:
        """The encoded file that is kept under `key`, None if none is."""
        file = self._files / key
        return file.read_bytes() if file.exists() else None

    def keep(self, key: str, data: bytes) -> None:
        """Keep an encoded file. Raises OutputNotWritableError."""
        self._files.mkdir(parents=True, exist_ok=True)
        write_atomically(self._files / key, data, overwrite=True)

    def _take(self, line: str) -> None:
        try:
            entry = json.loads(line)
            key, values = entry["key"], entry["values"]
        except (ValueError, KeyError, TypeError):
            return
        if isinstance(key, str) and isinstance(values, dict):
            self._known.setdefault(key, {}).update(values)


def key_of(*parts: Any) -> str:
    """A key for JSON-able parts: SHA-256, hexadecimal."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
