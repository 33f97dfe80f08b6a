"""WebP (RFC 9649)."""

from __future__ import annotations

from typing import cast

import numpy as np

from router.containers.metadata import Metadata
from router.containers.webp import walk_webp
from router.images.decoders.header import ImageHeader, ReadPlan, damaged, parts, refuse_filled_up, take
from router.images.decoders.pillow import StrictFile, decoding, expect, load_strictly, to_array
from router.images.orientation import orientation_of, tiff_block
from router.images.sample import Pixels

_ANIMATION, _ALPHA = 0x02, 0x10


def probe(data: bytes) -> ImageHeader:
    """Header of a WebP. Raises InputError (DAMAGED_IMAGE)."""
    size: tuple[int, int] | None = None
    extended = animated = alpha = False
    lossy: bool | None = None
    for chunk in parts(walk_webp(data), "WebP"):
        kind, start, end = chunk.type, chunk.payload, chunk.stop
        if kind == b"VP8X" and size is None:
            fields = take(data[:end], start, 10)
            size = 1 + int.from_bytes(fields[4:7], "little"), 1 + int.from_bytes(fields[7:10], "little")
            extended, animated, alpha = True, bool(fields[0] & _ANIMATION), bool(fields[0] & _ALPHA)
        elif kind == b"ANMF":
            lossy = data[start + 16 : start + 20] != b"VP8L"
        elif kind == b"ALPH":
            alpha = True
        elif kind == b"VP8L":
            word = int.from_bytes(take(data[:end], start, 5)[1:], "little")
            lossy = False
            alpha = bool(word >> 28 & 1)  # as libwebp, whatever the flags of VP8X say
            if not extended:
                size = 1 + (word & 0x3FFF), 1 + (word >> 14 & 0x3FFF)
        elif kind == b"VP8 ":
            fields = take(data[:end], start, 10)
            lossy = True
            if not extended:
                size = int.from_bytes(fields[6:8], "little") & 0x3FFF, int.from_bytes(fields[8:10], "little") & 0x3FFF
        if size is not None and lossy is not None:
            break
    if size is None or lossy is None or not min(size):
        raise damaged("WebP without an image")
    mode = "RGBA" if alpha else "RGB"
    return ImageHeader("webp", *size, 8, mode, lossy, animated=animated, frames=None if animated else 1)


def plan(data: bytes, header: ImageHeader) -> ReadPlan:
    """How to read it. Raises InputError (DAMAGED_IMAGE)."""
    found = metadata(data)
    channels = len(header.mode)

    def load() -> Pixels:
        with decoding("WebP"):
            for chunk in parts(walk_webp(data), "WebP"):
                if chunk.type == b"VP8L":
                    refuse_filled_up(data, chunk.payload, chunk.stop, "WebP")
            return expect(_decode(data, header), header.height, header.width, channels)

    return ReadPlan(header.width, header.height, channels, 8, load, found, orientation_of(found.exif))


def metadata(data: bytes) -> Metadata:
    """ICC, EXIF and XMP of a WebP's chunks; the orientation tag is left as it is. Raises InputError."""
    wanted = (b"ICCP", b"EXIF", b"XMP ")
    found = {c.type: data[c.payload : c.stop] for c in parts(walk_webp(data), "WebP") if c.type in wanted}
    return Metadata(found.get(b"ICCP") or None, tiff_block(found.get(b"EXIF")), found.get(b"XMP ") or None)


def _decode(data: bytes, header: ImageHeader) -> Pixels:
    from PIL import Image
    from PIL.WebPImagePlugin import WebPImageFile

    picture = data if header.animated else _picture(data, header)
    # This plugin alone looks at Pillow's global pixel limit when it is called directly; OpenCV has the same libwebp inside.
    if Image.MAX_IMAGE_PIXELS is not None and header.width * header.height > 2 * Image.MAX_IMAGE_PIXELS:
        return _decode_by_opencv(picture, len(header.mode))
    file = StrictFile(picture)
    image = WebPImageFile(file)
    load_strictly(image, file)
    return to_array(image)


def _picture(data: bytes, header: ImageHeader) -> bytes:
    """A WebP of the picture alone, with flags that say what is in it.

    libwebp's decoder goes by what is there; its splitter of frames, which Pillow and OpenCV use, by the flags.
    """
    kept: list[tuple[bytes, bytes]] = []
    for chunk in parts(walk_webp(data), "WebP"):
        if chunk.type == b"VP8X" and not kept:
            flags = bytes((_ALPHA if header.mode == "RGBA" else 0, 0, 0, 0))
            kept.append((chunk.type, flags + data[chunk.payload + 4 : chunk.payload + 10]))
        elif chunk.type == b"ALPH" and [kind for kind, _ in kept] in ([], [b"VP8X"]):
            kept.append((chunk.type, data[chunk.payload : chunk.stop]))
        elif chunk.type in (b"VP8 ", b"VP8L"):
            kept.append((chunk.type, data[chunk.payload : chunk.stop]))
            break
    body = b"".join(kind + len(content).to_bytes(4, "little") + content + bytes(len(content) & 1) for kind, content in kept)
    return b"RIFF" + (4 + len(body)).to_bytes(4, "little") + b"WEBP" + body


def _decode_by_opencv(data: bytes, channels: int) -> Pixels:
    import cv2

    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise damaged("damaged WebP")
    return cast("Pixels", cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if channels == 4 else cv2.COLOR_BGR2RGB))
