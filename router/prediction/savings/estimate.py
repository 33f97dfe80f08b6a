"""The `gain` group of a policy's facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.artefacts.bundle import Used
from router.codecs import registry
from router.codecs.base import Lane
from router.detector.report import OodReport
from router.images.sample import ImageSample
from router.policy.inputs import unavailable
from router.prediction.savings.features import vector
from router.prediction.savings.model import GainModel, shipped_for
from router.prediction.savings.scene import scene_statistics
from router.quality.target import Target


def gain_used(sample: ImageSample, target: Target, report: OodReport | None = None) -> tuple[Mapping[str, Any], Used | None]:
    """`gain_facts`, and the model behind them; None where they are unavailable. Raises as there."""
    found = gain_facts(sample, target, report)
    model = default_model() if found["available"] else None
    return found, None if model is None else Used("gains", model.id, model.sha256)


def gain_facts(sample: ImageSample, target: Target, report: OodReport | None = None) -> Mapping[str, Any]:
    """What `gain.*` says of an image at a target.

    It is unavailable without a model made for the installed neural codec's weights, for an image that is too small, and at
    a target that is not SSIMULACRA2 or lies outside of what the model was fitted on.

    `report`: the detector's on the same image, whose measurements are used again.

    Raises ArtefactError if the model is damaged, InputError if the pixels cannot be decoded.
    """
    model = default_model()
    if model is None or target.metric != "ssimulacra2" or not model.covers(target.value):
        return unavailable("gain")
    seen = scene_statistics(sample, report)
    if seen is None:
        return unavailable("gain")
    found = model.estimate(vector(*seen, sample), target.value)
    return {"available": True, "bytes_saved": found.bytes_saved, "low": found.low, "high": found.high}


def default_model() -> GainModel | None:
    """The shipped gain model of the neural codec that policies would use; None if there is none for its weights."""
    weights = registry.first_in_lane(Lane.NEURAL).weights()
    return None if weights is None else shipped_for(*weights)
