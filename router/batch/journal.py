"""The journal of an output folder: one JSON line for every finished image, flushed as it is written.

A run that is killed leaves at most a torn last line, which the next one steps over. Of several lines about one source the last
holds. Every run writes a file of its own, so that two runs into one folder never write into one another's lines.
"""

from __future__ import annotations

import functools
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Any, NamedTuple

from router.batch.index import Index, Known
from router.batch.row import Row, State
from router.errors import OutputNotWritableError, RouterError
from router.reasons import ReasonCode

FOLDER = ".codec-router"
"""Below the output folder; hidden, so that it is no input of anything."""
_PREFIX, _SUFFIX = "rows-", ".jsonl"
_LONGEST_LINE = 1 << 20
_TORN = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What a line raises that a kill tore, or that somebody else wrote."""
_ENDED = (State.DONE, State.FAILED)
_TICK = 0.02
"""Seconds, longer than the steps of a file system's clock."""


def rows(output: Path) -> Iterator[Row]:
    """Every row of every run into this folder, oldest first; lines that cannot be read, or name outputs elsewhere, are left out.

    Raises OutputNotWritableError where the journal cannot be read.
    """
    for document in _documents(output):
        with suppress(*_TORN):
            row = Row.from_dict(document)
            if not row.output or _belongs(row.output, row.name):
                yield row


def index(output: Path, operation: str = "compress") -> Index:
    """What the runs into this folder say, for look-ups.

    Raises OutputNotWritableError where the journal cannot be read, or the disk has no room for the look-ups.
    """
    try:
        return Index(_known(output, operation))
    except sqlite3.Error as error:
        raise _not_usable(output, error) from error


def _known(output: Path, operation: str) -> Iterator[Known]:
    """As `rows`, without objects that nobody needs: there may be millions."""
    for line in _documents(output):
        with suppress(*_TORN):
            if line.get("operation", "compress") != operation or line["state"] not in _ENDED:
                continue
            name, place, failed = line["name"], line.get("output", ""), line["state"] == State.FAILED
            texts = [line.get(key, "") for key in ("source", "source_state", "options", "lane", "code", "message", "hint")]
            numbers = [line.get("output_bytes"), line.get("exit_code", 0)]
            if all(isinstance(one, str) for one in (name, place, *texts)) and all(map(_is_number, numbers)):
                source, state, options, lane, code, message, hint = texts
                if not place or _belongs(place, name):
                    yield Known(
                        name, source, state, options, place, lane, numbers[0], failed, code, message, hint, numbers[1] or 0
                    )


def _is_number(value: object) -> bool:
    """Whether it is None, or an integer that a database holds."""
    return value is None or (isinstance(value, int) and -(1 << 63) <= value < 1 << 63)


def _documents(output: Path) -> Iterator[dict[str, Any]]:
    """Lines of JSON, oldest first."""
    try:
        for path in sorted((output / FOLDER).glob(f"{_PREFIX}*{_SUFFIX}")):
            with path.open("rb") as file:
                while line := file.readline(_LONGEST_LINE):
                    with suppress(*_TORN):
                        document = json.loads(line)
                        if isinstance(document, dict):
                            yield document
    except OSError as error:
        raise _not_usable(output, error) from error


def _belongs(output: str, name: str) -> bool:
    """Whether a run may have given this output to this source: one that is replaced must not lie anywhere else."""
    folder, _, base = output.rpartition("/")
    if base in ("", ".", "..") or output.startswith("/") or "\0" in output:
        return False
    return folder == name.rpartition("/")[0] and ".." not in folder.split("/")


class Compressed(NamedTuple):
    """What a compression made: the source's name without folders, the lane, and the output's size."""

    name: str
    lane: str
    size: int | None


def made(path: Path) -> Compressed | None:
    """What the journal of one of the folders above says of a file in it; None if none does, or the file has another size."""
    folder = _journalled(path.parent.absolute())
    if folder is None:
        return None
    found = _outputs(folder).made(path.absolute().relative_to(folder).as_posix())
    try:
        if found is None or found.size != path.stat().st_size:
            return None
    except OSError:
        return None
    return Compressed(PurePosixPath(found.name).name, found.lane, found.size)


@functools.lru_cache(maxsize=1024)
def _journalled(folder: Path) -> Path | None:
    return next((place for place in (folder, *folder.parents) if (place / FOLDER).is_dir()), None)


@functools.lru_cache(maxsize=4)
def _outputs(folder: Path) -> Index:
    return index(folder)


class Journal:
    """The file of this run. A context manager; nothing is made before `begin`."""

    def __init__(self, output: Path) -> None:
        self._output = output
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def begin(self) -> int:
        """Make the file; when, as the file system has it: time of change in ns. What runs wrote before has an earlier one.

        Raises OutputNotWritableError.
        """
        try:
            time.sleep(_TICK)
            self._file = self._opened()
            began = os.fstat(self._file.fileno()).st_ctime_ns
            time.sleep(_TICK)
        except (OSError, ValueError) as error:
            raise _not_usable(self._output, error) from error
        return began

    def add(self, row: Row) -> None:
        """Append a row. Raises OutputNotWritableError."""
        line = json.dumps(row.to_dict(), ensure_ascii=True, separators=(",", ":")) + "\n"
        try:
            if self._file is None:
                self.begin()
            assert self._file is not None
            self._file.write(line.encode("ascii"))
            self._file.flush()
        except RouterError:
            raise
        except OSError as error:
            raise _not_usable(self._output, error) from error

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


def _not_usable(output: Path, error: Exception) -> OutputNotWritableError:
    return OutputNotWritableError(
        f"cannot use the journal in {output / FOLDER}: {getattr(error, 'strerror', None) or error}",
        code=ReasonCode.OUTPUT_NOT_WRITABLE,
    )
