"""Files: read within limits; written whole or not at all, under a temporary name in the same folder and then renamed.

Addresses (`s3://...`) are read and written by `router.files.addresses`, as `read_named` and `write_named` tell them from paths.
"""

from __future__ import annotations

import errno
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from router.errors import (
    InputError,
    InputPermissionError,
    OutputExistsError,
    OutputNotWritableError,
    OutputPermissionError,
    RouterError,
    UsageError,
)
from router.files import addresses, leftovers
from router.limits import DEFAULT_LIMITS, Limits
from router.reasons import ReasonCode


def read_named(name: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The bytes of the file that a path or an address names; errors as `read_bytes` and `addresses.read`."""
    found = addresses.parse(name)
    return addresses.read(found, limits) if isinstance(found, addresses.Address) else read_bytes(found, limits)


def write_named(target: Path | addresses.Address, data: bytes, *, overwrite: bool = False) -> Path | addresses.Address:
    """Write the whole file or nothing; errors as `write_atomically` and `addresses.write`."""
    if isinstance(target, addresses.Address):
        return addresses.write(target, data, overwrite=overwrite)
    return write_atomically(target, data, overwrite=overwrite)


def write_atomically(path: Path, data: bytes | Callable[[BinaryIO], None], *, overwrite: bool = False) -> Path:
    """Write `data`, or what it writes when called, to `path`, making parent folders; the file appears complete or not at all.

    What writers that were killed have left in the folder is removed on the way.

    Raises OutputExistsError (OUTPUT_EXISTS) without `overwrite`, OutputNotWritableError for anything the file system refuses.
    """
    try:
        leftovers.remove(path.parent)
        if not overwrite and path.exists():
            raise _exists(path)
        _make_folder(path.parent)
        with leftovers.temporary(path) as (temporary, file):
            if callable(data):
                data(file)
            else:
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if not leftovers.HAS_LOCKS:
                file.close()
            if overwrite:
                os.replace(temporary, path)  # noqa: PTH105 - the atomic primitive, named as such
            else:
                _rename_new(temporary, path)
    except RouterError:
        raise
    except FileExistsError as error:
        raise _exists(path) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name, or one that the file system cannot encode
        kind = OutputPermissionError if isinstance(error, PermissionError) else OutputNotWritableError
        raise kind(
            f"cannot write {path}: {getattr(error, 'strerror', None) or error}", code=ReasonCode.OUTPUT_NOT_WRITABLE
        ) from error
    return path


def _make_folder(path: Path) -> None:
    addresses.check_local(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:  # it is the folder that is a file: nothing there would be overwritten
        raise NotADirectoryError(errno.ENOTDIR, f"{path} is a file, not a folder") from error


def is_file(path: Path) -> bool:
    """Whether it is a regular file, or a link to one; False also for names that the file system does not take."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, a folder that may not be entered, a NUL
        return False


def is_folder(path: Path) -> bool:
    """Whether it is a folder, or a link to one; False also for names that the file system does not take."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def exists(path: Path) -> bool:
    """Whether anything is there; False also for names that the file system does not take."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def read_bytes(path: Path, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """A regular file's bytes, its size checked first.

    Raises InputError (NOT_FOUND, NOT_A_FILE, UNREADABLE), LimitError (FILE_TOO_LARGE).
    """
    try:
        if not path.is_file():
            path.stat()  # tells a missing file from a directory or a device
            raise InputError(f"{path} is not a file", code=ReasonCode.NOT_A_FILE, hint="Name one image file")
        limits.check_bytes(path.stat().st_size)
        with path.open("rb") as file:
            return read_stream(file, limits)
    except RouterError:
        raise
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise InputError(f"there is no file {str(path)!r}", code=ReasonCode.NOT_FOUND, hint="Check the path") from error
    except OSError as error:
        kind = InputPermissionError if isinstance(error, PermissionError) else InputError
        raise kind(
            f"{path} cannot be read: {error.strerror}", code=ReasonCode.UNREADABLE, hint="Check its permissions"
        ) from error


def read_stream(file: BinaryIO, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """All that is left in a binary file object, in blocks, so that endless ones stop at the limit.

    Raises InputError (UNREADABLE), LimitError (FILE_TOO_LARGE), UsageError (BAD_ARGUMENT) for a file in text mode.
    """
    blocks: list[bytes] = []
    total = 0
    try:
        while block := file.read(1 << 20):
            if inspect.isawaitable(block):
                _close(block)
                raise UsageError(
                    "the file object is asynchronous",
                    code=ReasonCode.BAD_ARGUMENT,
                    hint="Pass its bytes: compress(await file.read()), in a thread so that the event loop goes on",
                )
            if not isinstance(block, (bytes, bytearray, memoryview)):
                raise UsageError(
                    "the file object gives text", code=ReasonCode.BAD_ARGUMENT, hint='Open the file in binary mode ("rb")'
                )
            blocks.append(bytes(block))
            total += len(block)
            limits.check_bytes(total)
    except RouterError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(
            f"the file object cannot be read: {error}", code=ReasonCode.UNREADABLE, hint="Open it for reading in binary mode"
        ) from error
    return b"".join(blocks)


def to_rewind(file: BinaryIO) -> str:
    """A way out for a file object that gave no bytes."""
    try:
        position = file.tell()
    except (AttributeError, OSError, ValueError):  # a pipe, or an object that only reads
        position = 0
    return "It is at its end: call its seek(0) first" if position else "Pass a file object that has an image to give"


def _close(awaitable: object) -> None:
    """A coroutine that nobody awaits is closed, so that Python does not warn about it."""
    if inspect.iscoroutine(awaitable):
        awaitable.close()


def _rename_new(temporary: Path, path: Path) -> None:
    """Rename without replacing: a link fails if somebody wrote `path` in the meantime."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: the check above is the best there is
        os.replace(temporary, path)  # noqa: PTH105


def _exists(path: Path) -> OutputExistsError:
    return OutputExistsError(
        f"{path} already exists", code=ReasonCode.OUTPUT_EXISTS, hint="Pass overwrite=True, or --force", path=str(path)
    )
