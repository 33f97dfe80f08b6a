"""The settings that are tried, and what each of them gives on a table; arithmetic over arrays, no image is seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from router.evaluation.tuning.table import Flags, Order, Table, Values

PATH = (
    *((0.5, 0.75), (0.3, 0.9), (0.2, 0.95), (0.15, 0.95), (0.1, 0.98)),
    *((0.07, 0.99), (0.05, 0.99), (0.03, 0.99), (0.02, 0.99), (0.01, 0.99), (0.01, 0.999)),
)
"""Levels of the detector and quantiles of the guard, together from the most careful on. One path and not every pair: each more
sequence of tests would take its share of delta, and of a few hundred images little can be asked."""
GAINS = (0.2, 0.15, 0.1, 0.05, 0.0, -math.inf)
"""Smallest predicted share of bytes saved, likewise; without a condition last."""


@dataclass(frozen=True)
class Setting:
    """One setting of the thresholds.

    Attributes:
        alpha: `defaults.alpha`.
        quantile: `defaults.guard.quantile`.
        gain: what `gain.bytes_saved` must be above; no condition where it is -inf.
        order: of classical codecs.
    """

    alpha: float
    quantile: float
    gain: float
    order: Order


@dataclass(frozen=True)
class Sizes:
    """What a policy gives on a table.

    Attributes:
        bytes, against_avif: sum over images and targets, and that over always-AVIF's.
        images: in all; `neural`: those with a neural result at any target; `harmed`: those harmed at any target.
    """

    bytes: float
    against_avif: float
    images: int
    neural: int
    harmed: int


@dataclass(frozen=True)
class SettingResult(Sizes):
    """What a setting gives."""

    setting: Setting

    def trials(self, rate: str) -> int:
        """What `rate` is a share of: "image" or "neural"."""
        return self.images if rate == "image" else self.neural


def outcome(table: Table, setting: Setting) -> SettingResult:
    """The result of one setting."""
    tried = table.asked & (table.p_value > setting.alpha)  # false where not known, as in a policy
    if setting.gain > -math.inf:
        tried &= table.gain > setting.gain
    order = setting.order if setting.order in table.closed else next(iter(table.closed))
    neural = (tried | table.saves[order]) & (table.quantile <= setting.quantile)
    sizes = np.where(neural, table.neural, np.where(tried, table.failed[order], table.closed[order]))
    return SettingResult(*_summed(table, sizes, neural), setting)


def outcome_of_base(table: Table) -> Sizes:
    """The result of the policy that the report was made with, as it stands."""
    return Sizes(*_summed(table, table.base, table.base_neural))


def _summed(table: Table, sizes: Values, neural: Flags) -> tuple[float, float, int, int, int]:
    both = np.isfinite(sizes) & np.isfinite(table.avif)
    against = float(sizes[both].sum() / table.avif[both].sum()) if both.any() else math.nan
    return float(np.nansum(sizes)), against, table.images, table.per_image(neural), table.per_image(neural & table.harmed)


def all_outcomes(table: Table, *, guard: float | None, gains: Sequence[float], order: Order) -> list[list[SettingResult]]:
    """One chain for each of `gains`, along PATH: an order that is fixed before the data are seen.

    `guard`: this quantile all along.
    """
    path = tuple(dict.fromkeys((alpha, quantile if guard is None else guard) for alpha, quantile in PATH))
    return [[outcome(table, Setting(alpha, quantile, gain, order)) for alpha, quantile in path] for gain in gains]


def best_order(table: Table, least: float = 0.001) -> Order:
    """The order of classical codecs with the fewest bytes where nothing is neural.

    It is the base policy's own unless another saves `least` of the bytes. Order has no part in harm, which is about the
    neural lane.
    """
    totals = {order: float(np.nansum(sizes)) for order, sizes in table.closed.items()}
    own = next(iter(totals))
    best = min(totals, key=lambda order: totals[order])
    return best if totals[best] < (1 - least) * totals[own] else own


def covered(table: Table, which: str) -> Flags:
    """Rows that the policy would send to the neural lane and of which `which` ("p_value" or "gain") is known."""
    found: Flags = table.asked & np.isfinite(getattr(table, which))
    return found
