"""Encoding through Pillow: arrays to images, images to bytes, and its errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

from router.errors import CodecError
from router.images.sample import Pixels
from router.process.forks import Lock, in_children
from router.process.memory import is_out_of_memory
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from PIL import Image


def to_image(pixels: Pixels) -> Image.Image:
    """(H, W, C) uint8 with C in 1 to 4, or (H, W, 1) uint16, as a Pillow image (L, LA, RGB, RGBA, I;16)."""
    from PIL import Image

    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def save(codec_id: str, image: Image.Image, file_format: str, **options: Any) -> bytes:
    """The image as a file. Raises CodecError (ENCODE_FAILED) whatever goes wrong inside."""
    out = BytesIO()
    try:
        image.save(out, file_format, **options)
    except Exception as error:  # plugins raise whatever their C library made of it
        raise encode_failed(codec_id, error) from error
    return out.getvalue()


@contextmanager
def reserve(size: int) -> Iterator[None]:
    """Let Pillow's encoders write up to `size` bytes at once.

    libjpeg wants one buffer for a whole progressive or optimised file; Pillow guesses a byte per pixel, which noise at high
    quality and very narrow images exceed. The only way to ask for more is this module variable; it changes no output.
    """
    from PIL import ImageFile

    global _users, _before
    with _lock:
        if _users == 0:
            _before = ImageFile.MAXBLOCK
        _users += 1
        ImageFile.MAXBLOCK = max(ImageFile.MAXBLOCK, size)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                ImageFile.MAXBLOCK = _before


_lock = Lock()
_users = 0
_before = 0


def _renew() -> None:
    """In a child of a fork, the other threads that asked for room are not there."""
    global _users
    if _users:
        from PIL import ImageFile

        ImageFile.MAXBLOCK = _before
        _users = 0


in_children(_renew)


def encode_failed(codec_id: str, error: BaseException | str) -> CodecError:
    """The refusal for a library that failed while encoding (OUT_OF_MEMORY where that is why), or with our own words for it."""
    if isinstance(error, BaseException) and is_out_of_memory(error):
        return CodecError(
            f"not enough memory to encode {codec_id}",
            code=ReasonCode.OUT_OF_MEMORY,
            hint="Choose another codec",
            foreign=error,
        )
    ours = f": {error}" if isinstance(error, str) else ""
    return CodecError(
        f"{codec_id} could not encode{ours}",
        code=ReasonCode.ENCODE_FAILED,
        hint="Choose another codec",
        foreign="" if ours else error,
    )


def missing_feature(feature: str) -> str | None:
    """An install hint if this build of Pillow lacks `feature` ("avif", "webp"), else None."""
    from PIL import features

    return None if features.check(feature) else f"pip install --force-reinstall 'pillow>=12' (this build has no {feature})"
