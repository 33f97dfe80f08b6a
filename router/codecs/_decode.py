"""Decoding for every classical codec: the one reader of images, held to one format, its refusals as stream errors."""

from __future__ import annotations

from router.codecs.base import DecodedImage
from router.errors import InputError, StreamError
from router.limits import Limits
from router.reasons import ReasonCode

_STREAM_CODES = {
    ReasonCode.EMPTY_INPUT: ReasonCode.TRUNCATED,
    ReasonCode.NOT_AN_IMAGE: ReasonCode.UNKNOWN_STREAM,
    ReasonCode.FORMAT_NOT_SUPPORTED: ReasonCode.UNKNOWN_STREAM,
    ReasonCode.DAMAGED_IMAGE: ReasonCode.DAMAGED_STREAM,
}
"""What readers of sources say, in the words of streams. Other reasons are as true of a stream, which is whole."""


def decode_still(data: bytes, file_format: str, limits: Limits) -> DecodedImage:
    """Upright pixels and metadata of a still image in `file_format` (as in `Source.format`).

    Raises StreamError (UNKNOWN_STREAM for another format, TRUNCATED, DAMAGED_STREAM; MODE_NOT_SUPPORTED, DEPTH_NOT_SUPPORTED,
    ANIMATED and so on for what is whole and cannot be decoded here) and LimitError.
    """
    from router.images.read import read

    try:
        sample = read(data, limits=limits)
        if sample.source.format != file_format:
            raise StreamError(
                f"expected {file_format} data, found {sample.source.format}",
                code=ReasonCode.UNKNOWN_STREAM,
                hint="Name the codec that wrote it, or let the signature choose",
            )
        return DecodedImage(sample.pixels, sample.metadata)
    except InputError as error:
        code = _STREAM_CODES.get(error.code, error.code)
        raise StreamError(error.message, code=code, hint=error.hint, foreign=error.foreign, **error.details) from error
