"""What one image's encodings have taught, over all codecs that were tried on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from router.artefacts.bundle import Used
from router.codecs.base import Codec
from router.errors import ArtefactError
from router.images.sample import Pixels
from router.quality.search_model.curve_posterior import CurvePosterior
from router.quality.search_model.curves import CurveSet
from router.quality.search_model.features import features
from router.quality.search_model.predictor import CurvePredictor, generic_predictor
from router.quality.search_model.shipped import usable_search_model


class SearchState:
    """Predictors for the searches on one image. Built for one call, used by one thread."""

    def __init__(self) -> None:
        self._posteriors: list[tuple[Pixels, CurvePosterior]] = []
        self._curve_sets: dict[str, CurveSet] = {}
        self.used: Used | None = None
        """The search model that predictors were made from."""
        self.problem: ArtefactError | None = None
        """Why a search model that ships was done without."""

    def predictor(self, codec: Codec, settings: Mapping[str, Any], pixels: Pixels, overhead: int = 0) -> CurvePredictor:
        """The predictor for `codec` with `settings` beside its knob on `pixels` (H, W, C). The codec must have a knob.

        `overhead`: bytes in each file that are not the picture. Pixels that are one object share what was learnt. A search
        model that
        cannot be read is done without, see `problem`: it says where to look, and no result depends on it.
        """
        assert codec.knob is not None
        count = pixels.shape[0] * pixels.shape[1]
        model, problem = usable_search_model(count)
        self.problem = self.problem or problem
        if model is None:
            return generic_predictor(codec.knob, count, overhead)
        self.used = Used("priors", model.search_model_id, model.sha256)
        posterior = next((known for seen, known in self._posteriors if seen is pixels), None)
        if posterior is None:
            posterior = model.posterior(features(pixels))
            self._posteriors.append((pixels, posterior))
        # one object for one configuration: a posterior knows a curve by its identity
        key = json.dumps([codec.get_config(), dict(settings)], sort_keys=True, default=str)
        if key not in self._curve_sets:
            self._curve_sets[key] = model.curve_set(codec, dict(settings))
        return CurvePredictor(posterior, self._curve_sets[key], count, overhead)
