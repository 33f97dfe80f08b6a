"""What a file holds beside its picture: told before a whole file goes out although its metadata may not, and before a picture is
encoded again and the rest stays behind. One module a format; each lists everything that it does not know as picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from router.containers.parts import TooManyPartsError
from router.errors import InputError, StreamError
from router.images.left_behind import avif, bitmaps, gif, jpeg, jxl, png, tiff, webp
from router.images.left_behind.passenger import MANY, Passenger

__all__ = ["Passenger", "holds_only_picture", "passengers"]

_FORMATS: dict[str, Callable[[bytes], Iterator[Passenger]]] = {
    "avif": avif.passengers,
    "bmp": bitmaps.bmp,
    "gif": gif.passengers,
    "jpeg": jpeg.passengers,
    "jxl": jxl.passengers,
    "png": png.passengers,
    "ppm": bitmaps.netpbm,
    "tiff": tiff.passengers,
    "webp": webp.passengers,
}
_UNSURE = {"gif", "tiff", "ppm"}
"""Formats whose own fields hold more than pictures need: they are never taken for a picture only."""


def passengers(data: bytes, file_format: str) -> tuple[Passenger, ...]:
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


def _found(data: bytes, file_format: str) -> tuple[tuple[Passenger, ...], bool]:
    """What was found, and whether the walk came to the end of the file."""
    found: dict[Passenger, None] = {}
    try:
        for passenger in _FORMATS[file_format](data) if file_format in _FORMATS else ():
            found[passenger] = None
    except TooManyPartsError:
        return (*found, MANY), False
    except (StreamError, InputError):
        return tuple(found), False
    return tuple(found), file_format in _FORMATS
