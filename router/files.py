"""Files are written whole or not at all: a temporary name in the same folder, then a rename."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from router.errors import InputError, OutputExistsError, RouterError
from router.images.limits import DEFAULT_LIMITS, Limits
from router.reasons import ReasonCode


class OutputNotWritableError(RouterError):
    """The output's folder is missing, full or not writable."""


def write_atomically(path: Path, data: bytes, *, overwrite: bool = False) -> Path:
    """Write `data` to `path`, making parent folders; the file appears complete or not at all.

    Raises OutputExistsError (OUTPUT_EXISTS) without `overwrite`, OutputNotWritableError for anything the file system refuses.
    """
    if not overwrite and path.exists():
        raise _exists(path)
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".part")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_UMASK)
        if overwrite:
            os.replace(temporary, path)  # noqa: PTH105 - the atomic primitive, named as such
        else:
            _rename_new(Path(temporary), path)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise OutputNotWritableError(
            f"cannot write {path}: {error.strerror or error}", code=ReasonCode.OUTPUT_NOT_WRITABLE
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
    return path


def read_bytes(path: Path, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """A file's bytes, its size checked first. Raises InputError (NOT_FOUND, NOT_A_FILE, UNREADABLE) or LimitError."""
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder", code=ReasonCode.NOT_A_FILE)
        limits.check_bytes(path.stat().st_size)
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist", code=ReasonCode.NOT_FOUND) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}", code=ReasonCode.UNREADABLE) from error


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


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


_UMASK = _umask()
