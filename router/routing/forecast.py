"""What the codecs of a plan are expected to take on one image."""

from __future__ import annotations

from collections.abc import Iterator

from router.codecs import registry
from router.errors import RouterError
from router.policy.decision import Decision, LanePlan
from router.prediction.costs.predict import ImageShape, Prediction, predict
from router.prediction.costs.store import NONE, Costs
from router.quality.guard.inserted_signals import coded_area
from router.quality.guard.levels import GuardLevel


class Forecast:
    """Predictions for one image and one plan."""

    def __init__(self, picture: ImageShape, decision: Decision, costs: Costs = NONE) -> None:
        """`costs`: what is known of this machine; without it nothing is predicted."""
        self._picture = picture
        self._decision = decision
        self._costs = costs

    def of(self, lane: LanePlan, codec_id: str) -> Prediction | None:
        """For a codec in its turn, with what the guard will compare its result with; None where costs are not known."""
        prediction = self._alone(lane, codec_id)
        if prediction is None or not self._decision.compares(lane):
            return prediction
        baseline = next((self._alone(other, c) for other, c in self._decision.baselines), None)
        if baseline is None:
            return prediction
        width, height = self._picture.width, self._picture.height
        with_signals = coded_area(width, height) / (width * height) if self._decision.level is GuardLevel.STRICT else 0.0
        return prediction.and_also(baseline, again=with_signals)

    def after(self, lane: LanePlan, codec_id: str) -> Iterator[Prediction]:
        """For the codecs that follow in a lane that compares them all; those whose costs are not known are left out."""
        if lane.choose == "first":
            return
        for later in lane.codecs[lane.codecs.index(codec_id) + 1 :]:
            prediction = self._alone(lane, later)
            if prediction is not None:
                yield prediction

    def _alone(self, lane: LanePlan, codec_id: str) -> Prediction | None:
        try:
            codec = registry.get(codec_id)
            settings, plan = lane.settings.get(codec_id, {}), self._decision
            return predict(self._costs, codec, settings, self._picture, plan.target, plan.level, plan.max_steps)
        except RouterError:  # the attempt will say what is wrong with it
            return None
