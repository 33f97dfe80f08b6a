"""What a router would do with each image under a policy, and what that costs by the ladders; beside it the oracle.

The decision is the router's own (`Router.decide`, receiver "self"). Bytes are those of the ladder at the target, so that every
policy is compared at matched quality. Not played: settings that a lane fixes (a faster encoder, a fixed quality), in whose
place the default configuration stands (`fixed_settings` tells), repacking of JPEG files, and time budgets.

Beside what was decided stands what other thresholds would have decided, so that `tuning` need not see an image again: the lanes
if the detector had known the image and the predicted gain had been high (`lanes_open`), those if neither had (`lanes_closed`),
and the numbers that thresholds are compared with.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from router.codecs.base import Lane
from router.errors import RouterError
from router.evaluation.costs import cost
from router.evaluation.families import NEURAL
from router.evaluation.matched import Ladder, images
from router.evaluation.oracle import choose, family_of, knob_of, permitted_families, reached
from router.evaluation.pictures import Picture
from router.facts import Facts
from router.gain.scene import SceneOnce
from router.policy.builtin import codec_name
from router.policy.compiled import CompiledPolicy
from router.policy.decision import Decision, LanePlan
from router.policy.engine import Resolver
from router.policy.receiver import Receiver
from router.quality.search import MAX_STEPS
from router.quality.target import Target
from router.router import Router

if TYPE_CHECKING:
    import pandas as pd

    from router.detector.detector import Detector
    from router.detector.report import OodReport
    from router.images.sample import ImageSample

COLUMNS = [
    *("domain", "image", "policy", "target", "rule", "first_lane", "lane", "family", "bytes", "seconds", "decide_seconds"),
    *("steps", "lanes_failed", "fixed_settings", "source_bytes", "oracle_family", "oracle_bytes", "oracle_seconds"),
    *("p_value", "ood_score", "gain", "gain_low", "gain_high", "guard_quantile", "lanes_open", "lanes_closed"),
]
"""`first_lane` is the decision's; `lane` and `family` are what came of it after failures, None (and NaN bytes) if nothing did.

`p_value` to `gain_high`: as `ood.*` and `gain.*` of policies, of images that `lanes_open` would send to the neural lane; NaN of
others, and where there is no such model. `guard_quantile`: the smallest at which the guard passes the neural point nearest to the
target (`guarded.Verdict`), NaN without one. `lanes_open`, `lanes_closed`: JSON, a list of [lane, choose, [codec ids]].
"""


@dataclass(frozen=True)
class Decided:
    """One decision on one image, with the CPU seconds it took; `seen`: the last of `COLUMNS` but `guard_quantile`."""

    picture: Picture
    policy: str
    target: float
    decision: Decision
    seconds: float
    source_bytes: int
    seen: Mapping[str, Any] = field(default_factory=dict)


def decide_all(pictures: Iterable[Picture], policies: Sequence[CompiledPolicy], targets: Sequence[float]) -> list[Decided]:
    """Decisions on each picture's file, metadata and all. An image is scored by the detector once, whatever it is decided for.

    Pictures that cannot be read are left out: the ladders name them.
    """
    routers = [_Router(policy) for policy in policies]
    found: list[Decided] = []
    for picture in pictures:
        try:
            found += _decide_one(picture, routers, targets)
        except RouterError:
            continue
    return found


def _decide_one(picture: Picture, routers: Sequence[_Router], targets: Sequence[float]) -> list[Decided]:
    from router.images.read import read

    sample = read(picture.path)
    image = _Scored(sample)
    found = []
    for router in routers:
        router.image = image
        for target in targets:
            image.seconds_saved = 0.0
            began = time.process_time()
            decision = router.decide(sample, quality=target, receiver="self")
            seconds = time.process_time() - began + image.seconds_saved
            seen = router.otherwise(sample, Target.quality(target))
            size = sample.source.size or 0
            found.append(Decided(picture, router.policy.name, float(target), decision, seconds, size, seen))
    return found


class _Scored:
    """One image: scored by the detector once, by whichever router asks first; the others are charged for it all the same."""

    def __init__(self, sample: ImageSample) -> None:
        self.scene = SceneOnce(sample)
        self.seconds_saved = 0.0
        self._known: tuple[OodReport, float] | None = None

    def score(self, detector: Callable[[], Detector]) -> OodReport:
        if self._known is None:
            loaded = detector()
            began = time.process_time()
            report = self.scene.score(loaded)
            self._known = report, time.process_time() - began
        else:
            self.seconds_saved += self._known[1]
        return self._known[0]


class _Router(Router):
    """A router of one image at a time, that also says what it would decide if the models had said otherwise."""

    image: _Scored

    def otherwise(self, sample: ImageSample, target: Target) -> dict[str, Any]:
        """See `COLUMNS`, from `p_value`."""
        facts = self._facts(sample, target)
        opened, closed = (self._lanes(facts.resolve, target, said) for said in (_KNOWN, _UNKNOWN))
        found = dict.fromkeys(("p_value", "ood_score", "gain", "gain_low", "gain_high"), np.nan)
        if any(lane[0] == Lane.NEURAL for lane in opened):
            found |= _numbers(facts, "ood", {"p_value": "p_value", "score": "ood_score"})
            found |= _numbers(facts, "gain", {"bytes_saved": "gain", "low": "gain_low", "high": "gain_high"})
        return found | {"lanes_open": json.dumps(opened), "lanes_closed": json.dumps(closed)}

    def _lanes(self, resolve: Resolver, target: Target, said: Mapping[str, Mapping[str, Any]]) -> list[Any]:
        def resolver(group: str) -> Mapping[str, Any]:
            return said[group] if group in said else resolve(group)

        try:
            decision = self._decision(resolver, Receiver.parse("self"), target)
        except RouterError:  # nothing that this policy permits
            return []
        return [[str(lane.lane), lane.choose, list(lane.codecs)] for lane in decision.lanes]

    def _facts(self, sample: ImageSample, target: Target) -> Facts:
        return self._facts_of(self.image.scene, target, lambda: self.image.score(self._loaded_detector))


_KNOWN: Mapping[str, Mapping[str, Any]] = {
    "ood": {"available": True, "score": -1000.0, "p_value": 1.0, "in_distribution": True, "detector": ""},
    "gain": {"available": True, "bytes_saved": 1.0, "low": 1.0, "high": 1.0},
}
_UNKNOWN: Mapping[str, Mapping[str, Any]] = {
    "ood": {"available": True, "score": 1000.0, "p_value": 0.0, "in_distribution": False, "detector": ""},
    "gain": {"available": True, "bytes_saved": -1000.0, "low": -1000.0, "high": -1000.0},
}


def _numbers(facts: Facts, group: str, names: Mapping[str, str]) -> dict[str, float]:
    """Inputs of a group by column; NaN where its model is missing or fails, which is no news: the decision says so."""
    try:
        values = facts.resolve(group)
    except RouterError:
        return dict.fromkeys(names.values(), np.nan)
    return {column: float(values[name]) if values["available"] else np.nan for name, column in names.items()}


def routed(frame: pd.DataFrame, decided: Sequence[Decided], policies: Sequence[CompiledPolicy]) -> pd.DataFrame:
    """One row a decision; see `COLUMNS`. `frame`: see `run.ladders`. Decisions on images without points are left out."""
    import pandas as pd

    permitted = {policy.name: permitted_families(policy) for policy in policies}
    by_image = {(domain, image): ladders for domain, image, ladders in images(frame)}
    rows = []
    for one in decided:
        ladders = by_image.get((one.picture.domain, one.picture.image))
        if ladders is None:
            continue
        oracle = choose(ladders, permitted[one.policy], one.target)
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
                "source_bytes": one.source_bytes,
                "oracle_family": oracle.family,
                "oracle_bytes": np.nan if oracle.bytes is None else oracle.bytes,
                "oracle_seconds": oracle.seconds,
                "guard_quantile": _guard_quantile(ladders.get(NEURAL), one.target),
            }
            | dict(one.seen)
            | walked(one, ladders)
        )
    numbers = ("target", "bytes", "seconds", "oracle_bytes", "oracle_seconds", *COLUMNS[-8:-2])
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(numbers, float))


def walked(one: Decided, ladders: Mapping[str, Ladder]) -> dict[str, Any]:
    """`lane`, `family`, `bytes`, `seconds` (deciding included), `steps` and `lanes_failed` of the decision's walk."""
    seconds, steps = one.seconds, 0
    max_steps = one.decision.budgets.max_search_steps or MAX_STEPS
    for failed, lane in enumerate(one.decision.lanes):
        if lane.lane == Lane.PASSTHROUGH and one.source_bytes:
            return _result(lane.lane, "source", float(one.source_bytes), seconds, steps, failed)
        found: list[tuple[float, str]] = []
        for name in _families(lane):
            ladder = ladders.get(name)
            if ladder is None:  # the codec refused the image, from header facts
                continue
            spent = cost(ladder.points, knob_of(name), one.target, max_steps)
            seconds, steps = seconds + spent.seconds, steps + spent.steps
            size = reached(ladder, one.target)
            if size is not None:
                found.append((size, name))
                if lane.choose == "first":
                    break
        if found:
            size, name = min(found)
            return _result(lane.lane, name, size, seconds, steps, failed)
    return _result(None, None, np.nan, seconds, steps, len(one.decision.lanes))


def _guard_quantile(neural: Ladder | None, target: float) -> float:
    size = None if neural is None else neural.bytes_at("ssimulacra2", target)
    if neural is None or size is None:
        return np.nan
    score = neural.value_at("ssimulacra2", size)
    return neural.guard_quantile(target if score is None else score)


def _families(lane: LanePlan) -> list[str]:
    return [name for codec in lane.codecs if (name := family_of(codec_name(codec))) is not None]


def _result(lane: str | None, family: str | None, size: float, seconds: float, steps: int, failed: int) -> dict[str, Any]:
    label = {"lane": None if lane is None else str(lane), "family": family, "bytes": size}
    return label | {"seconds": seconds, "steps": steps, "lanes_failed": failed}
