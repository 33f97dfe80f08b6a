"""Bytes of the router, its oracle and the baselines over the same images, as ratios of sums with intervals over images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from router.evaluation.comparison.baselines import ANCHOR, KEYS, sizes
from router.evaluation.comparison.matched import POOLED
from router.evaluation.statistics import IntervalEstimate, ratio

if TYPE_CHECKING:
    import pandas as pd

ROUTER, ORACLE, PERMITTED = "router", "oracle", "permitted"


@dataclass(frozen=True)
class Domain:
    """The ratios of one policy at one target.

    `against_avif` is by strategy: "router", "oracle", "permitted" (the oracle within the rule) and baselines;
    `against_oracle` is the router's.

    `against_avif` by strategy: "router", "oracle", "permitted" (the oracle within the rule) and baselines; `against_oracle`:
    the router's.
    """

    name: str
    images: int
    against_avif: dict[str, IntervalEstimate]
    against_oracle: IntervalEstimate


def ratios(baselines: pd.DataFrame, routed: pd.DataFrame, policy: str | None, target: float) -> list[Domain]:
    """All images ("all") and each domain. Without a policy, the baselines alone."""
    table = sizes(baselines[baselines["target"] == target])
    strategies = [name for name in table.columns if name not in KEYS]
    rows = routed[(routed["target"] == target) & (routed["policy"] == policy)]
    if len(rows):
        named = {"bytes": ROUTER, "permitted_bytes": PERMITTED, "oracle_bytes": ORACLE}
        table = table.merge(rows[[*KEYS, *named]].rename(columns=named), on=KEYS, how="left")
        strategies = [*named.values(), *strategies]
    domains = sorted(str(name) for name in table["domain"].unique())
    groups = [(POOLED, table), *((name, table[table["domain"] == name]) for name in domains)]
    return [_of(name, part, strategies) for name, part in groups]


def _of(name: str, table: pd.DataFrame, strategies: Sequence[str]) -> Domain:
    nothing = np.full(len(table), np.nan)
    columns = {strategy: table[strategy].to_numpy(float) for strategy in strategies}
    anchor = columns.get(ANCHOR, nothing)
    return Domain(
        name,
        len(table),
        {strategy: ratio(found, anchor) for strategy, found in columns.items()},
        ratio(columns.get(ROUTER, nothing), columns.get(ORACLE, nothing)),
    )
