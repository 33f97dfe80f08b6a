"""The `cost` group of a policy's inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from router.codecs import registry
from router.codecs.base import Codec, Lane
from router.errors import RouterError
from router.policy.inputs import FAR_OUT, unavailable
from router.prediction.costs.model import CODEC
from router.prediction.costs.predict import ImageShape, configuration, predict
from router.prediction.costs.store import Costs
from router.quality.guard.levels import GuardLevel
from router.quality.target import MAX_STEPS, Target

CLASSICAL = "avif"
"""The codec that `cost.classical_encode_ms` is about: the one that neural encodings are compared with."""


def cost_inputs(costs: Costs, picture: ImageShape, target: Target, level: GuardLevel) -> Mapping[str, Any]:
    """`cost.*` by name. What was not measured, or does not hold any more, has the value that stands for "not known"."""
    if not costs.available:
        return unavailable("cost")

    def encoding(codec: Codec) -> float | None:
        found = predict(costs, codec, {}, picture, target, level, MAX_STEPS)
        return None if found is None else found.seconds

    def neural_decoding() -> float | None:
        codec = registry.first_in_lane(Lane.NEURAL)
        entry = costs.find(CODEC, codec.codec_id, configuration(codec, {}))
        return None if entry is None else entry.parts["decode"].at(picture.megapixels)

    return {
        "available": True,
        "neural_encode_ms": _milliseconds(lambda: encoding(registry.first_in_lane(Lane.NEURAL))),
        "neural_decode_ms": _milliseconds(neural_decoding),
        "classical_encode_ms": _milliseconds(lambda: encoding(registry.get(CLASSICAL))),
    }


def _milliseconds(seconds: Callable[[], float | None]) -> float:
    try:
        found = seconds()
    except RouterError:  # a codec that is not here
        found = None
    return FAR_OUT if found is None else 1000 * found
