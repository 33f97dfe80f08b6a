"""From bytes to an `ImageHeader`: which container it is, how large, how deep; nothing is decoded and no pixels are allocated."""

from __future__ import annotations

from collections.abc import Callable

from router.containers.signatures import format_of, is_netpbm, not_read
from router.errors import InputError
from router.images.cicp import is_hdr_transfer
from router.images.decoders import avif, bmp, gif, jpeg, jxl, png, ppm, tiff, webp
from router.images.decoders.header import ImageHeader, format_refused
from router.images.left_behind import extra_parts
from router.reasons import ReasonCode

_PROBES: dict[str, Callable[[bytes], ImageHeader]] = {
    "bmp": bmp.probe,
    "gif": gif.probe,
    "iso": avif.probe,
    "jpeg": jpeg.probe,
    "jxl": jxl.probe,
    "png": png.probe,
    "ppm": ppm.probe,
    "tiff": tiff.probe,
    "webp": webp.probe,
}


def probe(data: bytes) -> ImageHeader:
    """The header of an image file in memory.

    Raises InputError: EMPTY_INPUT, NOT_AN_IMAGE (unknown signature), FORMAT_NOT_SUPPORTED (known, but not read),
    DAMAGED_IMAGE (cut off or contradictory inside the header).
    """
    if not data:
        raise InputError("the input is empty", code=ReasonCode.EMPTY_INPUT, hint="Pass the bytes of an image file")
    found = format_of(data)
    if found == "ncr":
        raise format_refused("An .ncr file")
    if found is not None:
        return _PROBES[found](data)
    name = not_read(data)
    if name is not None:
        raise format_refused(name)
    raise InputError(
        "this is not an image",
        code=ReasonCode.NOT_AN_IMAGE,
        hint="Readable: JPEG, PNG, WebP, AVIF, JPEG XL, GIF, BMP, TIFF, PPM",
    )


def recognised(head: bytes) -> tuple[str, bool] | None:
    """The name of a file's format by its first kilobytes, and whether it is read here; None for no image.

    The signature counts: the rest of the file may be damaged.
    """
    try:
        return probe(head).format, True
    except InputError as error:
        if error.code is ReasonCode.FORMAT_NOT_SUPPORTED:
            return str(error.details["format"]), False
        weak = is_netpbm(head)  # two letters that many a text begins with: here the whole header has to be right
        return ("image", True) if error.code is ReasonCode.DAMAGED_IMAGE and not weak else None


def is_hdr(data: bytes, header: ImageHeader | None = None) -> bool:
    """Whether the image is high dynamic range: PQ or HLG transfer (ITU-T H.273 codes 16, 18), or a gain map beside it.

    Read from cICP in PNG, nclx in AVIF, the colour encoding of JPEG XL, and the gain maps that `extra_data` finds.
    `header`: what `probe(data)` gave, to save doing it again. Raises InputError as `probe`.
    """
    header = probe(data) if header is None else header
    return is_hdr_transfer(header.cicp) or any(p.gain_map for p in extra_parts(data, header.format))
