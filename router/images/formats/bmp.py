"""Windows bitmap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from router.errors import InputError
from router.images.formats.header import Header, Plan, damaged, take
from router.images.formats.pillow import StrictFile, decoding, expect, layout, load_strictly, to_array
from router.images.sample import Pixels
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from PIL import Image

_HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)


def probe(data: bytes) -> Header:
    """Header of a BMP. Raises InputError (NOT_AN_IMAGE if the two letters at its start were a coincidence)."""
    size = int.from_bytes(take(data, 14, 4), "little")
    if size not in _HEADER_SIZES:
        raise InputError("this is not an image", code=ReasonCode.NOT_AN_IMAGE, hint="Pass an image file")
    if size == 12:
        fields = take(data, 18, 8)
        width, height = int.from_bytes(fields[:2], "little"), int.from_bytes(fields[2:4], "little")
        bits = int.from_bytes(fields[6:8], "little")
    else:
        fields = take(data, 18, 12)
        width, height = int.from_bytes(fields[:4], "little"), abs(int.from_bytes(fields[4:8], "little", signed=True))
        bits = int.from_bytes(fields[10:12], "little")
    if not width or not height or bits not in (1, 2, 4, 8, 16, 24, 32):
        raise damaged(f"BMP of {width}x{height} with {bits} bits per pixel")
    mode = "P" if bits <= 8 else "RGB" if bits < 32 else ""
    return Header("bmp", width, height, bits if bits <= 8 else 5 if bits == 16 else 8, mode, lossy=False)


def plan(data: bytes, header: Header) -> Plan:
    """How to read it. Raises InputError."""
    with decoding("BMP"):
        channels, _ = layout(_open(data)[0])

    def load() -> Pixels:
        with decoding("BMP"):
            image, file = _open(data)
            load_strictly(image, file)
            return expect(to_array(image), header.height, header.width, channels)

    return Plan(header.width, header.height, channels, 8, load)


def _open(data: bytes) -> tuple[Image.Image, StrictFile]:
    from PIL.BmpImagePlugin import BmpImageFile

    file = StrictFile(data)
    return BmpImageFile(file), file
