"""Reading ICC profiles (ICC.1:2010) as far as they say what colours mean; no byte is trusted. Linear in the profile."""

from __future__ import annotations

import math
from dataclasses import dataclass

_HEADER, _ENTRY = 132, 12
_MOST_TAGS = 100
"""LittleCMS takes no more."""
_MOST_CHANNELS = 4
_LONGEST_CURVE = 12 + 2 * 0x7FFF
"""Bytes of the longest curve that LittleCMS takes."""
_PARAMETERS = (1, 3, 4, 5, 7)
"""Numbers of a parametric curve, by its function type."""
FORWARD, BACK = (b"A2B0", b"A2B1"), (b"B2A0", b"B2A1", b"B2A2")
MATRIX, CURVES = (b"rXYZ", b"gXYZ", b"bXYZ"), (b"rTRC", b"gTRC", b"bTRC")


class UnusableError(ValueError):
    """The text says what is wrong, in a few words that hold nothing of the profile but numbers."""


@dataclass(frozen=True)
class ToneCurve:
    """One tone curve as it is stored.

    Attributes:
        kind: the function type, None for a table or a gamma.
        values: parameters, entries (0 to 65535) of a table, one gamma in 1/256, or nothing for the identity.
        size: bytes that it takes.
    """

    kind: int | None
    values: tuple[float, ...]
    size: int


def read_tags(icc: bytes) -> dict[bytes, bytes]:
    """Contents by name. Raises UnusableError if this is no profile, or its table or a tag runs past its end."""
    if len(icc) < _HEADER or icc[36:40] != b"acsp":
        raise UnusableError("it is no ICC profile")
    size, count = uint(icc, 0), uint(icc, 128)
    if size > len(icc):
        raise UnusableError(f"it is cut short, {len(icc)} of {size} bytes")
    if size < _HEADER + count * _ENTRY:
        raise UnusableError(f"its table of {count} tags runs past its end")
    if count > _MOST_TAGS:
        raise UnusableError(f"it holds {count} tags")
    tags: dict[bytes, bytes] = {}
    for at in range(_HEADER, _HEADER + count * _ENTRY, _ENTRY):
        start, length = uint(icc, at + 4), uint(icc, at + 8)
        if start + length > size:
            raise UnusableError("a tag lies outside of it")
        tags.setdefault(icc[at : at + 4], icc[start : start + length])
    return tags


def read_curve(data: bytes) -> ToneCurve:
    """The curve at the start of `data`. Raises UnusableError."""
    kind = data[:4]
    if len(data) >= 12 and kind == b"curv":
        size = 12 + 2 * uint(data, 8)
        if size <= min(len(data), _LONGEST_CURVE):
            return ToneCurve(None, tuple(uint(data, at, 2) for at in range(12, size, 2)), size)
    elif len(data) >= 12 and kind == b"para" and uint(data, 8, 2) < len(_PARAMETERS):
        size = 12 + 4 * _PARAMETERS[uint(data, 8, 2)]
        if size <= len(data):
            return ToneCurve(uint(data, 8, 2), fixed(data, 12, (size - 12) // 4), size)
    raise UnusableError("a curve cannot be read")


def read_colorant(data: bytes) -> tuple[float, ...]:
    """X, Y, Z. Raises UnusableError."""
    if len(data) < 20 or data[:4] != b"XYZ ":
        raise UnusableError("a colorant cannot be read")
    return fixed(data, 8, 3)


def check_table(table: bytes, *, forward: bool) -> None:
    """A lookup table to the connection space, or back from it. Raises UnusableError."""
    kind = table[:4]
    sound = False
    inputs, outputs = (table[8], table[9]) if len(table) >= 32 else (0, 0)
    if kind in (b"mft1", b"mft2") and len(table) >= 52:
        wide = kind == b"mft2"
        entries = (uint(table, 48, 2), uint(table, 50, 2)) if wide else (256, 256)
        samples = inputs * entries[0] + outputs * (table[10] ** min(inputs, _MOST_CHANNELS) + entries[1])
        sound = (
            table[10] > 1 and all(2 <= n <= 4096 for n in entries) and (52 if wide else 48) + samples * (1 + wide) <= len(table)
        )
    elif kind == (b"mAB " if forward else b"mBA ") and len(table) >= 32:
        sound = _elements_are_sound(table, inputs, outputs, forward)
    near, far = (outputs, inputs) if forward else (inputs, outputs)
    if not (sound and near == 3 and (1 if forward else 3) <= far <= _MOST_CHANNELS):
        raise UnusableError("a table cannot be read")


def _elements_are_sound(table: bytes, inputs: int, outputs: int, forward: bool) -> bool:
    b, matrix, m, grid, a = (uint(table, at) for at in range(12, 32, 4))
    if not b or bool(m) != bool(matrix) or bool(a) != bool(grid) or (not grid and inputs != outputs):
        return False
    near, far = (outputs, inputs) if forward else (inputs, outputs)
    if max(near, far) > _MOST_CHANNELS or matrix + 48 * bool(matrix) > len(table):
        return False
    for start, count in ((b, near), (m, near), (a, far)):
        place = start
        for _ in range(count if start else 0):
            place += -(-read_curve(table[place : place + _LONGEST_CURVE]).size // 4) * 4
    if not grid:
        return True
    points, width = table[grid : grid + inputs], table[grid + 16] if grid + 20 <= len(table) else 0
    return width in (1, 2) and min(points) > 1 and grid + 20 + math.prod(points) * outputs * width <= len(table)


def uint(data: bytes, at: int, size: int = 4) -> int:
    """A big-endian integer."""
    return int.from_bytes(data[at : at + size], "big")


def fixed(data: bytes, at: int, count: int) -> tuple[float, ...]:
    """s15Fixed16Number, so many."""
    return tuple(int.from_bytes(data[k : k + 4], "big", signed=True) / 65536 for k in range(at, at + 4 * count, 4))
