"""Where a router's bytes beyond the oracle's come from.

Two oracles, each the fewest bytes that reach the target and pass the guard: the *open* one may take every lane that any rule of
the policy names; the *permitted* one only the lanes of the rule that was applied to the image, in any order. Permitted minus open
is the price of caution: what the conditions of the rules cost, because they keep an image out of a lane that would have been
smaller. Router minus permitted is the price of the order: lanes and codecs are tried one after the other, and the first that
succeeds is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from router.codecs.base import Lane
from router.evaluation.comparison.baselines import KEYS
from router.evaluation.measure.variants import NEURAL

if TYPE_CHECKING:
    import pandas as pd


def by_rule(routed: pd.DataFrame, harm: pd.DataFrame) -> dict[str, Any]:
    """JSON-able: `all` images together, and `rules` by name, largest part first, of the rows of one policy at one target.

    `harm`: see `harm.harm`. Every part has `images` and `over`, their bytes beyond the open oracle's; `caution` and `order`, the
    two parts of `over`; and two that overlap, of images that did not go to the neural lane: `would_be_harmed`, the part of `over`
    on those that the neural codec would have harmed at this target, and `neural_smaller`, where the open oracle takes the
    neural codec. Each is `bytes` and `share`, of the oracle's bytes of all images: the rules' shares make the regret. Images
    without the three sizes are left out.
    """
    rows = routed.merge(harm[[*KEYS, "harmed"]], on=KEYS, how="left")
    rows = rows[np.isfinite(rows[["bytes", "permitted_bytes", "oracle_bytes"]].to_numpy(float)).all(axis=1)]
    elsewhere = rows["lane"] != Lane.NEURAL.value
    rows = rows.assign(
        over=rows["bytes"] - rows["oracle_bytes"],
        caution=rows["permitted_bytes"] - rows["oracle_bytes"],
        order=rows["bytes"] - rows["permitted_bytes"],
        would_be_harmed=elsewhere & (rows["harmed"] == True),  # noqa: E712 - not known is not harmed
        neural_smaller=elsewhere & (rows["oracle_family"] == NEURAL),
    )
    total = float(rows["oracle_bytes"].sum())
    rules = {str(rule): _part(part, total) for rule, part in rows.groupby("rule", sort=True)}
    largest_first = sorted(rules.items(), key=lambda item: -item[1]["over"]["bytes"])
    return {"all": _part(rows, total), "rules": dict(largest_first)}


def _part(rows: pd.DataFrame, total: float) -> dict[str, Any]:
    def of(column: str, some: pd.DataFrame = rows) -> dict[str, Any]:
        size = float(some[column].sum())
        return {"bytes": size, "share": size / total if total else None}

    found: dict[str, Any] = {"images": len(rows)} | {name: of(name) for name in ("over", "caution", "order")}
    for name in ("would_be_harmed", "neural_smaller"):
        some = rows[rows[name].astype(bool)]
        found[name] = {"images": len(some)} | of("over", some)
    return found
