"""Integer frequency tables of the entropy path: built at export, shipped with the weights, never recomputed at load.

A table gives every symbol `low .. high` and, last, the escape a count of at least 1; the counts sum to 2^24. Cumulative sums
of counts are the whole entropy model, so encoder and decoder cannot disagree about it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.errors import ArtefactError
from router.reasons import ReasonCode

PRECISION = 24
"""Counts sum to 2^PRECISION; fixed by the range coder."""

SCALE_MIN = 0.11
SCALE_MAX = 600.0
SCALE_COUNT = 64
SCALE_STEP = math.log(SCALE_MAX / SCALE_MIN) / (SCALE_COUNT - 1)
"""Step between log scales. Coding with a scale that is off by half a step costs at most 0.007 bit a symbol."""

MEDIAN_ONE = 1 << 10
"""Fixed-point unit of the hyper-latents' medians."""

SKIPPED = 2
"""Scale indices below it are not coded, their symbols are 0: a Gaussian of scale 0.126 rounds to anything else once in 14,000."""

_ESCAPE = 2.0**-18
"""Probability below which tails are left to the escape symbol, and that which the escape has at least."""


@dataclass(frozen=True)
class FrequencyTable:
    """Counts of the symbols low, low + 1, ... and of the escape: (n + 1,) int64, each >= 1, sum 2^24."""

    low: int
    counts: NDArray[np.int64]

    @property
    def symbols(self) -> int:
        """Number of symbols without the escape; it is also the escape's index."""
        return len(self.counts) - 1


@dataclass(frozen=True)
class EntropyTables:
    """`z[k]`: table of hyper-latent channel k. `y[i]`: table of scale i. `medians`: (N,) int64, unit 1 / MEDIAN_ONE."""

    z: tuple[FrequencyTable, ...]
    y: tuple[FrequencyTable, ...]
    medians: NDArray[np.int64]
    skipped: int
    """Symbols whose scale index is below it are 0 and not coded."""

    def to_arrays(self) -> dict[str, NDArray[np.int32]]:
        """Flat int32 arrays as stored in the safetensors file."""
        arrays: dict[str, NDArray[np.int32]] = {
            "tables.z.median": self.medians.astype(np.int32),
            "tables.y.skipped": np.array([self.skipped], np.int32),
        }
        for name, tables in (("z", self.z), ("y", self.y)):
            arrays[f"tables.{name}.low"] = np.array([t.low for t in tables], np.int32)
            arrays[f"tables.{name}.size"] = np.array([len(t.counts) for t in tables], np.int32)
            arrays[f"tables.{name}.count"] = np.concatenate([t.counts for t in tables]).astype(np.int32)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.int64]], hyper: int) -> EntropyTables:
        """Inverse of `to_arrays`, for `hyper` channels. Raises ArtefactError if a table is missing or inconsistent."""
        try:
            medians = arrays["tables.z.median"].astype(np.int64)
            skipped = int(arrays["tables.y.skipped"].item())
            z, y = (_split(*(arrays[f"tables.{n}.{part}"] for part in ("low", "size", "count"))) for n in "zy")
        except (KeyError, ValueError) as error:
            raise ArtefactError(f"entropy tables: {error}", code=ReasonCode.ARTEFACT_DAMAGED) from error
        if len(z) != hyper or medians.shape != (hyper,) or len(y) != SCALE_COUNT or not 0 <= skipped < SCALE_COUNT:
            raise ArtefactError("entropy tables do not fit the model", code=ReasonCode.ARTEFACT_DAMAGED)
        return cls(z, y, medians, skipped)


def quantise(low: int, pmf: NDArray[np.float64]) -> FrequencyTable:
    """Counts for probabilities (n + 1,) of the symbols from `low` and, last, the escape; they need not be normalised.

    Each gets 1 + floor(share of 2^24 - n - 1); what the floors leave goes to the most probable symbol.
    """
    share = np.maximum(pmf, 0) / np.maximum(pmf, 0).sum()
    counts = 1 + np.floor(share * ((1 << PRECISION) - len(pmf))).astype(np.int64)
    counts[np.argmax(counts[:-1])] += (1 << PRECISION) - counts.sum()
    return FrequencyTable(low, counts)


def gaussian_tables() -> tuple[FrequencyTable, ...]:
    """Zero-mean Gaussians integrated over unit bins, one per scale SCALE_MIN * exp(i * SCALE_STEP)."""
    return tuple(_gaussian(SCALE_MIN * math.exp(i * SCALE_STEP)) for i in range(SCALE_COUNT))


def _gaussian(scale: float) -> FrequencyTable:
    def upper(x: float) -> float:
        return 0.5 * math.erfc(x / (scale * math.sqrt(2)))

    high = 2
    while 2 * upper(high + 0.5) > _ESCAPE:
        high += 1
    half = [upper(k - 0.5) - upper(k + 0.5) for k in range(1, high + 1)]
    pmf = [*reversed(half), 1 - 2 * upper(0.5), *half, max(2 * upper(high + 0.5), _ESCAPE)]
    return quantise(-high, np.array(pmf))


def trimmed(low: int, pmf: NDArray[np.float64]) -> FrequencyTable:
    """A table for the bulk of a wide pmf (n,) over low, low + 1, ...; both tails go to the escape symbol."""
    below, above = np.cumsum(pmf), np.cumsum(pmf[::-1])[::-1]
    kept = np.flatnonzero((below > _ESCAPE / 2) & (above > _ESCAPE / 2))
    first, last = int(kept[0]), int(kept[-1])
    tails = max(float(pmf.sum() - pmf[first : last + 1].sum()), _ESCAPE)
    return quantise(low + first, np.append(pmf[first : last + 1], tails))


def _split(low: NDArray[np.int64], size: NDArray[np.int64], count: NDArray[np.int64]) -> tuple[FrequencyTable, ...]:
    if low.shape != size.shape or low.ndim != 1 or (size < 2).any() or int(size.sum()) != count.size:
        raise ValueError("sizes do not agree")
    ends = np.cumsum(size)
    tables = tuple(FrequencyTable(int(b), count[e - n : e].astype(np.int64)) for b, e, n in zip(low, ends, size, strict=True))
    if any(int(t.counts.sum()) != 1 << PRECISION or int(t.counts.min()) < 1 for t in tables):
        raise ValueError("counts must be positive and sum to 2^24")
    return tables
