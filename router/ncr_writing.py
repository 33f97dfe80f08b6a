"""Writing `.ncr` for other libraries' image objects, which know a quality or a rate and no policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from router.api import compress
from router.errors import UsageError
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from router.images.read import ImageSource
    from router.quality.target import Number

QUALITY = 70


def encode(source: ImageSource, quality: Number | None = None, rate: int | None = None) -> bytes:
    """The file, at a quality (SSIMULACRA2) that is searched for and guarded, or at a fixed rate, released as it is.

    Raises UsageError for both, and what `router.compress` does.
    """
    if rate is None:
        return compress(source, codec="ncr", quality=QUALITY if quality is None else quality).data
    if quality is not None:
        raise UsageError("quality and rate exclude each other", code=ReasonCode.BAD_ARGUMENT, hint="Leave one out")
    return compress(source, codec="ncr", settings={"rate": rate}, on_guard_fail="release").data
