"""What a file holds beside its picture.

It is told before a whole file goes out although its metadata may not, and before a picture is encoded again and the rest
stays behind. One module a format; each lists everything that it does not know as picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from router.containers.parts import TooManyPartsError
from router.errors import InputError, StreamError
from router.images.left_behind import avif, bitmaps, gif, jpeg, jxl, png, tiff, webp
from router.images.left_behind.extra_part import MANY, ExtraPart

__all__ = ["ExtraPart", "extra_parts", "holds_only_picture"]

_FORMATS: dict[str, Callable[[bytes], Iterator[ExtraPart]]] = {
    "avif": avif.extra_parts,
    "bmp": bitmaps.bmp,
    "gif": gif.extra_parts,
    "jpeg": jpeg.extra_parts,
    "jxl": jxl.extra_parts,
    "png": png.extra_parts,
    "ppm": bitmaps.netpbm,
    "tiff": tiff.extra_parts,
    "webp": webp.extra_parts,
}
_UNSURE = {"gif", "tiff", "ppm"}
"""Formats whose own fields hold more than pictures need: they are never taken for a picture only."""


def extra_parts(data: bytes, file_format: str) -> tuple[ExtraPart, ...]:
    """Everything in a file beside its picture and what its colours mean, each kind once, in the order in which it was found.

    Of a file that is damaged, what was found before the damage; for formats without a rule here, nothing.
    """
    return _found(data, file_format)[0]


def holds_only_picture(data: bytes, file_format: str) -> bool:
    """Whether a file holds its picture and what its colours mean, and nothing else: no EXIF, XMP, text, thumbnail or tail.

    True only where that is certain; formats without a rule here: False.
    """
    found, whole = _found(data, file_format)
    if not whole or file_format in _UNSURE or not all(p.harmless for p in found):
        return False
    return file_format != "png" or not png.hides(data)


def _found(data: bytes, file_format: str) -> tuple[tuple[ExtraPart, ...], bool]:
    """What was found, and whether the walk came to the end of the file."""
    found: dict[ExtraPart, None] = {}
    try:
        for part in _FORMATS[file_format](data) if file_format in _FORMATS else ():
            found[part] = None
    except TooManyPartsError:
        return (*found, MANY), False
    except (StreamError, InputError):
        return tuple(found), False
    return tuple(found), file_format in _FORMATS
