"""Temporary files of outputs, and what is left of them when their writer is killed.

A writer holds a lock on its temporary file until that has its final name. The system lets go of the lock when the process ends,
however it ends, so a temporary file that can be locked belongs to nobody any more.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from router.process.forks import Lock

try:
    import fcntl
except ImportError:  # Windows: without these locks nothing can be told of a leftover, and none is removed
    fcntl = None  # type: ignore[assignment]

_SUFFIX = ".codec-router.part"
_NAME = re.compile(r"\..{1,40}\.[a-z0-9_]{8}" + re.escape(_SUFFIX), re.DOTALL)
_MOST_FOLDERS = 4096
_TRIES = 20

_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)

HAS_LOCKS = fcntl is not None
"""Whether a writer keeps its file open until it is renamed. Where not it must be closed before: Windows renames no open file."""

_lock = Lock()
_searched: set[str] = set()
_written: dict[Path, int] = {}
"""Temporary files that this process is writing, each with the number of the process: a fork inherits the table, not the files."""


@contextlib.contextmanager
def temporary(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file beside `path`, open for writing, locked where there are locks; removed at the end unless it was renamed.

    Raises OSError, ValueError.
    """
    for _ in range(_TRIES):
        made = path.parent / f".{path.name[:40]}.{secrets.token_hex(4)}{_SUFFIX}"
        _written[made] = os.getpid()  # before it exists: a signal's exception may come after any step from here
        try:
            try:
                descriptor = os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o666)
            except FileExistsError:  # another writer's
                del _written[made]
                continue
            with os.fdopen(descriptor, "wb") as file:
                if _locked(file.fileno()) is False or os.fstat(file.fileno()).st_nlink == 0:
                    continue  # somebody took it for a leftover before it was locked
                yield made, file
                return
        finally:
            _discard(made)
    raise OSError(f"no temporary file can be kept in {path.parent}")


def _discard(made: Path) -> None:
    if _written.get(made) == os.getpid():
        with contextlib.suppress(OSError, ValueError):  # ValueError: a NUL in the name, so that it was never there
            made.unlink()
        del _written[made]


@atexit.register
def discard_all() -> None:
    """Remove what this process has under way: for exits that unwind nothing, and for exceptions inside the removal itself."""
    for made in list(_written):
        _discard(made)


def remove(folder: Path) -> None:
    """Remove temporary files that nobody writes any more; once a process for each folder, and never with an error."""
    if fcntl is None:
        return
    with _lock:
        key = os.fspath(folder.absolute())
        if key in _searched:
            return
        if len(_searched) >= _MOST_FOLDERS:
            _searched.clear()
        _searched.add(key)
    with contextlib.suppress(OSError, ValueError), os.scandir(folder) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                _remove_if_left(Path(entry.path))


def _remove_if_left(path: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if _locked(descriptor):
                path.unlink()
        finally:
            os.close(descriptor)


def _locked(descriptor: int) -> bool | None:
    """Whether the file is locked now, by this call; None where there are no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without them
        return None
    return True
