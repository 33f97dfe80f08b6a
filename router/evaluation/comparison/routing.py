"""What becomes of each decision on the measured points: its way along the lanes, and beside it the two oracles.

Bytes are those of its curve at the target, so that every policy is compared at matched quality. A source that is passed through
counts its own bytes; where a centre crop was measured, the share of them that the crop has of the pixels, as every other file is
one of the crop. Not played: settings that a lane fixes (a faster encoder, a fixed quality), in whose place the default
configuration stands (`fixed_settings` tells), repacking of JPEG files, and time budgets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from router.codecs.base import Lane
from router.evaluation.comparison.costs import SearchCost, searched
from router.evaluation.comparison.decisions import Decided
from router.evaluation.comparison.matched import RateDistortion, images
from router.evaluation.comparison.oracle import SOURCE, choose, family_of, open_families, permitted_families, reached
from router.evaluation.measure.variants import NEURAL
from router.policy.builtin import codec_name
from router.policy.compiled import CompiledPolicy
from router.policy.decision import LanePlan
from router.routing.winner import saves_too_little, source_is_better, winner

if TYPE_CHECKING:
    import pandas as pd


COLUMNS = [
    "domain",
    "image",
    "policy",
    "target",
    "rule",
    "first_lane",
    "lane",
    "family",
    "bytes",
    "seconds",
    "decide_seconds",
    "search_outcome",
    "released_bytes",
    "released_score",
    "steps",
    "lanes_failed",
    "fixed_settings",
    "source_bytes",
    "oracle_family",
    "oracle_bytes",
    "oracle_seconds",
    "permitted_family",
    "permitted_bytes",
    "permitted_seconds",
    "p_value",
    "ood_score",
    "gain",
    "gain_low",
    "gain_high",
    "guard_quantile",
    "lanes_open",
    "lanes_closed",
]
"""`first_lane` is the decision's; `lane` and `family` are what came of it after failures, None (and NaN bytes) if nothing did.

`search_outcome`, `released_bytes`, `released_score`: of the search for the target in the family that wrote the image, played
on its points (`costs.SearchCost`): what would really go out, while `bytes` are those exactly at the target. None and NaN
where nothing was searched.

`oracle_*`: of the open oracle, `permitted_*`: of the one that keeps to the decision's lanes, see `regret`. `source_bytes`: of
what was measured of the source.

`p_value` to `gain_high`, `lanes_open`, `lanes_closed`: see `decisions.SEEN`. `guard_quantile`: the smallest at which the guard
passes the neural point nearest to the target (`guarded.GuardVerdict`), NaN without one.
"""


_ORACLES = ("oracle_bytes", "oracle_seconds", "permitted_bytes", "permitted_seconds")


def routed(frame: pd.DataFrame, decided: Sequence[Decided], policies: Sequence[CompiledPolicy]) -> pd.DataFrame:
    """One row a decision; see `COLUMNS`. `frame`: see `measure_folder`. Decisions on images without points are left out."""
    import pandas as pd

    opened = {policy.name: open_families(policy) for policy in policies}
    by_image = {(domain, image): by_family for domain, image, by_family in images(frame)}
    rows = []
    for one in decided:
        by_family = by_image.get((one.picture.domain, one.picture.image))
        if by_family is None:
            continue
        source = _source_bytes(one, by_family)
        passed = source if one.source_goes or any(lane.lane == Lane.PASSTHROUGH for lane in one.decision.lanes) else None
        oracle = choose(by_family, opened[one.policy], one.target, passed)
        permitted = choose(by_family, permitted_families(one.decision), one.target, passed)
        rows.append(
            {
                "domain": one.picture.domain,
                "image": one.picture.image,
                "policy": one.policy,
                "target": one.target,
                "rule": one.decision.rule,
                "first_lane": str(one.decision.lane),
                "decide_seconds": one.seconds,
                "fixed_settings": any(lane.settings for lane in one.decision.lanes),
                "source_bytes": source,
                "oracle_family": oracle.family,
                "oracle_bytes": np.nan if oracle.bytes is None else oracle.bytes,
                "oracle_seconds": oracle.seconds,
                "permitted_family": permitted.family,
                "permitted_bytes": np.nan if permitted.bytes is None else permitted.bytes,
                "permitted_seconds": permitted.seconds,
                "guard_quantile": _guard_quantile(by_family.get(NEURAL), one.target),
            }
            | dict(one.seen)
            | replayed(one, by_family)
        )
    numbers = ("target", "released_bytes", "released_score", "bytes", "seconds", "source_bytes", *_ORACLES, *COLUMNS[-8:-2])
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(numbers, float))


def replayed(one: Decided, by_family: Mapping[str, RateDistortion]) -> dict[str, Any]:
    """What comes of the decision, as columns.

    They are `lane`, `family`, `bytes`, `seconds` (deciding included), `steps`, `lanes_failed`, and what the search would
    release.
    """
    replay = _Replay(one, by_family)
    source = _source_bytes(one, by_family)
    won = winner(
        one.decision.lanes,
        replay.result,
        lambda written: written[0],
        source_goes=bool(source),
    )
    if won is None:
        return replay.ended(None, None, np.nan, len(one.decision.lanes))
    if won.result is None:
        return replay.ended(won.lane.lane, SOURCE, source, won.position)
    size, family = won.result
    if one.source_goes and source_is_better(won.lane.lane, replay.released(family, size), source, lossy=one.source_lossy):
        return replay.ended(Lane.PASSTHROUGH, SOURCE, source, won.position)
    return replay.ended(won.lane.lane, family, size, won.position)


class _Replay:
    """One image on its way along the lanes. A family is searched, and paid for, once."""

    def __init__(self, one: Decided, by_family: Mapping[str, RateDistortion]) -> None:
        self._one = one
        self._by_family = by_family
        self._seconds, self._steps = one.seconds, 0
        self._searched: dict[str, SearchCost] = {}

    def written(self, codec: str) -> tuple[float, str] | None:
        """Bytes and family of what a codec writes; None if it does not succeed."""
        name = family_of(codec)
        rd = None if name is None else self._by_family.get(name)
        if name is None or rd is None:  # the codec refused the image, from header facts
            return None
        if name not in self._searched:
            spent = searched(rd, name, self._one.target, self._one.decision.max_steps)
            self._seconds, self._steps = self._seconds + spent.seconds, self._steps + spent.steps
            self._searched[name] = spent
        size = reached(rd, self._one.target)
        return None if size is None else (size, name)

    def result(self, lane: LanePlan, codec_id: str) -> tuple[float, str] | None:
        """Bytes and family of what a codec gives in a lane; None if that may not be released."""
        found = self.written(codec_name(codec_id))
        return None if found is None or self.saves_too_little(lane, found[0]) else found

    def released(self, family: str, size: float) -> float:
        """Bytes of what the search for the target really ends with; `size` where nothing was searched."""
        found = self._searched[family].bytes
        return size if found is None else found

    def saves_too_little(self, lane: LanePlan, size: float) -> bool:
        """Whether a neural result saves less than it must beside the first classical codec that can write the image."""
        if lane.must_save is None:
            return False
        found = (self.written(codec_name(codec)) for _, codec in self._one.decision.baselines)
        baseline = next((one[0] for one in found if one is not None), None)
        return baseline is not None and saves_too_little(lane, size, baseline)

    def ended(self, lane: str | None, family: str | None, size: float, failed: int) -> dict[str, Any]:
        label = {"lane": None if lane is None else str(lane), "family": family, "bytes": size}
        found = self._searched.get(family or "")
        label |= {
            "search_outcome": None if found is None else found.outcome,
            "released_bytes": np.nan if found is None or found.bytes is None else found.bytes,
            "released_score": np.nan if found is None or found.score is None else found.score,
        }
        return label | {"seconds": self._seconds, "steps": self._steps, "lanes_failed": failed}


def _source_bytes(one: Decided, by_family: Mapping[str, RateDistortion]) -> float:
    """Bytes of the source, or of the part of it that is due to the crop which was measured."""
    points = next(iter(by_family.values())).points
    measured = int(points["width"].iloc[0]) * int(points["height"].iloc[0])
    return one.source_bytes * measured / one.source_pixels


def _guard_quantile(neural: RateDistortion | None, target: float) -> float:
    size = None if neural is None else neural.bytes_at("ssimulacra2", target)
    if neural is None or size is None:
        return np.nan
    score = neural.value_at("ssimulacra2", size)
    return neural.guard_quantile(target if score is None else score)
