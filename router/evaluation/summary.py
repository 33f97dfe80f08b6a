"""The figures of a report, by domain and pooled, by target.

They are each baseline's bytes against always-AVIF, regret, seconds and harm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from router.codecs.base import Lane
from router.evaluation import harm as harms
from router.evaluation.comparison import regret
from router.evaluation.comparison.baselines import ANCHOR, KEYS, sizes
from router.evaluation.comparison.costs import UNREACHED
from router.evaluation.comparison.curves import TOLERANCES
from router.evaluation.comparison.matched import POOLED
from router.evaluation.measure.variants import NEURAL
from router.quality.search import SearchOutcome

if TYPE_CHECKING:
    import pandas as pd


def summary(baselines: pd.DataFrame, routed: pd.DataFrame, harm: pd.DataFrame) -> dict[str, Any]:
    """JSON-able: target (text) -> domain or "all" -> `images`, `rivals`, `policies`, `neural_harm` (of always-neural).

    The tables: `baselines.baseline_results`, `routing.routed`, `harm.harm`.

    A baseline has: `bytes`, the sum over images; `against_avif`, that sum over always-AVIF's; `against_avif_geometric`, the
    geometric mean over images of the same ratio, in which small and large images count alike; `out_of_reach`, images that it
    refuses or on which it does not reach the target: these count with the image's smallest lossless file; `seconds`; `families`,
    images by what wrote them; and `harm` where it uses the neural codec. A policy has more, see `_policy`.
    """
    found: dict[str, Any] = {}
    for target in sorted(baselines["target"].unique()):
        of_target = [table[table["target"] == target] for table in (baselines, routed, harm)]
        domains = [POOLED, *sorted(of_target[0]["domain"].unique())]
        found[f"{target:g}"] = {d: _of(*(t if d == POOLED else t[t["domain"] == d] for t in of_target)) for d in domains}
    return found


def harm_over_targets(routed: pd.DataFrame, harm: pd.DataFrame, targets: Sequence[float]) -> dict[str, Any]:
    """Policy -> `harm.summary` over these targets together: an image counts once, as harmed if it is at any of them."""
    images = routed[KEYS[:2]].drop_duplicates()
    return {
        str(policy): harms.summary(_in_neural_lane(rows[rows["target"].isin(list(targets))], harm), len(images))
        for policy, rows in routed.groupby("policy", sort=True)
    }


def share_of_seconds(found: Mapping[str, Any], cropped: bool) -> float | None:
    """The share of the oracle's seconds to show for a policy's part of `summary`.

    Where centre crops were measured (`cropped`), that of searching alone: decisions are made on whole files, so that beside
    searches in small crops they would count many times over.
    """
    share: float | None = found["share_of_oracle_seconds_searching" if cropped else "share_of_oracle_seconds"]
    return share


def _of(baselines: pd.DataFrame, routed: pd.DataFrame, harm: pd.DataFrame) -> dict[str, Any]:
    table = sizes(baselines)
    anchor = table[ANCHOR].to_numpy(float) if ANCHOR in table else np.full(len(table), np.nan)
    avif = table[KEYS].assign(avif=anchor)
    return {
        "images": len(table),
        "rivals": {
            name: _baseline(baselines[baselines["rival"] == name], avif, harm) for name in table.columns if name not in KEYS
        },
        "policies": {str(policy): _policy(rows, avif, harm, len(table)) for policy, rows in routed.groupby("policy", sort=True)},
        "neural_harm": harms.summary(harm, len(table)),
    }


def _baseline(rows: pd.DataFrame, avif: pd.DataFrame, harm: pd.DataFrame) -> dict[str, Any]:
    merged = rows.merge(avif, on=KEYS, how="left")
    found: dict[str, Any] = _against(merged["bytes"].to_numpy(float), merged["avif"].to_numpy(float))
    found |= {"out_of_reach": int(rows["missed"].sum()), "seconds": float(rows["seconds"].sum())}
    found["families"] = _counts(rows["family"])
    if NEURAL in found["families"]:
        found["harm"] = harms.summary(harm.merge(rows[rows["family"] == NEURAL][KEYS], on=KEYS, how="inner"), len(rows))
    return found


def _policy(rows: pd.DataFrame, avif: pd.DataFrame, harm: pd.DataFrame, images: int) -> dict[str, Any]:
    """A policy's figures: those of a baseline, and of the two oracles, `oracle` (open) and `permitted`, their own.

    Also `regret` = bytes / oracle's bytes - 1, of sums, and `regret_permitted`; `share_of_oracle_seconds`, of the open
    one's, and `share_of_oracle_seconds_searching`, without `decide_seconds`; `regret_by_rule`: see `regret.by_rule`;
    `search`: see `_search`; `lanes`: images by the lane that wrote them; `rules`: images by rule; `harm`: see
    `harm.summary`, of the neural lane's images.
    """
    merged = rows.merge(avif, on=KEYS, how="left")
    ours, anchor = merged["bytes"].to_numpy(float), merged["avif"].to_numpy(float)
    seconds, oracle_seconds = float(merged["seconds"].sum()), float(merged["oracle_seconds"].sum())
    deciding = float(np.nansum(merged["decide_seconds"].to_numpy(float)))
    return _against(ours, anchor) | {
        "out_of_reach": int(np.isnan(ours).sum()),
        "regret": _regret(merged, "oracle"),
        "regret_permitted": _regret(merged, "permitted"),
        "regret_by_rule": regret.by_rule(rows, harm),
        "seconds": seconds,
        "oracle": _oracle(merged, "oracle"),
        "permitted": _oracle(merged, "permitted"),
        "share_of_oracle_seconds": seconds / oracle_seconds if oracle_seconds else None,
        "decide_seconds": deciding,
        "share_of_oracle_seconds_searching": (seconds - deciding) / oracle_seconds if oracle_seconds else None,
        "search": _search(rows),
        "lanes": _counts(merged["lane"]),
        "families": _counts(merged["family"]),
        "rules": _counts(merged["rule"]),
        "fixed_settings": int(merged["fixed_settings"].astype(bool).sum()),
        "harm": harms.summary(_in_neural_lane(rows, harm), images),
    }


def _search(rows: pd.DataFrame) -> dict[str, Any] | None:
    """How the searches for the target end whose results the router would release; None where that was not played.

    `searched`, images; of them `outcomes`, by name; `missed`: off by more than the tolerance though the codec may have a nearer
    setting, or nothing found though it has one; `bytes`: what is released over what the codec takes exactly at the target, of
    sums, less 1: no other figure holds that.
    """
    if "search_outcome" not in rows:
        return None
    some = rows[rows["search_outcome"].notna()]
    off = some["released_score"].to_numpy(float) > some["target"].to_numpy(float) + TOLERANCES["ssimulacra2"]
    missed = (some["search_outcome"] == UNREACHED) | ((some["search_outcome"] == SearchOutcome.BEYOND.value) & off)
    released, matched = some["released_bytes"].to_numpy(float), some["bytes"].to_numpy(float)
    both = np.isfinite(released) & np.isfinite(matched)
    return {
        "searched": len(some),
        "outcomes": _counts(some["search_outcome"]),
        "missed": int(missed.sum()),
        "bytes": _ratio(released[both], matched[both], less=1.0),
    }


def _oracle(rows: pd.DataFrame, name: str) -> dict[str, Any]:
    found = _against(rows[f"{name}_bytes"].to_numpy(float), rows["avif"].to_numpy(float))
    return found | {"seconds": float(rows[f"{name}_seconds"].sum()), "families": _counts(rows[f"{name}_family"])}


def _regret(rows: pd.DataFrame, name: str) -> float | None:
    """Over the images that both can write."""
    ours, best = rows["bytes"].to_numpy(float), rows[f"{name}_bytes"].to_numpy(float)
    both = np.isfinite(ours) & np.isfinite(best)
    return _ratio(ours[both], best[both], less=1.0)


def _in_neural_lane(routed: pd.DataFrame, harm: pd.DataFrame) -> pd.DataFrame:
    return harm.merge(routed[routed["lane"] == Lane.NEURAL.value][KEYS], on=KEYS, how="inner")


def _against(sizes: np.ndarray[Any, Any], anchor: np.ndarray[Any, Any]) -> dict[str, float | None]:
    both = np.isfinite(sizes) & np.isfinite(anchor)
    ratios = np.log(sizes[both] / anchor[both])
    return {
        "bytes": float(np.nansum(sizes)),
        "against_avif": _ratio(sizes[both], anchor[both]),
        "against_avif_geometric": float(np.exp(ratios.mean())) if len(ratios) else None,
    }


def _ratio(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], less: float = 0.0) -> float | None:
    return float(a.sum() / b.sum()) - less if len(a) else None


def _counts(column: pd.Series) -> dict[str, int]:
    return {str(name): int(count) for name, count in column.dropna().value_counts().sort_index().items()}
