"""JPEG (ITU-T T.81): baseline, extended, progressive, and lossless with Huffman coding; 8 bits, gray and colour."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from router.containers.jpeg import walk_jpeg
from router.containers.metadata import Metadata
from router.errors import InputError
from router.images.decoders.header import ImageHeader, ReadPlan, damaged, depth_refused, format_refused, mode_refused, parts, take
from router.images.decoders.pillow import StrictFile, decoding, expect, load_strictly, to_array
from router.images.orientation import orientation_of, tiff_block
from router.images.sample import Pixels

_EXIF = b"Exif\x00\x00"
XMP = b"http://ns.adobe.com/xap/1.0/\x00"
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\x00"
_ICC = b"ICC_PROFILE\x00"
_FRAME_HEADERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LOSSLESS_PROCESSES = {0xC3, 0xC7, 0xCB, 0xCF}
_SEQUENTIAL = {0xC0, 0xC1, 0xC3, 0xC9}
_ZEROS = 64
_END = b"\xff\xd9"
APPLICATION_OR_COMMENT = {*range(0xE0, 0xF0), 0xFE}
_DECODED_PROCESSES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA}
"""What libjpeg-turbo has: no hierarchical files, and of the lossless ones those with Huffman coding."""


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, payload) of every segment up to the first scan. Raises InputError (DAMAGED_IMAGE)."""
    return ((s.marker, data[s.payload : s.end]) for s in parts(walk_jpeg(data), "JPEG"))


def probe(data: bytes) -> ImageHeader:
    """Header of a JPEG. Raises InputError."""
    frame: tuple[int, bytes] | None = None
    adobe_transform = -1
    for marker, payload in _segments(data):
        if marker == 0xF7:
            raise format_refused("JPEG-LS")
        if marker in _FRAME_HEADERS and frame is None:
            frame = marker, payload
        elif marker == 0xEE and payload.startswith(b"Adobe") and len(payload) >= 12:
            adobe_transform = payload[11]
    if frame is None:
        raise damaged("JPEG without a frame header")
    marker, payload = frame
    fields = take(payload, 0, 6)
    height, width = int.from_bytes(fields[1:3], "big"), int.from_bytes(fields[3:5], "big")
    if not width or not height:
        raise damaged("JPEG whose frame header gives no size")
    mode = {1: "L", 3: "RGB", 4: "YCCK" if adobe_transform == 2 else "CMYK"}.get(fields[5], "")
    return ImageHeader("jpeg", width, height, fields[0], mode, lossy=marker not in _LOSSLESS_PROCESSES)


def metadata(data: bytes) -> Metadata:
    """ICC, EXIF and XMP of a JPEG's segments; the orientation tag is left as it is. Raises InputError."""
    exif: list[bytes] = []  # joined once: thousands of segments would be copied thousands of times
    xmp = b""
    icc: dict[int, bytes] = {}
    for marker, payload in _segments(data):
        if marker == 0xE1 and payload.startswith(_EXIF):
            exif.append(payload[len(_EXIF) :])  # EXIF above 64 kB goes on in the next segment
        elif marker == 0xE1 and payload.startswith(XMP) and not xmp:
            xmp = payload[len(XMP) :]
        elif marker == 0xE2 and payload.startswith(_ICC) and len(payload) > len(_ICC) + 2:
            icc.setdefault(payload[len(_ICC)], payload[len(_ICC) + 2 :])
    return Metadata(b"".join(icc[n] for n in sorted(icc)) or None, tiff_block(b"".join(exif)), xmp or None)


def plan(data: bytes, header: ImageHeader) -> ReadPlan:
    """How to read it. Raises InputError (DEPTH_NOT_SUPPORTED, MODE_NOT_SUPPORTED, FORMAT_NOT_SUPPORTED)."""
    refuse_unreadable(header)
    marker = next(m for m, _ in _segments(data) if m in _FRAME_HEADERS)
    if marker not in _DECODED_PROCESSES:
        raise format_refused("hierarchical JPEG" if marker & 4 else "lossless JPEG with arithmetic coding")
    channels = len(header.mode)
    found = metadata(data)

    def load() -> Pixels:
        with decoding("JPEG"):
            refuse_filled_up_jpeg(data)
            return expect(_decode(data), header.height, header.width, channels)

    return ReadPlan(header.width, header.height, channels, 8, load, found, orientation_of(found.exif))


def refuse_unreadable(header: ImageHeader) -> None:
    """Raise the InputError for what libjpeg or the library's colour model has no room for."""
    error: InputError | None = None
    if header.bits != 8:
        error = depth_refused(f"JPEG with {header.bits} bits per sample")
    elif header.mode not in ("L", "RGB"):
        error = mode_refused(f"JPEG with {header.mode or 'unusual'} colour")
    if error is not None:
        raise error


def refuse_filled_up_jpeg(data: bytes) -> None:
    """Raise InputError (DAMAGED_IMAGE) for a file that ends in zeros and not in its end marker.

    Coded data of flat pictures may hold many zeros, but then the end marker follows.
    """
    if len(data) > _ZEROS and not any(data[-_ZEROS:]):
        scan = max((s.end for s in parts(walk_jpeg(data), "JPEG")), default=2)
        if data.find(_END, scan) < 0:
            raise damaged("JPEG that ends in zeros without its end marker: it was cut off and filled up")


def _picture(data: bytes) -> bytes:
    """The JPEG without what libjpeg passes over and Pillow stumbles on: bytes between segments, metadata that is damaged.

    Of application segments those are kept that say what the components mean.
    """
    kept = [b"\xff\xd8"]
    scan = 2
    for segment in parts(walk_jpeg(data), "JPEG"):
        scan, size = segment.end, segment.end - segment.payload
        jfif = segment.marker == 0xE0 and data.startswith(b"JFIF\x00", segment.payload) and size >= 14
        adobe = segment.marker == 0xEE and data.startswith(b"Adobe", segment.payload) and size >= 12
        if jfif or adobe or segment.marker not in APPLICATION_OR_COMMENT:
            kept.append(data[segment.start : segment.end])
    start = data.find(b"\xff\xda", scan)  # before it at most bytes that hold no marker
    return b"".join((*kept, data[max(start, scan) :]))


def _decode(data: bytes) -> Pixels:
    picture = _picture(data)
    if picture.rfind(_END) >= 0 or not _has_one_scan(data):
        return _by_pillow(picture)
    # Some writers leave the end marker out. If the picture is whole, what stands behind its last bit does not matter.
    pixels, again = (_by_pillow(picture + filler * 4096 + _END) for filler in (b"\x55", b"\xaa"))
    if not np.array_equal(pixels, again):
        raise damaged("JPEG that ends inside its picture")
    return pixels


def _has_one_scan(data: bytes) -> bool:
    """Whether the first scan holds the whole picture: sequential, all components interleaved."""
    frame, scan = None, 2
    for segment in parts(walk_jpeg(data), "JPEG"):
        scan = segment.end
        if segment.marker in _FRAME_HEADERS and frame is None:
            frame = segment.marker, data[segment.payload + 5 : segment.payload + 6]
    start = data.find(b"\xff\xda", scan)
    return frame is not None and frame[0] in _SEQUENTIAL and start >= 0 and frame[1] == data[start + 4 : start + 5]


def _by_pillow(picture: bytes) -> Pixels:
    from PIL.JpegImagePlugin import JpegImageFile

    file = StrictFile(picture)
    image = JpegImageFile(file)  # the class itself, not its factory: pictures of an MPO beside the first are left alone
    load_strictly(image, file)
    return to_array(image)
