"""What a router would do with each image under a policy, and what that costs by the ladders; beside it the oracle.

The decision is the router's own (`Router.decide`, receiver "self"). Bytes are those of the ladder at the target, so that every
policy is compared at matched quality. Not played: settings that a lane fixes (a faster encoder, a fixed quality), in whose
place the default configuration stands (`fixed_settings` tells), repacking of JPEG files, and time budgets.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from router.codecs.base import Lane
from router.errors import RouterError
from router.evaluation.costs import cost
from router.evaluation.matched import Ladder, images
from router.evaluation.oracle import choose, family_of, knob_of, permitted_families, reached
from router.evaluation.pictures import Picture
from router.policy.builtin import codec_name
from router.policy.compiled import CompiledPolicy
from router.policy.decision import Decision, LanePlan
from router.quality.search import MAX_STEPS
from router.router import Router

if TYPE_CHECKING:
    import pandas as pd

    from router.detector.detector import Detector
    from router.detector.report import OodReport
    from router.images.sample import ImageSample

COLUMNS = [
    *("domain", "image", "policy", "target", "rule", "first_lane", "lane", "family", "bytes", "seconds", "decide_seconds"),
    *("steps", "lanes_failed", "fixed_settings", "source_bytes", "oracle_family", "oracle_bytes", "oracle_seconds"),
]
"""`first_lane` is the decision's; `lane` and `family` are what came of it after failures, None (and NaN bytes) if nothing did."""


@dataclass(frozen=True)
class Decided:
    """One decision on one image, with the CPU seconds it took."""

    picture: Picture
    policy: str
    target: float
    decision: Decision
    seconds: float
    source_bytes: int


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
    reports: dict[str, tuple[OodReport, float]] = {}
    found = []
    for router in routers:
        router.remember(reports)
        for target in targets:
            began = time.process_time()
            decision = router.decide(sample, quality=target, receiver="self")
            seconds = time.process_time() - began + router.seconds_saved
            found.append(Decided(picture, router.policy.name, float(target), decision, seconds, sample.source.size or 0))
    return found


class _Router(Router):
    """A router that scores an image once, and says what the further scores would have cost."""

    def remember(self, reports: dict[str, tuple[OodReport, float]]) -> None:
        self._reports = reports

    def decide(self, src: Any, **options: Any) -> Decision:
        self.seconds_saved = 0.0
        return super().decide(src, **options)

    def _loaded_detector(self) -> Detector:
        detector = super()._loaded_detector()
        return _Remembering(self, detector)  # type: ignore[return-value]


class _Remembering:
    def __init__(self, router: _Router, detector: Detector) -> None:
        self._router, self._detector = router, detector

    def score(self, sample: ImageSample, **options: Any) -> OodReport:
        reports = self._router._reports
        known = reports.get(sample.pixels_sha256)
        if known is None:
            began = time.process_time()
            report = self._detector.score(sample, **options)
            reports[sample.pixels_sha256] = (report, time.process_time() - began)
            return report
        self._router.seconds_saved += known[1]
        return known[0]


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
            }
            | walked(one, ladders)
        )
    numbers = ("target", "bytes", "seconds", "oracle_bytes", "oracle_seconds")
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


def _families(lane: LanePlan) -> list[str]:
    return [name for codec in lane.codecs if (name := family_of(codec_name(codec))) is not None]


def _result(lane: str | None, family: str | None, size: float, seconds: float, steps: int, failed: int) -> dict[str, Any]:
    label = {"lane": None if lane is None else str(lane), "family": family, "bytes": size}
    return label | {"seconds": seconds, "steps": steps, "lanes_failed": failed}
