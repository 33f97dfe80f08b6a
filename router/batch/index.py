"""What earlier runs into a folder say, for look-ups: in a temporary database on disk, as there may be millions of images."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

# SQLite, of the standard library: keyed look-ups on disk, and a database without a name is gone when its process ends, however.
_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -32000;
CREATE TABLE known (
    name PRIMARY KEY, source, source_state, options, output, lane, size, failed, code, message, hint, exit_code
) WITHOUT ROWID;
CREATE TABLE written (place PRIMARY KEY, name) WITHOUT ROWID;
"""
# A failure says nothing about the output of an earlier success, which is still there.
_ADD = """
INSERT INTO known VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET
    source = excluded.source,
    source_state = excluded.source_state,
    options = excluded.options,
    output = CASE WHEN excluded.failed THEN output ELSE excluded.output END,
    lane = CASE WHEN excluded.failed THEN lane ELSE excluded.lane END,
    size = CASE WHEN excluded.failed THEN size ELSE excluded.size END,
    failed = excluded.failed,
    code = excluded.code,
    message = excluded.message,
    hint = excluded.hint,
    exit_code = excluded.exit_code
"""


class Known(NamedTuple):
    """What earlier runs say of one source.

    Attributes:
        name: of the source, below the folder that was named.
        source: path of the source.
        source_state, options: see `Row`; of the last time that it was tried.
        output: relative path of what it last became; "" where it never succeeded.
        lane, size: lane and bytes of that output.
        failed: whether the last try failed.
        code, message, hint, exit_code: of that failure.
    """

    name: str
    source: str
    source_state: str
    options: str
    output: str
    lane: str
    size: int | None
    failed: bool
    code: str = ""
    message: str = ""
    hint: str = ""
    exit_code: int = 0


class Index:
    """Sources by name and outputs by place. Rows are added oldest first; of several about one source the last holds."""

    def __init__(self, rows: Iterable[Known]) -> None:
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.executescript(_TABLES)
        self._database.execute("BEGIN")
        self._database.executemany(_ADD, map(_stored, rows))
        self._database.execute("CREATE INDEX outputs ON known (output)")
        self._database.execute("COMMIT")

    def get(self, name: str) -> Known | None:
        """What is known of a source."""
        return self._one("SELECT * FROM known WHERE name = ?", name)

    def made(self, place: str) -> Known | None:
        """The source that an output was made from."""
        return None if not place else self._one("SELECT * FROM known WHERE output = ?", place)

    def claim(self, place: str, name: str) -> str:
        """Note that a source became the output at `place`; returns the first that did in this run."""
        self._database.execute("INSERT OR IGNORE INTO written VALUES (?, ?)", _stored((place, name)))
        (first,) = _read(self._database.execute("SELECT name FROM written WHERE place = ?", _stored((place,))).fetchone())
        return str(first)

    def _one(self, query: str, value: str) -> Known | None:
        found = self._database.execute(query, _stored((value,))).fetchone()
        return None if found is None else Known(*_read(found))


def _stored(values: Iterable[Any]) -> tuple[Any, ...]:
    """Texts as bytes: a name that is no UTF-8 holds lone surrogates, which SQLite does not take as text."""
    return tuple(value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value for value in values)


def _read(values: Iterable[Any]) -> Iterator[Any]:
    return (value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value for value in values)
