"""GIF (87a and 89a): its first image, on the logical screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from router.containers.gif import walk_gif
from router.containers.metadata import Metadata
from router.errors import StreamError
from router.images.decoders.header import ImageHeader, ReadPlan, damaged, take
from router.images.decoders.pillow import StrictFile, decoding, expect, load_strictly
from router.images.sample import Pixels

_XMP = b"XMP DataXMP"
_XMP_TRAILER = 258  # the "magic trailer" that makes a packet look like sub-blocks (XMP specification, part 3)


@dataclass(frozen=True)
class _Blocks:
    width: int
    height: int
    more_images: bool
    palette: bytes
    palette_bits: int
    transparent: int | None
    controls: tuple[int, ...]
    """Where the packed fields of the graphic controls before the first image lie."""
    box: tuple[int, int, int, int]
    xmp: bytes | None


def probe(data: bytes) -> ImageHeader:
    """Header of a GIF; walks its blocks up to a second image. Raises InputError (DAMAGED_IMAGE)."""
    blocks = _walk(data)
    frames = None if blocks.more_images else 1
    return ImageHeader("gif", blocks.width, blocks.height, blocks.palette_bits, "P", False, blocks.more_images, frames)


def plan(data: bytes, header: ImageHeader) -> ReadPlan:
    """How to read it: RGB, or RGBA when the first image has a transparent index or leaves a part of the screen free."""
    blocks = _walk(data)
    covers = blocks.box == (0, 0, header.width, header.height)
    channels = 3 if covers and blocks.transparent is None else 4

    def load() -> Pixels:
        with decoding("GIF"):
            indices = _indices(_normalised(data, header, blocks))
            if indices.shape != (header.height, header.width):
                raise damaged("GIF with an image outside its screen")
            return expect(_coloured(indices, blocks, channels), header.height, header.width, channels)

    return ReadPlan(header.width, header.height, channels, 8, load, Metadata(xmp=blocks.xmp))


def _walk(data: bytes) -> _Blocks:
    screen = take(data, 6, 7)
    width, height = int.from_bytes(screen[:2], "little"), int.from_bytes(screen[2:4], "little")
    bits = (screen[4] & 7) + 1
    palette = take(data, 13, 3 << bits) if screen[4] & 0x80 else b""
    transparent: int | None = None
    controls: list[int] = []
    box: tuple[int, int, int, int] | None = None
    xmp: bytes | None = None
    more, end = False, 0
    try:
        for block in walk_gif(data):
            end = block.end
            if block.label is None and box is not None:
                more = True
                break
            if block.label is None:
                x, y, w, h = (int.from_bytes(data[i : i + 2], "little") for i in range(block.start + 1, block.start + 9, 2))
                box = x, y, x + w, y + h
                flags = data[block.start + 9]
                if flags & 0x80:
                    bits = (flags & 7) + 1
                    palette = take(data, block.start + 10, 3 << bits)
            elif block.label == 0xF9 and box is None and data[block.first] >= 4:
                controls.append(block.first + 1)
                transparent = data[block.first + 4] if data[block.first + 1] & 1 else None
            elif block.label == 0xFF and data.startswith(_XMP, block.first + 1) and xmp is None:
                xmp = data[block.first + 1 + len(_XMP) : block.end - _XMP_TRAILER] or None
    except StreamError as error:
        more = box is not None and data[end : end + 1] == b","
        if box is None or (end < len(data) and not more):  # cut off later than its first image
            raise damaged(f"damaged GIF: {error.message}") from error
    if box is None or box[0] == box[2] or box[1] == box[3]:
        raise damaged("GIF without an image")
    width, height = max(width, box[2]), max(height, box[3])
    return _Blocks(width, height, more, palette, bits, transparent, tuple(controls), box, xmp)


def _normalised(data: bytes, header: ImageHeader, blocks: _Blocks) -> bytes:
    """The file with its true screen size and no disposal: Pillow would act on both (and check its own pixel limit)."""
    patched = bytearray(data)
    patched[6:10] = header.width.to_bytes(2, "little") + header.height.to_bytes(2, "little")
    for position in blocks.controls:
        patched[position] &= ~0x1C
    return bytes(patched)


def _indices(data: bytes) -> Pixels:
    from PIL.GifImagePlugin import GifImageFile

    file = StrictFile(data)
    image = GifImageFile(file)
    load_strictly(image, file)
    return np.array(image, dtype=np.uint8)


def _coloured(indices: Pixels, blocks: _Blocks, channels: int) -> Pixels:
    table = np.zeros((256, 4), np.uint8)
    table[:, 3] = 255
    if blocks.palette:
        colours = np.frombuffer(blocks.palette, np.uint8).reshape(-1, 3)
        table[: len(colours), :3] = colours
    else:
        table[:, :3] = np.arange(256, dtype=np.uint8)[:, None]
    if blocks.transparent is not None:
        table[blocks.transparent, 3] = 0
    pixels = table[:, :channels][indices]
    left, top, right, bottom = blocks.box
    outside = np.ones(indices.shape, bool)
    outside[top:bottom, left:right] = False
    pixels[outside] = 0
    return cast("Pixels", pixels)
