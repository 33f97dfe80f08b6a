"""The manifest of an output folder: one Parquet row for every image that runs into it have finished, as the last of them left it.

Written from the journal in blocks of rows, so that memory does not grow with the number of images. DuckDB, pandas, Spark and
others read it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from router.batch import journal
from router.batch.row import KINDS, Row
from router.errors import InputError, OutputNotWritableError
from router.extras import require
from router.files.named import write_atomically
from router.reasons import ReasonCode

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK = 50_000
"""Rows that are written together: a row group of the file."""


def write(folder: Path, file: Path, *, overwrite: bool = False) -> int:
    """Write the manifest of an output folder; returns its number of rows.

    Args:
        folder: that runs of `router.batch.run` wrote into.
        file: Parquet file to write, whole or not at all. Its columns are the fields of `Row`, in that order; what a row does not
            say is null. Names that are no UTF-8 have their other bytes escaped by backslashes.
        overwrite: whether it may be there.

    Raises CodecUnavailableError (MISSING_EXTRA) without pyarrow, InputError (NOT_FOUND) where no run has written into the
    folder, OutputExistsError, and OutputNotWritableError also where the journal cannot be read.
    """
    require("batch", "the manifest", "pyarrow")
    if not (folder / journal.FOLDER).is_dir():
        raise InputError(
            f"no run has written into {folder}: there is no journal",
            code=ReasonCode.NOT_FOUND,
            hint="Name the output folder of a run",
        )
    count = 0

    def fill(target: IO[bytes]) -> None:
        nonlocal count
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = _schema()
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            found = last(folder)
            while block := list(islice(found, _BLOCK)):
                writer.write_table(pa.Table.from_pylist([_cells(row) for row in block], schema))
                count += len(block)

    write_atomically(file, fill, overwrite=overwrite)
    return count


def last(folder: Path) -> Iterator[Row]:
    """The last row of every image that was finished, by operation and name, in the order in which they were written.

    Raises OutputNotWritableError where the journal cannot be read, or the disk has no room for the look-ups.
    """
    try:
        database = sqlite3.connect("", isolation_level=None)
        database.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; CREATE TABLE last (id PRIMARY KEY, number) WITHOUT ROWID; BEGIN"
        )
        database.executemany(
            "INSERT OR REPLACE INTO last VALUES (?, ?)", ((_id(row), number) for number, row in enumerate(journal.rows(folder)))
        )
        for number, row in enumerate(journal.rows(folder)):
            if database.execute("SELECT number FROM last WHERE id = ?", (_id(row),)).fetchone() == (number,):
                yield row
    except sqlite3.Error as error:
        raise OutputNotWritableError(
            f"cannot look up rows of the journal: {error}", code=ReasonCode.OUTPUT_NOT_WRITABLE
        ) from error


def _id(row: Row) -> bytes:
    return f"{row.operation}\0{row.name}".encode("utf-8", "surrogatepass")


def _schema() -> pa.Schema:
    import pyarrow as pa

    types: dict[tuple[type, ...], pa.DataType] = {(str,): pa.string(), (int,): pa.int64()}
    return pa.schema([pa.field(f.name, types.get(KINDS[f.name], pa.float64())) for f in fields(Row) if f.name in KINDS])


def _cells(row: Row) -> dict[str, Any]:
    return {
        name: os.fsencode(value).decode("utf-8", "backslashreplace") if isinstance(value, str) else value
        for name, value in row.to_dict().items()
    }
