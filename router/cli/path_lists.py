"""--files-from: paths out of a file or standard input, each with the name that it keeps below the output folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePath

from router.batch.journal import FOLDER
from router.cli.inputs import is_stdin
from router.errors import UsageError
from router.files.named import read_bytes, read_stream
from router.limits import DEFAULT_LIMITS
from router.reasons import ReasonCode


def listed(source: Path | None, null: bool) -> list[tuple[Path, Path]]:
    """(path, name) pairs: a line each, or with `null` what stands between NULs. Empty lines and journals of runs are passed over.

    A name keeps its folders, without what leads out of the working directory: `photos/a.jpg` and `/photos/a.jpg` are both
    `photos/a.jpg`.

    Raises InputError, LimitError, UsageError (`null` without a list).
    """
    if source is None:
        if null:
            raise UsageError("--null goes with --files-from", code=ReasonCode.BAD_ARGUMENT)
        return []
    data = read_stream(sys.stdin.buffer, DEFAULT_LIMITS) if is_stdin(source) else read_bytes(source)
    lines = data.split(b"\0") if null else data.splitlines()
    paths = [Path(os.fsdecode(line)) for line in lines if line]
    return [(path, _kept(path)) for path in paths if FOLDER not in path.parts]


def _kept(path: Path) -> Path:
    name = PurePath(os.path.normpath(path))
    parts = [part for part in name.parts if part not in ("..", name.anchor)]
    return Path(*parts)
