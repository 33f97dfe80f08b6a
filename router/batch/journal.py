"""The journal of an output folder: one JSON line for every finished image, flushed as it is written.

A run that is killed leaves at most a torn last line, which the next one steps over. Of several lines about one source the last
holds. Every run writes a file of its own, so that two runs into one folder never write into one another's lines.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

from router.addresses import check_local
from router.batch.row import Row, State
from router.errors import OutputNotWritableError
from router.reasons import ReasonCode

FOLDER = ".codec-router"
"""Below the output folder; hidden, so that it is no input of anything."""
_PREFIX, _SUFFIX = "rows-", ".jsonl"


class Known(NamedTuple):
    """What earlier runs say of one source: all that is kept of a row in memory."""

    source_state: str
    options: str
    done: bool
    output: str


def rows(output: Path) -> Iterator[Row]:
    """Every row of every run into this folder, oldest first; lines that cannot be read are left out."""
    for path in sorted((output / FOLDER).glob(f"{_PREFIX}*{_SUFFIX}")):
        with path.open("rb") as file:
            for line in file:
                try:
                    row = Row.from_dict(json.loads(line))
                except (ValueError, KeyError, TypeError):  # torn by a kill
                    continue
                yield row


def known(output: Path) -> dict[str, Known]:
    """What is known of every source, by name."""
    found: dict[str, Known] = {}
    for row in rows(output):
        if row.state in (State.DONE, State.FAILED):
            before = found.get(row.name)
            # A failure says nothing about the output of an earlier success, which is still there.
            kept = row.output or ("" if before is None else before.output)
            found[row.name] = Known(row.source_state, row.options, row.state is State.DONE, kept)
    return found


class Journal:
    """The file of this run. A context manager; nothing is made before the first row."""

    def __init__(self, output: Path) -> None:
        self._output = check_local(output)
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, row: Row) -> None:
        """Append a row. Raises OutputNotWritableError."""
        line = json.dumps(row.to_dict(), ensure_ascii=True, separators=(",", ":")) + "\n"
        try:
            if self._file is None:
                self._file = self._opened()
            self._file.write(line.encode("ascii"))
            self._file.flush()
        except OSError as error:
            raise OutputNotWritableError(
                f"cannot write the journal in {self._output / FOLDER}: {error.strerror or error}",
                code=ReasonCode.OUTPUT_NOT_WRITABLE,
            ) from error

    def _opened(self) -> IO[bytes]:
        folder = self._output / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        last = max(
            (int(p.name[len(_PREFIX) : -len(_SUFFIX)]) for p in folder.glob(f"{_PREFIX}{'[0-9]' * 8}{_SUFFIX}")), default=0
        )
        for number in range(last + 1, 10**8):
            try:
                descriptor = os.open(folder / f"{_PREFIX}{number:08d}{_SUFFIX}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            except FileExistsError:  # another run took the number
                continue
            return os.fdopen(descriptor, "ab")
        raise FileExistsError(f"no number is left in {folder}")
