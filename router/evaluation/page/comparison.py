"""Bytes of the router, its oracle and the rivals over the same images, as ratios of sums with intervals over images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from router.evaluation.page.resampling import Estimate, ratio
from router.evaluation.summary import POOLED, RIVALS, rival_bytes

if TYPE_CHECKING:
    import pandas as pd

ROUTER, ORACLE = "router", "oracle"
ANCHOR = "always-avif"
_KEYS = ["domain", "image", "target"]


@dataclass(frozen=True)
class Domain:
    """Of one policy at one target. `against_avif` by strategy: "router", "oracle" and rivals; `against_oracle`: the router's."""

    name: str
    images: int
    against_avif: dict[str, Estimate]
    against_oracle: Estimate


def comparison(matched: pd.DataFrame, routed: pd.DataFrame, policy: str | None, target: float) -> list[Domain]:
    """All images ("all") and each domain. Without a policy, the rivals alone."""
    sizes = rival_bytes(matched[matched["target"] == target])
    strategies = [name for name in RIVALS if name in sizes]
    rows = routed[(routed["target"] == target) & (routed["policy"] == policy)]
    if len(rows):
        ours = rows[[*_KEYS, "bytes", "oracle_bytes"]].rename(columns={"bytes": ROUTER, "oracle_bytes": ORACLE})
        sizes = sizes.merge(ours, on=_KEYS, how="left")
        strategies = [ROUTER, ORACLE, *strategies]
    domains = sorted(str(name) for name in sizes["domain"].unique())
    groups = [(POOLED, sizes), *((name, sizes[sizes["domain"] == name]) for name in domains)]
    return [_of(name, part, strategies) for name, part in groups]


def _of(name: str, sizes: pd.DataFrame, strategies: Sequence[str]) -> Domain:
    nothing = np.full(len(sizes), np.nan)
    columns = {strategy: sizes[strategy].to_numpy(float) for strategy in strategies}
    anchor = columns.get(ANCHOR, nothing)
    return Domain(
        name,
        len(sizes),
        {strategy: ratio(found, anchor) for strategy, found in columns.items()},
        ratio(columns.get(ROUTER, nothing), columns.get(ORACLE, nothing)),
    )
