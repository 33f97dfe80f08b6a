"""Gains between anchor rates, in integers: part of the entropy path.

A model has base-2 logarithms of its encoder gains at anchor rates, in units of 1 / 65,536. Between anchors they are interpolated
linearly. Powers of two of the result come from two tables that integer square roots produce: no floating-point function decides
a bit of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

LOG_ONE = 1 << 16
"""Unit of logarithms."""
RATE_MAX = 0xFFFF
LIMIT = 10 * LOG_ONE
"""Largest magnitude of a log gain: gains lie within 2^-10 .. 2^10."""

_POWER_BITS = 30


@dataclass(frozen=True)
class Gain:
    """Gains of all latent channels at one rate: (M,) int64 each."""

    log2: NDArray[np.int64]
    """Unit 1 / LOG_ONE."""
    forward: NDArray[np.int64]
    """The gain, unit 2^-16."""
    inverse: NDArray[np.int64]
    """One over the gain, unit 2^-20."""


def interpolate(anchors: NDArray[np.int64], rate_index: int) -> NDArray[np.int64]:
    """Integers (R, K) at anchors -> (K,) at a rate index, 0 to RATE_MAX: linear, rounded to the nearest, halves up."""
    row, part = divmod(rate_index * (len(anchors) - 1), RATE_MAX)
    following = min(row + 1, len(anchors) - 1)
    between: NDArray[np.int64] = anchors[row] * (RATE_MAX - part) + anchors[following] * part
    return (between + RATE_MAX // 2) // RATE_MAX


def at_rate(anchors: NDArray[np.int64], rate_index: int) -> Gain:
    """Gains for log gains (R, M) at anchors and a rate index, 0 to RATE_MAX."""
    log2 = interpolate(anchors, rate_index)
    return Gain(log2, power_of_two(log2, 16), power_of_two(-log2, 20))


def power_of_two(log2: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """2^(log2 / LOG_ONE) in units of 2^-bits, every step truncated; |log2| at most LIMIT."""
    whole, fraction = log2 >> 16, log2 & 0xFFFF
    coarse, fine = _tables()
    mantissa = (coarse[fraction >> 8] * fine[fraction & 0xFF]) >> _POWER_BITS
    shift = _POWER_BITS - bits - whole
    result: NDArray[np.int64] = np.where(shift >= 0, mantissa >> np.maximum(shift, 0), mantissa << np.maximum(-shift, 0))
    return result


@cache
def _tables() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """floor(2^(k / 256) 2^30) and floor(2^(k / 65,536) 2^30) for k = 0 .. 255."""
    roots = [2 << 200]  # roots[n] = 2^(2^-n) in units of 2^-200, rounded down
    for _ in range(16):
        roots.append(math.isqrt(roots[-1] << 200))

    def power(sixteenths: int) -> int:
        value = 1 << 200
        for n in range(1, 17):
            if sixteenths >> (16 - n) & 1:
                value = value * roots[n] >> 200
        return value >> (200 - _POWER_BITS)

    coarse = np.array([power(k << 8) for k in range(256)], np.int64)
    fine = np.array([power(k) for k in range(256)], np.int64)
    return coarse, fine
