"""Damage to bytes: what transfers do, what attackers try, and pieces of other files."""

from __future__ import annotations

import random
from collections.abc import Sequence

_INTEGERS = (
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    15,
    16,
    255,
    256,
    257,
    4095,
    65_534,
    65_535,
    65_536,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFE,
    0xFFFFFFFF,
)


def mutated(rng: random.Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """`data` with one to six changes. `others`: what pieces are taken from."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        _change(rng, out, others)
    return bytes(out)


def _change(rng: random.Random, out: bytearray, others: Sequence[bytes]) -> None:
    at = _place(rng, len(out))
    length = min(len(out) - at, rng.choice((1, 2, 4, 8, 16, 64, 1000)))
    kind = rng.randrange(9)
    if kind == 0 and out:
        out[min(at, len(out) - 1)] ^= 1 << rng.randrange(8)
    elif kind == 1:
        out[at : at + 1] = bytes([rng.randrange(256)])
    elif kind == 2:
        size = rng.choice((1, 2, 4, 8))
        value = rng.choice(_INTEGERS) & ((1 << 8 * size) - 1)
        out[at : at + size] = value.to_bytes(size, rng.choice(("little", "big")))
    elif kind == 3:
        del out[at : at + length]
    elif kind == 4:
        out[at:at] = out[at : at + length] * rng.choice((1, 1, 2, 10, 300))
    elif kind == 5:
        out[at:at] = rng.randbytes(length)
    elif kind == 6 and others:
        other = rng.choice(others)
        begin = _place(rng, len(other))
        out[at : at + rng.choice((0, length))] = other[begin : begin + length]
    elif kind == 7:
        del out[_place(rng, len(out)) :]
    else:
        begin = _place(rng, len(out))
        out[at : at + length] = out[begin : begin + length]


def _place(rng: random.Random, size: int) -> int:
    """Anywhere; as often near the start, where headers are."""
    return rng.randrange(min(size, 200) + 1) if rng.random() < 0.5 else rng.randrange(size + 1)
