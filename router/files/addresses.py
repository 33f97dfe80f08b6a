"""Addresses of files that lie elsewhere, `s3://bucket/cat.png`, `https://...`, `sftp://...`: read and written through fsspec.

What is needed to get in (keys, endpoints) is taken from where fsspec and the package of the protocol take it: their environment
variables and configuration files. Secrets inside an address reach no message, record or log.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from router.errors import (
    CodecUnavailableError,
    InputError,
    InputPermissionError,
    OutputExistsError,
    OutputNotWritableError,
    OutputPermissionError,
    RouterError,
    UsageError,
)
from router.extras import install_hint
from router.limits import DEFAULT_LIMITS, Limits
from router.reasons import ReasonCode

_ADDRESS = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*::)*[A-Za-z][A-Za-z0-9+.-]+://")
"""A scheme has two letters at least: `C:\\` is a drive. `simplecache::s3://` is one address with a cache before it."""
_COLLAPSED = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_WHOLE = frozenset({"http", "https", "memory", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci"})
"""Stores in which a file appears when all of it is there, and in which folders need not be made."""
_END_OF_LINK = re.compile("::")
_END_OF_URL = re.compile(r"::|[?#]")
_WEB = frozenset({"http", "https"})
_FORBIDDEN = (401, 403)
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Address:
    """Where a file lies elsewhere. `str` of it shows no secrets; `text` is the whole."""

    text: str

    def __str__(self) -> str:
        return "::".join(_shown(part) for part in self.text.split("::"))

    __repr__ = __str__

    @property
    def name(self) -> str:
        """The last part of the path, "" where the address ends in a slash."""
        return self._parts()[1].rpartition("/")[2]

    def with_name(self, name: str) -> Address:
        """Its neighbour of this name."""
        before, path, after = self._parts()
        return Address(f"{before}{path.removesuffix(self.name)}{name}{after}")

    def _parts(self) -> tuple[str, str, str]:
        """What comes before the path, the path, and what follows: a query, the rest of a chain."""
        start = self.text.index("://") + 3
        ends = _END_OF_URL if self.text[: start - 3].rpartition("::")[2].lower() in _WEB else _END_OF_LINK
        end = ends.search(self.text, start)
        stop = end.start() if end else len(self.text)
        return self.text[:start], self.text[start:stop], self.text[stop:]


def parse(name: str | os.PathLike[str]) -> Path | Address:
    """What a path or an address names: `file://` and all without a scheme is a path of this machine.

    Raises UsageError (BAD_ARGUMENT) for an address whose slashes `pathlib` has joined.
    """
    text = os.fspath(name)
    if isinstance(text, str) and _ADDRESS.match(text):
        if text.lower().startswith(("file://", "local://")):
            return Path(unquote(urlsplit(text).path))
        return Address(text)
    return check_local(Path(text))


def check_local(path: Path) -> Path:
    """`path`, unless it begins like an address: `Path("s3://bucket")` is `s3:/bucket`, and would become a folder `s3:`.

    Raises UsageError (BAD_ARGUMENT).
    """
    first = path.parts[0] if path.parts else ""
    if len(path.parts) > 1 and _COLLAPSED.fullmatch(first) and not os.path.isdir(first):  # noqa: PTH112 - never raises
        raise UsageError(
            f"{Address(f'{first}//' + '/'.join(path.parts[1:]))} is an address, and this takes a path",
            code=ReasonCode.BAD_ARGUMENT,
            hint="Functions of the library take addresses as text (str): Path joins their slashes",
        )
    return path


def shown(name: str | os.PathLike[str]) -> str:
    """A path or an address as records and messages may show it: without secrets."""
    text = os.fspath(name)
    return str(Address(text)) if isinstance(text, str) and _ADDRESS.match(text) else str(name)


def read(address: Address, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The file's bytes. Its size is checked first where the store tells it, and while it is read.

    Raises InputError (NOT_FOUND, NOT_A_FILE, UNREADABLE, TIMED_OUT), LimitError (FILE_TOO_LARGE), UsageError for an unknown
    scheme, MissingExtraError for one whose package is not installed.
    """
    with _typed_reading(address):
        system, path = _opened(address)
        if _protocols(system) & _WEB:  # what a server says of the size need not be true
            with system.open(path, "rb", block_size=0) as file:
                limits.check_bytes(getattr(file, "size", None) or 0)
                return _streamed(file, limits)
        found = system.info(path)
        if found.get("type") == "directory":
            raise IsADirectoryError
        if not isinstance(found.get("size"), int):
            with system.open(path, "rb") as file:
                return _streamed(file, limits)
        limits.check_bytes(found["size"])
        data: bytes = system.cat_file(path)
        limits.check_bytes(len(data))
        return data


def write(address: Address, data: bytes, *, overwrite: bool = False) -> Address:
    """Put the file there; it appears complete or not at all.

    Object stores take it in one piece. Elsewhere it gets a temporary name first, as on a disk, and folders are made.

    Raises OutputExistsError (OUTPUT_EXISTS) without `overwrite`, OutputNotWritableError for whatever the store refuses;
    UsageError and MissingExtraError as `read`.
    """
    with _typed_writing(address):
        system, path = _opened(address)
        if not overwrite and _kind(system, path) is not None:
            raise _exists(address)
        if _protocols(system) & _WHOLE:
            try:
                _put(system, path, data, overwrite)
            except FileExistsError as error:
                if _kind(system, path) is None:  # a file is in the place of a folder
                    raise
                raise _exists(address) from _cause(address, error)  # somebody was faster
        else:
            _put_and_rename(system, path, data)
    return address


def is_folder(address: Address) -> bool:
    """Whether there is a folder. Raises as `write`."""
    with _typed_writing(address):
        return _kind(*_opened(address)) == "directory"


def _opened(address: Address) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise CodecUnavailableError(
            f"{address} is read and written through fsspec, which is not installed",
            code=ReasonCode.MISSING_EXTRA,
            hint=f"{install_hint('remote')}, or pass the file's bytes",
        ) from error
    scheme = address.text.partition("://")[0].rpartition("::")[2]
    try:
        system, path = url_to_fs(address.text)
    except ImportError as error:
        raise CodecUnavailableError(
            f"{scheme}:// needs a package that is not installed",
            code=ReasonCode.MISSING_EXTRA,
            hint=str(error) or f"Install fsspec's package for {scheme}://",
        ) from error
    except ValueError as error:
        if not str(error).startswith("Protocol not known"):
            raise
        raise UsageError(
            f"{scheme}:// is no scheme that is known here",
            code=ReasonCode.BAD_ARGUMENT,
            hint="Known are those of fsspec: s3, gs, az, http, https, sftp, ftp, memory and others",
        ) from None
    return system, str(path)


def _protocols(system: Any) -> frozenset[str]:
    return frozenset({system.protocol} if isinstance(system.protocol, str) else system.protocol)


def _streamed(file: Any, limits: Limits) -> bytes:
    blocks, total = [], 0
    while block := file.read(_BLOCK):
        blocks.append(block)
        total += len(block)
        limits.check_bytes(total)
    return b"".join(blocks)


def _kind(system: Any, path: str) -> str | None:
    """`file`, `directory`, ... of what is there; None for nothing."""
    system.invalidate_cache()  # listings are kept for the life of the process
    try:
        return str(system.info(path)["type"])
    except FileNotFoundError as error:
        if _told(error) is error:
            return None
        raise


def _put(system: Any, path: str, data: bytes, overwrite: bool) -> None:
    exclusive = not overwrite and "mode" in signature(system.pipe_file).parameters
    system.pipe_file(path, data, **({"mode": "create"} if exclusive else {}))


def _put_and_rename(system: Any, path: str, data: bytes) -> None:
    folder, _, name = path.rpartition("/")
    if folder:
        system.makedirs(folder, exist_ok=True)
    temporary = f"{folder}/.{name[:40]}.{secrets.token_hex(4)}.codec-router.part"
    try:
        system.pipe_file(temporary, data)
        system.mv(temporary, path)
    except BaseException:
        with suppress(Exception):  # the first error is the one to tell
            system.rm_file(temporary)
        raise


@contextmanager
def _typed_reading(address: Address) -> Iterator[None]:
    try:
        yield
    except RouterError:
        raise
    except Exception as raised:  # of any package behind fsspec
        raise _reading(address, _told(raised)) from _cause(address, raised)


def _reading(address: Address, error: BaseException) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError(f"there is no file {address}", code=ReasonCode.NOT_FOUND, hint="Check the address")
    if isinstance(error, IsADirectoryError):
        return InputError(f"{address} is a folder", code=ReasonCode.NOT_A_FILE, hint="Name one image file")
    if _is_forbidden(error):
        hint = "Check the credentials that this process has for it"
        return InputPermissionError(f"{address} may not be read", code=ReasonCode.UNREADABLE, hint=hint)
    if isinstance(error, TimeoutError):
        return InputError(f"{address} did not arrive in time", code=ReasonCode.TIMED_OUT, hint="Try again later")
    return InputError(
        f"{address} cannot be read: {_named(error)}",
        code=ReasonCode.UNREADABLE,
        hint="Check the address, the connection, and the credentials that this process has for it",
    )


@contextmanager
def _typed_writing(address: Address) -> Iterator[None]:
    try:
        yield
    except RouterError:
        raise
    except Exception as raised:  # of any package behind fsspec
        error = _told(raised)
        kind = OutputPermissionError if _is_forbidden(error) else OutputNotWritableError
        raise kind(
            f"cannot write {address}: {_named(error)}",
            code=ReasonCode.OUTPUT_NOT_WRITABLE,
            hint="Check the address, the connection, and the credentials that this process has for it",
        ) from _cause(address, raised)


def _exists(address: Address) -> OutputExistsError:
    return OutputExistsError(
        f"{address} already exists", code=ReasonCode.OUTPUT_EXISTS, hint="Pass overwrite=True, or --force", path=str(address)
    )


def _told(error: BaseException) -> BaseException:
    """What was behind it: over HTTP, fsspec says of every failure that the file is not there."""
    cause = error.__cause__
    if isinstance(error, FileNotFoundError) and cause is not None and getattr(cause, "status", None) not in (404, 410):
        return cause
    return error


def _is_forbidden(error: BaseException) -> bool:
    return isinstance(error, PermissionError) or getattr(error, "status", None) in _FORBIDDEN


def _named(error: BaseException) -> str:
    """An error without its own text, in which addresses and headers may stand."""
    number = getattr(error, "errno", None)
    status = getattr(error, "status", None)
    if isinstance(error, NotImplementedError):
        return "not over this protocol"
    name = type(error).__name__
    if isinstance(status, int):
        return f"{name}, status {status}"
    return f"{name}, {os.strerror(number)}" if isinstance(number, int) and number > 0 else name


def _cause(address: Address, error: BaseException) -> BaseException | None:
    """For `raise ... from`: tracebacks show the cause, which may quote an address with its secrets."""
    return error if str(address) == address.text else None


def _shown(part: str) -> str:
    part = re.sub(r"://(?:[^/@]*:[^@]*|[^/@]*)@", "://", part)
    return re.sub(r"[?#].*", "", part, flags=re.DOTALL)
