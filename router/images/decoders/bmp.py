"""Windows and OS/2 bitmaps: palettes, run lengths, any depth and channel masks.

Read here and not by Pillow, which drops the alpha of 16-bit masks and has neither all header versions nor all masks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from router.containers.icc_writing import SRGB_POINTS
from router.containers.metadata import Metadata
from router.errors import InputError
from router.images.decoders.header import ImageHeader, ReadPlan, damaged, format_refused, mode_refused, take
from router.images.decoders.pillow import decoding, expect
from router.images.profile import usable
from router.images.sample import Pixels
from router.images.stated_colours import stated_profile
from router.reasons import ReasonCode

_HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)
_V4 = 108
_CORE, _OS2 = 12, (16, 64)
_NONE, _RLE8, _RLE4, _MASKS, _JPEG, _PNG, _ALPHA_MASKS = range(7)
_NAMES = {_JPEG: "JPEG inside a BMP", _PNG: "PNG inside a BMP"}
_MASKS_555, _MASKS_888 = (0x7C00, 0x03E0, 0x001F, 0), (0xFF0000, 0xFF00, 0xFF, 0)
_CONTIGUOUS = re.compile(r"1+0*|0")


@dataclass(frozen=True)
class _Layout:
    width: int
    height: int
    top_down: bool
    bits: int
    compression: int
    masks: tuple[int, int, int, int]
    """Red, green, blue, alpha; where there is no palette."""
    palette: tuple[int, int, int]
    """Where it starts, how many entries, bytes of an entry."""
    start: int

    @property
    def stride(self) -> int:
        return (self.width * self.bits + 31) // 32 * 4


def probe(data: bytes) -> ImageHeader:
    """Header of a BMP. Raises InputError (NOT_AN_IMAGE if the two letters at its start were a coincidence)."""
    layout = _layout(data)
    deepest = max(mask.bit_count() for mask in layout.masks)
    bits = layout.bits if layout.bits <= 8 else min(deepest, 8) if deepest <= 8 else deepest
    mode = "P" if layout.bits <= 8 else "RGBA" if layout.masks[3] else "RGB"
    return ImageHeader("bmp", layout.width, layout.height, bits, mode, lossy=False)


def plan(data: bytes, header: ImageHeader) -> ReadPlan:
    """How to read it; channels of more than 8 bits fill 16. Raises InputError.

    An alpha channel that is 0 everywhere is left out, as browsers do: it was never written.
    """
    layout = _layout(data)
    _refuse_unreadable(layout)
    deep = header.bits > 8
    alpha = bool(layout.masks[3]) and _has_alpha(data, layout)
    channels = 4 if alpha else 3

    def load() -> Pixels:
        with decoding("BMP"):
            pixels = _indexed(data, layout) if layout.bits <= 8 else _direct(data, layout, channels, deep)
            return expect(pixels if layout.top_down else pixels[::-1], header.height, header.width, channels)

    icc, faults = _colours(data, channels)
    return ReadPlan(header.width, header.height, channels, 16 if deep else 8, load, Metadata(icc=icc), colour_faults=faults)


def _colours(data: bytes, channels: int) -> tuple[bytes | None, tuple[str, ...]]:
    """A profile of what a header of version 4 or 5 states, and what of it cannot be used; as browsers take it.

    Calibrated colours are primaries as (x, y, z) in 2.30 bits, their white D65, and gammas in 16.16 bits; all zeros state
    nothing.
    """
    size = int.from_bytes(data[14:18], "little")
    if size < _V4:
        return None, ()
    info = take(data, 14, size)
    space = info[56:60]
    if space == b"DEBM" and size > _V4:
        start, length = (int.from_bytes(info[at : at + 4], "little") for at in (112, 116))
        return usable(data[14 + start : 14 + start + length] if length else b"", channels)
    if space != bytes(4) or not any(info[60:108]):
        return None, ()
    ends = [int.from_bytes(info[at : at + 4], "little") / (1 << 30) for at in range(60, 96, 4)]
    gammas = [int.from_bytes(info[at : at + 4], "little") / 65536 for at in range(96, 108, 4)]
    points = (*zip(ends[::3], ends[1::3], strict=True), SRGB_POINTS[3])
    icc, why = stated_profile(tuple(gammas), points, gray=channels < 3)
    return icc, ((f"calibrated colours: {why}",) if why else ())


def end_of_head(data: bytes) -> int:
    """Where headers, masks and palette end; pixels may start later. Raises InputError."""
    place, entries, size = _layout(data).palette
    return place + entries * size


def _layout(data: bytes) -> _Layout:
    size = int.from_bytes(take(data, 14, 4), "little")
    if size not in _HEADER_SIZES:
        raise InputError("this is not an image", code=ReasonCode.NOT_AN_IMAGE, hint="Pass an image file")
    info = take(data, 14, size)
    compression = used = 0
    if size == _CORE:
        width, height, bits = (int.from_bytes(info[i : i + 2], "little") for i in (4, 6, 10))
        signed_height = height
    else:
        width, bits = int.from_bytes(info[4:8], "little"), int.from_bytes(info[14:16], "little")
        signed_height = int.from_bytes(info[8:12], "little", signed=True)
        compression, used = int.from_bytes(info[16:20], "little"), int.from_bytes(info[32:36], "little")
    height = abs(signed_height)
    if not width or not height or bits not in (1, 2, 4, 8, 16, 24, 32):
        raise damaged(f"BMP of {width}x{height} with {bits} bits per pixel")
    masks, after = (0, 0, 0, 0), 14 + size
    if bits > 8:
        masks = _MASKS_555 if bits == 16 else _MASKS_888
        if compression in (_MASKS, _ALPHA_MASKS) and size not in _OS2:
            count = 4 if size >= 56 or compression == _ALPHA_MASKS else 3
            fields = take(data, 14 + 40, 4 * count)
            after = max(after, 14 + 40 + 4 * count)
            red, green, blue, *rest = (int.from_bytes(fields[i : i + 4], "little") for i in range(0, 4 * count, 4))
            masks = red, green, blue, rest[0] if rest else 0
    start = int.from_bytes(take(data, 10, 4), "little")
    entry = 3 if size == _CORE else 4
    entries = min(used or 1 << bits, 1 << bits, max(start - after, 0) // entry) if bits <= 8 else 0
    return _Layout(width, height, signed_height < 0, bits, compression, masks, (after, entries, entry), start)


def _refuse_unreadable(layout: _Layout) -> None:
    expected = {_RLE8: layout.bits == 8, _RLE4: layout.bits == 4, _NONE: True}
    expected[_MASKS] = expected[_ALPHA_MASKS] = layout.bits in (16, 32)
    if layout.compression not in expected:
        raise format_refused(_NAMES.get(layout.compression, f"BMP with compression {layout.compression}"))
    if not expected[layout.compression]:
        raise format_refused(f"BMP with compression {layout.compression} and {layout.bits} bits per pixel")
    if layout.top_down and layout.compression in (_RLE8, _RLE4):
        raise damaged("BMP with run lengths from the top down")
    if any(mask >> layout.bits or not _CONTIGUOUS.fullmatch(f"{mask:b}") for mask in layout.masks):
        raise mode_refused("BMP with channel masks that have holes", "Write it with 8 bits per channel")
    if any(mask.bit_count() > 16 for mask in layout.masks):
        raise mode_refused("BMP with channels of more than 16 bits", "Write it with 8 bits per channel")
    if layout.bits <= 8 and not layout.palette[1]:
        raise damaged("BMP without its palette")


def _indexed(data: bytes, layout: _Layout) -> Pixels:
    place, count, entry = layout.palette
    colours = np.frombuffer(take(data, place, count * entry), np.uint8).reshape(count, entry)
    table = np.zeros((256, 3), np.uint8)
    table[:count] = colours[:, 2::-1]
    if layout.compression in (_RLE8, _RLE4):
        return cast("Pixels", table[_run_lengths(data, layout)])
    rows = _rows(data, layout)
    if layout.bits == 8:
        return cast("Pixels", table[rows[:, : layout.width]])
    each = 8 // layout.bits
    shifts = np.arange(8 - layout.bits, -1, -layout.bits, dtype=np.uint8)
    indices = (rows[..., None] >> shifts) & np.uint8((1 << layout.bits) - 1)
    return cast("Pixels", table[indices.reshape(layout.height, -1, each).reshape(layout.height, -1)[:, : layout.width]])


def _direct(data: bytes, layout: _Layout, channels: int, deep: bool) -> Pixels:
    full, dtype = (65535, np.uint16) if deep else (255, np.uint8)
    pixels = np.empty((layout.height, layout.width, channels), dtype)
    rows = _rows(data, layout)
    for channel in range(channels):
        pixels[..., channel] = _channel(rows, layout, channel, full)
    return cast("Pixels", pixels)


def _channel(rows: NDArray[np.uint8], layout: _Layout, channel: int, full: int) -> NDArray[np.unsignedinteger]:
    size, mask = layout.bits // 8, layout.masks[channel]
    whole = rows[:, : layout.width * size]
    if not mask:
        return np.zeros((layout.height, layout.width), np.uint8)
    shift = (mask & -mask).bit_length() - 1
    top = mask >> shift
    if top == 255 and shift % 8 == 0 and full == 255:
        return whole[:, shift // 8 :: size]
    words = np.ascontiguousarray(whole).view("<u2" if size == 2 else "<u4")
    values = ((words & np.array(mask, words.dtype)) >> np.array(shift, words.dtype)).astype(np.uint16)
    table = (np.arange(top + 1, dtype=np.int64) * 2 * full + top) // (2 * top)  # rounded to the nearest
    return cast("NDArray[np.unsignedinteger]", table.astype(np.uint16)[values])


def _has_alpha(data: bytes, layout: _Layout) -> bool:
    try:
        return bool(_channel(_rows(data, layout), layout, 3, 65535).any())
    except InputError:
        return True  # cut off: found out when it is decoded


def _rows(data: bytes, layout: _Layout) -> NDArray[np.uint8]:
    """(H, stride) bytes as they lie in the file; the padding of the last row may be missing."""
    needed = (layout.height - 1) * layout.stride + (layout.width * layout.bits + 7) // 8
    if layout.start < layout.palette[0] or layout.start + needed > len(data):
        raise damaged("BMP that ends before its pixels do: image file is truncated")
    size = layout.height * layout.stride
    pixels = np.frombuffer(data, np.uint8, min(size, len(data) - layout.start), layout.start)
    if len(pixels) < size:
        pixels = np.concatenate([pixels, np.zeros(size - len(pixels), np.uint8)])
    return pixels.reshape(layout.height, layout.stride)


def _run_lengths(data: bytes, layout: _Layout) -> NDArray[np.uint8]:
    """(H, W) indices, bottom up; pixels that are jumped over have index 0. Raises InputError where the end is missing."""
    width, height = layout.width, layout.height
    out = bytearray(width * height)
    position, x, y = layout.start, 0, 0
    packed = layout.compression == _RLE4
    while position + 2 <= len(data):
        count, value = data[position], data[position + 1]
        position += 2
        if count:
            pixels = _pairs(bytes((value,)) * ((count + 1) // 2))[:count] if packed else bytes((value,)) * count
        elif value == 0:
            x, y = 0, y + 1
            continue
        elif value == 1:
            return np.frombuffer(bytes(out), np.uint8).reshape(height, width)
        elif value == 2:
            across, up = take(data, position, 2)
            x, y, position = x + across, y + up, position + 2
            continue
        else:
            size = (value + 1) // 2 if packed else value
            content = take(data, position, size)
            pixels = _pairs(content)[:value] if packed else content
            position += size + size % 2
        if y >= height:
            break
        fitting = pixels[: max(width - x, 0)]
        out[y * width + x : y * width + x + len(fitting)] = fitting
        x += len(pixels)
    if y >= height:
        return np.frombuffer(bytes(out), np.uint8).reshape(height, width)  # all rows are there, the end mark is not
    raise damaged("BMP whose run lengths end too early")


def _pairs(content: bytes) -> bytes:
    """Two indices of 4 bits from each byte."""
    return bytes(index for byte in content for index in (byte >> 4, byte & 15))
