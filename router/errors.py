"""Exceptions raised on purpose. Each carries a stable reason code, a way out and the CLI's exit code.

RouterError                     1
├── InputError                  3  the source cannot be read as one still image
│   ├── InvalidInputError       3  ValueError: it is there, and is no image that can be taken
│   ├── InputNotFoundError      3  FileNotFoundError
│   └── InputUnreadableError    3  OSError: a folder, a device, a failure of the disk or the connection
│       ├── InputPermissionError 3 PermissionError
│       └── InputTimeoutError   3  TimeoutError
├── UsageError                  2  ValueError: an argument is wrong
│   └── PolicyError             2  a policy file is missing or invalid (file, line, field)
├── RefusedError                4  refused by policy, by a limit, or to protect something
│   ├── LimitError              4  more pixels, a longer side or a larger file than allowed
│   │   └── MemoryLimitError    4  MemoryError: reading takes more memory than allowed, or than there is
│   ├── OutputExistsError       4  FileExistsError: would overwrite
│   ├── NoLaneError             4  every lane that the policy permits failed; `attempts` says why
│   ├── GuardError              4  what was written does not match the source closely enough
│   └── EvidenceError           4  the measured images do not support the claim that was asked for
├── CodecError                  1  a codec cannot or could not encode
│   ├── CodecMemoryError        1  MemoryError: encoding takes more memory than allowed, or than there is
│   ├── CarryError              4  the codec cannot carry this image or metadata
│   └── CodecUnavailableError   4  it cannot be loaded
│       ├── UnknownCodecError   4  ValueError: there is no codec of this id
│       └── MissingExtraError   4  ImportError: an extra that is not installed
├── StreamError                 5  ValueError: damaged, truncated, unknown or newer data
│   ├── NoRecordError           5  the data is fine but holds no decision record
│   └── ModelError              5  the stream needs a model that is not here
├── OutputNotWritableError      1  OSError: the output's folder is missing, full or not writable
│   └── OutputPermissionError   1  PermissionError
└── ArtefactError               1  a shipped or user-given model, detector or bundle is damaged

The built-in exception that is named beside a class is one of its bases, so that handlers written for it catch ours. The code
chooses the class, as the errno does of Python's OSError: `InputError(..., code=NOT_FOUND)` is an InputNotFoundError. Where
built-in exceptions are caught around a call of ours, RouterError comes first.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any, Self, cast

from router.reasons import ReasonCode


class RouterError(Exception):
    """Root of every exception that the package raises on purpose.

    Attributes:
        message: what happened, in our own words: it may end in a record.
        foreign: what a library said of it, given as its exception or text, "" if none did; for people and the log only.
        code: stable reason code.
        hint: what the caller can do about it; may be empty.
        details: JSON-able facts (sizes, names, limits).
        exit_code: what `codec-router` exits with.
        encoded: the finished image (`EncodedImage`), where only what comes after it failed: its log. Else None.
    """

    exit_code = 1
    encoded: Any = None

    def __new__(cls, *args: Any, code: ReasonCode | None = None, **details: Any) -> Self:
        """Make an instance of the class that `code` stands for, where that is a class below this one."""
        kind = cast("type[Self]", _kind(cls, code))
        # `super()` would come to MemoryError, whose own way of being made takes no class that has another layout.
        return (OSError if issubclass(kind, OSError) else Exception).__new__(kind, *args[:1])

    def __init__(self, message: str, *, code: ReasonCode, hint: str = "", foreign: object = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.foreign = _one_line(foreign)
        self.code = code
        self.hint = hint
        self.details = details
        _as_os_error(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), vars(self))  # keywords do not survive an exception's own way

    @property
    def told(self) -> str:
        """The message, and what a library said."""
        return f"{self.message}: {self.foreign}" if self.foreign else self.message

    def __str__(self) -> str:
        text = f"{self.told} [{self.code}]"
        return f"{text}. {self.hint}" if self.hint else text


def own_words(error: BaseException, *, ours: bool = True) -> str:
    """What a record may say of an error: our own message, else the name of its class.

    A library's text, and that of somebody else's codec (`ours` false), may name folders and files of this machine in any
    spelling; an artefact's error names its folder.
    """
    if ours and isinstance(error, RouterError) and not isinstance(error, ArtefactError):
        return error.message
    return type(error).__name__


def _one_line(said: object) -> str:
    if isinstance(said, str):
        return said
    lines = str(said).strip().splitlines()
    return f"{type(said).__name__}: {lines[0]}" if lines else type(said).__name__


class InputError(RouterError):
    """The source cannot be read as one still image."""

    exit_code = 3


class InvalidInputError(InputError, ValueError):
    """The source is there, and is no image that can be taken: empty, damaged, of another format or kind."""


class InputNotFoundError(InputError, FileNotFoundError):
    """There is nothing at the path or address that was named."""


class InputUnreadableError(InputError, OSError):
    """The source is a folder or a device, or the disk or the connection failed."""


class InputPermissionError(InputUnreadableError, PermissionError):
    """The source may not be read."""


class InputTimeoutError(InputUnreadableError, TimeoutError):
    """The source did not arrive in time."""


class UsageError(RouterError, ValueError):
    """An argument is wrong."""

    exit_code = 2


class PolicyError(UsageError):
    """A policy is missing or invalid; `details` has file, line, column, field or rule where known."""


class RefusedError(RouterError):
    """Refused by policy, by a limit, or to protect something."""

    exit_code = 4


class LimitError(RefusedError):
    """More pixels, a longer side or a larger file than allowed."""


class MemoryLimitError(LimitError, MemoryError):
    """Reading the source takes more memory than `Limits.memory` allows, or than there is."""


class OutputExistsError(RefusedError, FileExistsError):
    """The output is already there and overwriting was not asked for."""


class NoLaneError(RefusedError):
    """Every lane that the policy permits failed.

    `details["receiver_refuses"]` names codecs that were left out because the receiver does not take what they write.
    """

    def __init__(self, message: str, *, attempts: Sequence[Any] = (), hint: str = "", **details: Any) -> None:
        super().__init__(message, code=ReasonCode.NO_LANE_LEFT, hint=hint, **details)
        self.attempts = tuple(attempts)


class GuardError(RefusedError):
    """What was written does not match the source closely enough to be released."""


class EvidenceError(RefusedError):
    """The measured images do not support the claim that was asked for; `details` says how many would."""


class CodecError(RouterError):
    """A codec cannot or could not encode."""


class CodecMemoryError(CodecError, MemoryError):
    """Encoding takes more memory than `Limits.memory` allows, or than there is."""


class CarryError(CodecError):
    """The codec cannot carry this image or its metadata; it refuses rather than degrade silently."""

    exit_code = 4


class CodecUnavailableError(CodecError):
    """A codec cannot be loaded."""

    exit_code = 4


class UnknownCodecError(CodecUnavailableError, ValueError):
    """There is no codec of this id."""


class MissingExtraError(CodecUnavailableError, ImportError):
    """What was asked for needs an extra that is not installed; the hint says which."""


class StreamError(RouterError, ValueError):
    """Encoded data is damaged, truncated, unknown or newer than this reader."""

    exit_code = 5


class NoRecordError(StreamError):
    """The data holds no decision record."""


class ModelError(StreamError):
    """The stream needs a model that is not here, or names other weights than those here."""


class OutputNotWritableError(RouterError, OSError):
    """The output's folder is missing, full or not writable."""


class OutputPermissionError(OutputNotWritableError, PermissionError):
    """The output's folder, or the file to be replaced, may not be written."""


class ArtefactError(RouterError):
    """A model, detector or bundle file is damaged or inconsistent."""


_KINDS: dict[type[RouterError], tuple[dict[ReasonCode, type[RouterError]], type[RouterError] | None]] = {
    InputError: (
        {
            ReasonCode.NOT_FOUND: InputNotFoundError,
            ReasonCode.NOT_A_FILE: InputUnreadableError,
            ReasonCode.UNREADABLE: InputUnreadableError,
            ReasonCode.TIMED_OUT: InputTimeoutError,
        },
        InvalidInputError,
    ),
    LimitError: ({ReasonCode.MEMORY_LIMIT: MemoryLimitError, ReasonCode.OUT_OF_MEMORY: MemoryLimitError}, None),
    CodecError: ({ReasonCode.MEMORY_LIMIT: CodecMemoryError, ReasonCode.OUT_OF_MEMORY: CodecMemoryError}, None),
    CodecUnavailableError: ({ReasonCode.UNKNOWN_CODEC: UnknownCodecError, ReasonCode.MISSING_EXTRA: MissingExtraError}, None),
}
"""By the class that is raised: the class for a code, and that for any other."""

_ERRNO: tuple[tuple[type[OSError], int], ...] = (
    (FileNotFoundError, errno.ENOENT),
    (FileExistsError, errno.EEXIST),
    (PermissionError, errno.EACCES),
    (TimeoutError, errno.ETIMEDOUT),
)


def _kind(kind: type[RouterError], code: ReasonCode | None) -> type[RouterError]:
    by_code, otherwise = _KINDS.get(kind, ({}, None))
    return kind if code is None else by_code.get(code, otherwise or kind)


def _as_os_error(error: RouterError) -> None:
    """What handlers of an OSError ask it for."""
    if isinstance(error, OSError):
        error.errno = next((number for kind, number in _ERRNO if isinstance(error, kind)), None)
        error.strerror = error.message
        error.filename = error.details.get("path")


def _again(kind: type[RouterError], state: dict[str, Any]) -> RouterError:
    """An error out of its pickled state."""
    error = kind.__new__(kind, state["message"])
    error.args = (state["message"],)
    vars(error).update(state)
    _as_os_error(error)
    return error
