"""What a router decides for each image under a policy, what that costs, and what other thresholds would have decided.

The decision is the router's own (`Router.decide`, receiver "self"). Beside it stands what other thresholds would have decided, so
that `tuning` need not see an image again: the lanes if the detector had known the image and the predicted gain had been high
(`lanes_open`), those if the rules that take a neural result unmeasured had turned it away (`lanes_closed`), and the numbers that
thresholds are compared with.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from router.codecs.base import Lane
from router.errors import RouterError
from router.evaluation.measure.pictures import DomainImage
from router.policy.compiled import CompiledPolicy
from router.policy.decision import Decision
from router.policy.engine import Resolver
from router.policy.receiver import Receiver
from router.policy.schema import Action
from router.quality.target import Target
from router.routing.facts import Facts
from router.routing.preparation import stays_as_good
from router.routing.router import Router

if TYPE_CHECKING:
    from router.detector.detector import Detector
    from router.detector.report import OodReport
    from router.images.sample import ImageSample

SEEN = ("p_value", "ood_score", "gain", "gain_low", "gain_high", "lanes_open", "lanes_closed")
"""Columns of `Decided.seen`.

`p_value` to `gain_high`: as `ood.*` and `gain.*` of policies, of images that `lanes_open` would send to the neural lane; NaN of
others, and where there is no such model. `lanes_open`, `lanes_closed`: JSON, a list of [lane, choose, [codec ids], must_save].
"""


@dataclass(frozen=True)
class Decided:
    """One decision on one image.

    Attributes:
        seconds: CPU time that it took.
        source_bytes, source_pixels: of the whole source file.
        source_goes: the file itself may take the place of an encoding that is no smaller.
        source_lossy: whether its coding lost something; None where that is not known.
        seen: see `SEEN`.
    """

    picture: DomainImage
    policy: str
    target: float
    decision: Decision
    seconds: float
    source_bytes: int
    source_pixels: int
    source_goes: bool = False
    source_lossy: bool | None = None
    seen: Mapping[str, Any] = field(default_factory=dict)


def decide_all(pictures: Iterable[DomainImage], policies: Sequence[CompiledPolicy], targets: Sequence[float]) -> list[Decided]:
    """Decisions on each picture's file, metadata and all. An image is scored by the detector once, whatever it is decided for.

    Pictures that cannot be read are left out: the measurement names them.
    """
    routers = [_Router(policy) for policy in policies]
    found: list[Decided] = []
    for picture in pictures:
        try:
            found += _decide_one(picture, routers, targets)
        except RouterError:
            continue
    return found


def _decide_one(picture: DomainImage, routers: Sequence[_Router], targets: Sequence[float]) -> list[Decided]:
    from router.images.read import read

    sample = read(picture.path)
    image = _Scored()
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
            pixels = sample.width * sample.height
            goes = stays_as_good(sample, decision, Receiver.parse("self").accepts)
            name, lossy = router.policy.name, sample.source.lossy
            found.append(Decided(picture, name, float(target), decision, seconds, size, pixels, goes, lossy, seen))
    return found


class _Scored:
    """One image: scored by the detector once, by whichever router asks first; the others are charged for it all the same."""

    def __init__(self) -> None:
        self.seconds_saved = 0.0
        self._known: tuple[OodReport, float] | None = None

    def score(self, detector: Callable[[], Detector], sample: ImageSample) -> OodReport:
        if self._known is None:
            loaded = detector()
            began = time.process_time()
            report = loaded.score(sample)
            self._known = report, time.process_time() - began
        else:
            self.seconds_saved += self._known[1]
        return self._known[0]


class _Router(Router):
    """A router of one image at a time, that also says what it would decide if the models had said otherwise."""

    image: _Scored

    def otherwise(self, sample: ImageSample, target: Target) -> dict[str, Any]:
        """See `SEEN`."""
        facts = self._facts(sample, target)
        opened = _lanes(self, lambda group: _KNOWN.get(group) or facts.resolve(group), target)
        closed = _lanes(self._measuring, facts.resolve, target)
        found = dict.fromkeys(("p_value", "ood_score", "gain", "gain_low", "gain_high"), np.nan)
        if any(lane[0] == Lane.NEURAL for lane in opened):
            found |= _numbers(facts, "ood", {"p_value": "p_value", "score": "ood_score"})
            found |= _numbers(facts, "gain", {"bytes_saved": "gain", "low": "gain_low", "high": "gain_high"})
        return found | {"lanes_open": json.dumps(opened), "lanes_closed": json.dumps(closed)}

    @cached_property
    def _measuring(self) -> Router:
        """As this one, but without the rules that take a neural result unmeasured."""
        return Router(replace(self.policy, rules=tuple(rule for rule in self.policy.rules if not _takes_unmeasured(rule.action))))

    def _score(self, sample: ImageSample) -> OodReport:
        return self.image.score(self._loaded_detector, sample)


_KNOWN: Mapping[str, Mapping[str, Any]] = {
    "ood": {"available": True, "score": -1000.0, "p_value": 1.0, "in_distribution": True, "detector": ""},
    "gain": {"available": True, "bytes_saved": 1.0, "low": 1.0, "high": 1.0},
}


def _lanes(router: Router, resolve: Resolver, target: Target) -> list[Any]:
    try:
        decision = router._decision(resolve, Receiver.parse("self"), target)
    except RouterError:  # nothing that this policy permits
        return []
    return [[str(lane.lane), lane.choose, list(lane.codecs), lane.must_save] for lane in decision.lanes]


def _takes_unmeasured(action: Action) -> bool:
    return any(lane.is_neural and lane.must_save is None for lane in action.lanes)


def _numbers(facts: Facts, group: str, names: Mapping[str, str]) -> dict[str, float]:
    """Inputs of a group by column; NaN where its model is missing or fails, which is no news: the decision says so."""
    try:
        values = facts.resolve(group)
    except RouterError:
        return dict.fromkeys(names.values(), np.nan)
    return {column: float(values[name]) if values["available"] else np.nan for name, column in names.items()}
