"""HTTP status codes for errors: one table, for handlers that answer a request with what `compress` raised."""

from __future__ import annotations

from router.errors import (
    ArtefactError,
    CodecUnavailableError,
    InputError,
    ModelError,
    NoLaneError,
    NoRecordError,
    OutputExistsError,
    PolicyError,
    RefusedError,
    RouterError,
    StreamError,
    UsageError,
)
from router.reasons import ReasonCode

BY_CODE = {
    ReasonCode.NOT_FOUND: 404,
    ReasonCode.NOT_AN_IMAGE: 415,
    ReasonCode.FORMAT_NOT_SUPPORTED: 415,
    ReasonCode.FILE_TOO_LARGE: 413,
    ReasonCode.TOO_MANY_PIXELS: 413,
    ReasonCode.SIDE_TOO_LONG: 413,
    ReasonCode.UNREADABLE: 500,
    ReasonCode.TIMED_OUT: 504,
}
"""Codes that say more than their exception does."""

BY_CLASS: tuple[tuple[type[RouterError], int], ...] = (
    (PolicyError, 500),
    (UsageError, 400),
    (InputError, 422),
    (OutputExistsError, 409),
    (CodecUnavailableError, 501),
    (RefusedError, 422),
    (NoRecordError, 404),
    (ModelError, 501),
    (StreamError, 422),
    (ArtefactError, 500),
)
"""The first class that fits decides; anything else is 500."""
NOT_ACCEPTABLE = 406
"""For a `NoLaneError` where the policy permits formats that the receiver does not take."""


def http_status(error: BaseException) -> int:
    """The status with which a web handler answers `error`: 4xx where the request is at fault, 5xx where the server is.

    400 for wrong arguments, 404 for what is not there, 406 where a client that takes another format would get one, 409 for an
    output that exists, 413 for images beyond the limits, 415 for what is no image or of an unknown format, 422 for an image that
    is damaged or refused, 501 for a codec or model that is not installed, 504 for a source that did not arrive in time, 500 for a
    policy or artefact at fault, and for every other exception.
    """
    if not isinstance(error, RouterError):
        return 500
    if isinstance(error, NoLaneError) and "receiver_refuses" in error.details:
        return NOT_ACCEPTABLE
    if error.code in BY_CODE:
        return BY_CODE[error.code]
    return next((status for kind, status in BY_CLASS if isinstance(error, kind)), 500)
