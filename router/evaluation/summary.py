"""The figures of a report: each rival's bytes against always-AVIF, regret, seconds and harm; by domain and pooled, by target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from router.codecs.base import Lane
from router.evaluation import harm as harms
from router.evaluation.families import LOSSLESS, NEURAL
from router.evaluation.matched import AVIF

if TYPE_CHECKING:
    import pandas as pd

POOLED = "all"
RIVALS: Mapping[str, str] = {
    "always-jpeg": "jpeg",
    "always-webp": "webp",
    "always-avif": AVIF,
    "always-jxl": "jxl",
    "always-neural": NEURAL,
}
_ANCHOR = "always-avif"
_KEYS = ["domain", "image", "target"]


def summary(matched: pd.DataFrame, routed: pd.DataFrame, harm: pd.DataFrame) -> dict[str, Any]:
    """JSON-able: target (text) -> domain or "all" -> `images`, `rivals`, `policies`, `neural_harm` (of always-neural).

    A rival has: `bytes`, the sum over images; `against_avif`, that sum over always-AVIF's; `against_avif_geometric`, the
    geometric mean over images of the same ratio, in which small and large images count alike; `out_of_reach`, images that it
    refuses or on which it does not reach the target: these count with the image's smallest lossless file. A policy has more,
    see `_policy`.
    """
    rivals = rival_bytes(matched)
    found: dict[str, Any] = {}
    for target in sorted(matched["target"].unique()):
        of_target = [table[table["target"] == target] for table in (rivals, routed, harm)]
        domains = [POOLED, *sorted(of_target[0]["domain"].unique())]
        found[f"{target:g}"] = {d: _of(*(t if d == POOLED else t[t["domain"] == d] for t in of_target)) for d in domains}
    return found


def harm_over_targets(routed: pd.DataFrame, harm: pd.DataFrame, targets: Sequence[float]) -> dict[str, Any]:
    """Policy -> `harm.summary` over these targets together: an image counts once, as harmed if it is at any of them."""
    images = routed[_KEYS[:2]].drop_duplicates()
    return {
        str(policy): harms.summary(_in_neural_lane(rows[rows["target"].isin(list(targets))], harm), len(images))
        for policy, rows in routed.groupby("policy", sort=True)
    }


def rival_bytes(matched: pd.DataFrame) -> pd.DataFrame:
    """One row an image and target, a column of bytes a rival (fallback applied), and `<rival> missed`."""
    table = matched.pivot(index=_KEYS, columns="family", values="bytes")
    fallback = table.reindex(columns=list(LOSSLESS)).min(axis=1)
    measured = [name for name, family in RIVALS.items() if family in table.columns]
    found = table.index.to_frame(index=False)
    for name in measured:
        sizes = table[RIVALS[name]]
        found[name] = sizes.fillna(fallback).to_numpy()
        found[f"{name} missed"] = sizes.isna().to_numpy()
    return found


def _of(rivals: pd.DataFrame, routed: pd.DataFrame, harm: pd.DataFrame) -> dict[str, Any]:
    names = [name for name in RIVALS if name in rivals.columns]
    anchor = rivals[_ANCHOR].to_numpy(float) if _ANCHOR in names else np.full(len(rivals), np.nan)
    avif = rivals[_KEYS].assign(avif=anchor)
    return {
        "images": len(rivals),
        "rivals": {
            name: _against(rivals[name].to_numpy(float), anchor) | {"out_of_reach": int(rivals[f"{name} missed"].sum())}
            for name in names
        },
        "policies": {str(policy): _policy(rows, avif, harm, len(rivals)) for policy, rows in routed.groupby("policy", sort=True)},
        "neural_harm": harms.summary(harm, len(rivals)),
    }


def _policy(rows: pd.DataFrame, avif: pd.DataFrame, harm: pd.DataFrame, images: int) -> dict[str, Any]:
    """A rival's figures, and `oracle` with its own; `regret` = bytes / oracle's bytes - 1, of sums; `share_of_oracle_seconds`;
    `lanes`: images by the lane that wrote them; `rules`: images by rule; `harm`: see `harm.summary`, of the neural lane's images.
    """
    merged = rows.merge(avif, on=_KEYS, how="left")
    ours, best = merged["bytes"].to_numpy(float), merged["oracle_bytes"].to_numpy(float)
    both = np.isfinite(ours) & np.isfinite(best)
    anchor = merged["avif"].to_numpy(float)
    seconds, oracle_seconds = float(merged["seconds"].sum()), float(merged["oracle_seconds"].sum())
    return _against(ours, anchor) | {
        "out_of_reach": int(np.isnan(ours).sum()),
        "regret": _ratio(ours[both], best[both], less=1.0),
        "seconds": seconds,
        "oracle": _against(best, anchor) | {"seconds": oracle_seconds, "families": _counts(merged["oracle_family"])},
        "share_of_oracle_seconds": seconds / oracle_seconds if oracle_seconds else None,
        "lanes": _counts(merged["lane"]),
        "families": _counts(merged["family"]),
        "rules": _counts(merged["rule"]),
        "fixed_settings": int(merged["fixed_settings"].astype(bool).sum()),
        "harm": harms.summary(_in_neural_lane(rows, harm), images),
    }


def _in_neural_lane(routed: pd.DataFrame, harm: pd.DataFrame) -> pd.DataFrame:
    return harm.merge(routed[routed["lane"] == Lane.NEURAL.value][_KEYS], on=_KEYS, how="inner")


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
