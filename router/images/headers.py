"""From bytes to a `Header`: which container it is, how large, how deep; nothing is decoded and no pixels are allocated."""

from __future__ import annotations

import re

from router.errors import InputError
from router.images.cicp import is_hdr_transfer
from router.images.formats import avif, bmp, gif, jpeg, jxl, png, ppm, tiff, webp
from router.images.formats.header import Header, format_refused
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
    (b"\x00\x00\x01\x00", "Windows icon"),
    (b"\x00\x00\x02\x00", "Windows cursor"),
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
    if data[128:132] == b"DICM" and data.startswith(_TIFF):
        raise format_refused("DICOM")  # its preamble may be a TIFF's head, so that both readers find something
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
    if data[128:132] == b"DICM":
        raise format_refused("DICOM")
    if _SVG.match(data) and b"<svg" in data[:65536]:
        raise format_refused("SVG")
    raise InputError(
        "this is not an image",
        code=ReasonCode.NOT_AN_IMAGE,
        hint="Readable: JPEG, PNG, WebP, AVIF, JPEG XL, GIF, BMP, TIFF, PPM",
    )


def is_hdr(data: bytes, header: Header | None = None) -> bool:
    """Whether the image is high dynamic range: PQ or HLG transfer (ITU-T H.273 codes 16, 18), or a gain map beside it.

    Read from cICP in PNG, nclx in AVIF, the colour encoding of JPEG XL, and the gain-map marks of Ultra HDR and ISO 21496-1.
    `header`: what `probe(data)` gave, to save doing it again. Raises InputError as `probe`.
    """
    header = probe(data) if header is None else header
    return header.gain_map or is_hdr_transfer(header.cicp)
