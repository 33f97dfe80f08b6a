"""The `cost` group of a policy's inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from router.codecs import registry
from router.errors import RouterError
from router.policy.inputs import FAR_OUT, unavailable
from router.prediction.costs.model import CODEC
from router.prediction.costs.predict import Picture, Prediction, configuration, predict
from router.prediction.costs.store import Costs
from router.quality.guard.levels import GuardLevel
from router.quality.target import MAX_STEPS, Target

CLASSICAL = "avif"
"""The codec that `cost.classical_encode_ms` is about: the one that neural encodings are compared with."""
NEURAL = "ncr"


def cost_inputs(costs: Costs, picture: Picture, target: Target, level: GuardLevel) -> Mapping[str, Any]:
    """`cost.*` by name. What was not measured, or does not hold any more, has the value that stands for "not known"."""
    if not costs.available:
        return unavailable("cost")

    def encoding(codec_id: str) -> float | None:
        found = _predicted(costs, codec_id, picture, target, level)
        return None if found is None else found.seconds

    def decoding() -> float | None:
        codec = registry.get(NEURAL)
        entry = costs.find(CODEC, NEURAL, configuration(codec, {}))
        return None if entry is None else entry.parts["decode"].at(picture.megapixels)

    return {
        "available": True,
        "neural_encode_ms": _milliseconds(lambda: encoding(NEURAL)),
        "neural_decode_ms": _milliseconds(decoding),
        "classical_encode_ms": _milliseconds(lambda: encoding(CLASSICAL)),
    }


def _predicted(costs: Costs, codec_id: str, picture: Picture, target: Target, level: GuardLevel) -> Prediction | None:
    return predict(costs, registry.get(codec_id), {}, picture, target, level, MAX_STEPS)


def _milliseconds(seconds: Callable[[], float | None]) -> float:
    try:
        found = seconds()
    except RouterError:  # a codec that is not here
        found = None
    return FAR_OUT if found is None else 1000 * found
