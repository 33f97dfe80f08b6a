"""Which format a file is in, by its signature; nothing else of it is looked at, and the rest may be damaged."""

from __future__ import annotations

import re

from router.containers.jxl import CODESTREAM, CONTAINER
from router.containers.ncr import SIGNATURE as NCR
from router.containers.png import PNG_SIGNATURE

JPEG = b"\xff\xd8\xff"
_START = (
    (JPEG, "jpeg"),
    (PNG_SIGNATURE, "png"),
    (CODESTREAM, "jxl"),
    (CONTAINER, "jxl"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    *((signature, "tiff") for signature in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")),
    (b"BM", "bmp"),
)
_NOT_READ = (
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


def format_of(data: bytes) -> str | None:
    """The format's name in lower case: one that is read here, "ncr", or "iso" for an ISO base media file; None for all others.

    An .ncr file that a text channel has changed (no highest bit, other line ends) is one still: its parser says what happened.
    """
    if is_dicom(data):
        return None
    if data[:1] in (NCR[:1], bytes([NCR[0] & 0x7F])) and data[1:4] == NCR[1:4]:
        return "ncr"
    for signature, name in _START:
        if data.startswith(signature):
            return name
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp":
        return "iso"
    return "ppm" if _NETPBM.match(data) else None


def not_read(data: bytes) -> str | None:
    """The name, for a person, of a known format that is not read here; None for all others."""
    if is_dicom(data):
        return "DICOM"
    for signature, name in _NOT_READ:
        if data.startswith(signature):
            return name
    if _is_icon(data):
        return "Windows icon" if data[2] == 1 else "Windows cursor"
    if _is_tga(data):
        return "TGA"
    return "SVG" if _SVG.match(data) and b"<svg" in data[:65536] else None


def is_dicom(data: bytes) -> bool:
    """Whether it is DICOM, whatever its preamble looks like: often the start of a TIFF."""
    return data[128:132] == b"DICM" and not data.startswith((JPEG, PNG_SIGNATURE[:4]))


def is_netpbm(data: bytes) -> bool:
    """Whether it begins as Netpbm files do: with two letters that many a text begins with."""
    return _NETPBM.match(data) is not None


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
