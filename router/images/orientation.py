"""EXIF orientation (CIPA DC-008, tag 0x0112): found, applied to pixels, and reset in place without touching other bytes."""

from __future__ import annotations

from typing import Literal, cast

import numpy as np

from router.images.sample import Pixels

_TAG = 0x0112
_PREFIX = b"Exif\x00\x00"
_SIZES = {3: 2, 4: 4}  # SHORT as the standard says; LONG is written by some tools


def tiff_block(exif: bytes | None) -> bytes | None:
    r"""EXIF as a bare TIFF block: without the `Exif\0\0` of JPEG segments; None if nothing is left."""
    if exif is None:
        return None
    return exif.removeprefix(_PREFIX) or None


def orientation_of(exif: bytes | None) -> int:
    """Orientation code 1 to 8; 1 when there is none, or when the block is damaged."""
    found = _locate(exif)
    return found[2] if found is not None else 1


def with_upright_tag(exif: bytes | None) -> bytes | None:
    """The block with its orientation tag set to 1 in place; every other byte, MakerNotes included, stays where it was."""
    found = _locate(exif)
    if exif is None or found is None:
        return exif
    position, size, _, order = found
    return exif[:position] + (1).to_bytes(size, order) + exif[position + size :]


def upright_size(width: int, height: int, code: int) -> tuple[int, int]:
    """Width and height after `apply_orientation`."""
    return (height, width) if code >= 5 else (width, height)


def apply_orientation(pixels: Pixels, code: int) -> Pixels:
    """Upright (H, W, C) pixels of an array stored with this code (1 to 8)."""
    if code >= 5:
        pixels = pixels.transpose(1, 0, 2)
    # What is left to mirror after the transposition: rows for 3, 4, 7, 8; columns for 2, 3, 6, 7.
    if code in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if code in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return cast("Pixels", np.ascontiguousarray(pixels))


def _locate(exif: bytes | None) -> tuple[int, int, int, Literal["big", "little"]] | None:
    """Where the value of a valid orientation tag of IFD 0 lies: byte position, size, value, byte order."""
    if exif is None or len(exif) < 8:
        return None
    order: Literal["big", "little"]
    if exif[:4] == b"II*\x00":
        order = "little"
    elif exif[:4] == b"MM\x00*":
        order = "big"
    else:
        return None
    start = int.from_bytes(exif[4:8], order)
    entries = int.from_bytes(exif[start : start + 2], order)
    for position in range(start + 2, min(start + 2 + 12 * entries, len(exif) - 11), 12):
        if int.from_bytes(exif[position : position + 2], order) != _TAG:
            continue
        size = _SIZES.get(int.from_bytes(exif[position + 2 : position + 4], order))
        if size is None or int.from_bytes(exif[position + 4 : position + 8], order) != 1:
            return None
        value = int.from_bytes(exif[position + 8 : position + 8 + size], order)
        return (position + 8, size, value, order) if 1 <= value <= 8 else None
    return None
