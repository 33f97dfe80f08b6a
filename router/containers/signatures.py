"""From bytes to a `Header`: which container it is, how large, how deep; nothing is decoded and no pixels are allocated."""

from __future__ import annotations

import re

from router.errors import InputError
from router.images.cicp import is_hdr_transfer
from router.images.decoders import avif, bmp, gif, jpeg, jxl, png, ppm, tiff, webp
from router.images.decoders.header import Header, format_refused
from router.images.left_behind import passengers
from router.reasons import ReasonCode

__all__ = ["Header", "is_hdr", "probe"]

_JXL_CONTAINER = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_READ = (
    (b"\xff\xd8\xff", jpeg.probe),
    (b"\x89PNG\r\n\x1a\n", png.probe),
    (b"\xff\x0a", jxl.probe),
    (_JXL_CONTAINER, jxl.probe),
    (b"GIF87a", gif.probe),
    (b"GIF89a", gif.probe),
    *((signature, tiff.probe) for signature in _TIFF),
    (b"BM", bmp.probe),
)
_REFUSED = (
    (b"\x8bNCR", "An .ncr file"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"8BPS", "Photoshop"),
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"II\xbc", "JPEG XR"),
    (b"IIRO", "camera raw"),
    (b"IIU\x00", "camera raw"),
    (b"FUJIFILM", "camera raw"),
    (b"qoif", "QOI"),
    (b"SIMPLE  =", "FITS"),
    (b"DDS ", "DirectDraw surface"),
    (b"AT&TFORM", "DjVu"),
    (b"FLIF", "FLIF"),
    (b"BPG\xfb", "BPG"),
    (b"farbfeld", "farbfeld"),
    (b"P7\n", "Netpbm PAM"),
    (b"PF\n", "Netpbm floating-point map"),
    (b"Pf\n", "Netpbm floating-point map"),
    (b"gimp xcf", "GIMP"),
)
_NETPBM = re.compile(rb"P[1-6][\s#]")
_SVG = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?xml|<!--|<!DOCTYPE|<svg)", re.IGNORECASE)


def probe(data: bytes) -> Header:
    """The header of an image file in memory.

    Raises InputError: EMPTY_INPUT, NOT_AN_IMAGE (unknown signature), FORMAT_NOT_SUPPORTED (known, but not read),
    DAMAGED_IMAGE (cut off or contradictory inside the header).
    """
    if not data:
        raise InputError("the input is empty", code=ReasonCode.EMPTY_INPUT, hint="Pass the bytes of an image file")
    if data[128:132] == b"DICM" and not data.startswith((b"\xff\xd8\xff", b"\x89PNG")):
        raise format_refused("DICOM")  # whatever its preamble looks like: often the start of a TIFF
    for signature, reader in _READ:
        if data.startswith(signature):
            return reader(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return webp.probe(data)
    if data[4:8] == b"ftyp":
        return avif.probe(data)
    if _NETPBM.match(data):
        return ppm.probe(data)
    for signature, name in _REFUSED:
        if data.startswith(signature):
            raise format_refused(name)
    if _is_icon(data):
        raise format_refused("Windows icon" if data[2] == 1 else "Windows cursor")
    if _is_tga(data):
        raise format_refused("TGA")
    if _SVG.match(data) and b"<svg" in data[:65536]:
        raise format_refused("SVG")
    raise InputError(
        "this is not an image",
        code=ReasonCode.NOT_AN_IMAGE,
        hint="Readable: JPEG, PNG, WebP, AVIF, JPEG XL, GIF, BMP, TIFF, PPM",
    )


def recognised(head: bytes) -> tuple[str, bool] | None:
    """Of a file that begins with `head` (some kilobytes): its format's name, and whether it is read here; None for no image.

    The signature counts: the rest of the file may be damaged.
    """
    try:
        return probe(head).format, True
    except InputError as error:
        if error.code is ReasonCode.FORMAT_NOT_SUPPORTED:
            return str(error.details["format"]), False
        weak = _NETPBM.match(head)  # two letters that many a text begins with: here the whole header has to be right
        return ("image", True) if error.code is ReasonCode.DAMAGED_IMAGE and not weak else None


def _is_icon(data: bytes) -> bool:
    """Type 1 or 2, and a first entry whose picture lies in the file."""
    count, size, offset = (int.from_bytes(data[i:j], "little") for i, j in ((4, 6), (14, 18), (18, 22)))
    return data[:4] in (b"\0\0\1\0", b"\0\0\2\0") and count > 0 and 6 + 16 * count <= offset < offset + size <= len(data)


def _is_tga(data: bytes) -> bool:
    """The signature at the end that version 2 has, or a header that makes sense: TGA has none at its start."""
    if data.endswith(b"TRUEVISION-XFILE.\0"):
        return True
    if len(data) < 19 or data[1] > 1 or data[2] not in (1, 2, 3, 9, 10, 11, 32, 33) or data[17] & 0xC0:
        return False
    mapped, map_bits, bits = data[2] in (1, 9, 32, 33), data[7], data[16]
    if mapped != (data[1] == 1) or (map_bits not in (15, 16, 24, 32) if mapped else any(data[3:8])):
        return False
    depths = (8, 16) if mapped or data[2] in (3, 11) else (15, 16, 24, 32)
    return bits in depths and any(data[12:14]) and any(data[14:16])


def is_hdr(data: bytes, header: Header | None = None) -> bool:
    """Whether the image is high dynamic range: PQ or HLG transfer (ITU-T H.273 codes 16, 18), or a gain map beside it.

    Read from cICP in PNG, nclx in AVIF, the colour encoding of JPEG XL, and the gain maps that `extra_data` finds.
    `header`: what `probe(data)` gave, to save doing it again. Raises InputError as `probe`.
    """
    header = probe(data) if header is None else header
    return is_hdr_transfer(header.cicp) or any(p.gain_map for p in passengers(data, header.format))
