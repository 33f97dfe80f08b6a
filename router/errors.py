"""Exceptions raised on purpose. Each carries a stable reason code, a way out and the CLI's exit code.

RouterError                     1
├── InputError                  3  the source cannot be read as one still image
├── UsageError                  2  an argument is wrong
│   └── PolicyError             2  a policy file is missing or invalid (file, line, field)
├── RefusedError                4  refused by policy, by a limit, or to protect something
│   ├── LimitError              4  more pixels, a longer side or a larger file than allowed
│   ├── OutputExistsError       4  would overwrite
│   ├── NoLaneError             4  every lane that the policy permits failed; `attempts` says why
│   ├── GuardError              4  what was written does not match the source closely enough
│   └── EvidenceError           4  the measured images do not support the claim that was asked for
├── CodecError                  1  a codec cannot or could not encode
│   ├── CarryError              4  the codec cannot carry this image or metadata
│   └── CodecUnavailableError   4  unknown id, or an extra that is not installed
├── StreamError                 5  damaged, truncated, unknown or newer data
│   ├── NoRecordError           5  the data is fine but holds no decision record
│   └── ModelError              5  the stream needs a model that is not here
├── OutputNotWritableError      1  the output's folder is missing, full or not writable
└── ArtefactError               1  a shipped or user-given model, detector or bundle is damaged
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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

    def __init__(self, message: str, *, code: ReasonCode, hint: str = "", foreign: object = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.foreign = _one_line(foreign)
        self.code = code
        self.hint = hint
        self.details = details

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


class UsageError(RouterError):
    """An argument is wrong."""

    exit_code = 2


class PolicyError(UsageError):
    """A policy is missing or invalid; `details` has file, line, column, field or rule where known."""


class RefusedError(RouterError):
    """Refused by policy, by a limit, or to protect something."""

    exit_code = 4


class LimitError(RefusedError):
    """More pixels, a longer side or a larger file than allowed."""


class OutputExistsError(RefusedError):
    """The output is already there and overwriting was not asked for."""


class NoLaneError(RefusedError):
    """Every lane that the policy permits failed."""

    def __init__(self, message: str, *, attempts: Sequence[Any] = (), hint: str = "", **details: Any) -> None:
        super().__init__(message, code=ReasonCode.NO_LANE_LEFT, hint=hint, **details)
        self.attempts = tuple(attempts)


class GuardError(RefusedError):
    """What was written does not match the source closely enough to be released."""


class EvidenceError(RefusedError):
    """The measured images do not support the claim that was asked for; `details` says how many would."""


class CodecError(RouterError):
    """A codec cannot or could not encode."""


class CarryError(CodecError):
    """The codec cannot carry this image or its metadata; it refuses rather than degrade silently."""

    exit_code = 4


class CodecUnavailableError(CodecError):
    """Unknown codec id, or an extra that is not installed."""

    exit_code = 4


class StreamError(RouterError):
    """Encoded data is damaged, truncated, unknown or newer than this reader."""

    exit_code = 5


class NoRecordError(StreamError):
    """The data holds no decision record."""


class ModelError(StreamError):
    """The stream needs a model that is not here, or names other weights than those here."""


class OutputNotWritableError(RouterError):
    """The output's folder is missing, full or not writable."""


class ArtefactError(RouterError):
    """A model, detector or bundle file is damaged or inconsistent."""


def _again(kind: type[RouterError], state: dict[str, Any]) -> RouterError:
    """An error out of its pickled state."""
    error = kind.__new__(kind, state["message"])
    error.args = (state["message"],)
    vars(error).update(state)
    return error
