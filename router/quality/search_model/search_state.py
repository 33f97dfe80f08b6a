"""What one image's encodings have taught, over all codecs that were tried on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from router.artefacts.bundle import Used
from router.codecs.base import Codec
from router.errors import ArtefactError
from router.images.sample import Pixels
from router.quality.search_model.curve_posterior import Belief
from router.quality.search_model.curves import Family
from router.quality.search_model.features import features
from router.quality.search_model.guide import Guide, unguided
from router.quality.search_model.shipped import usable_prior


class Memory:
    """Guides for the searches on one image. Built for one call, used by one thread."""

    def __init__(self) -> None:
        self._beliefs: list[tuple[Pixels, Belief]] = []
        self._families: dict[str, Family] = {}
        self.used: Used | None = None
        """The prior that guides were made from."""
        self.problem: ArtefactError | None = None
        """Why a prior that ships was done without."""

    def guide(self, codec: Codec, settings: Mapping[str, Any], pixels: Pixels, overhead: int = 0) -> Guide:
        """For `codec` with `settings` beside its knob on `pixels` (H, W, C). Only for codecs with a knob.

        `overhead`: bytes in each file that are not the picture. Pixels that are one object share what was learnt. A prior that
        cannot be read is done without, see `problem`: it says where to look, and no result depends on it.
        """
        assert codec.knob is not None
        count = pixels.shape[0] * pixels.shape[1]
        prior, problem = usable_prior(count)
        self.problem = self.problem or problem
        if prior is None:
            return unguided(codec.knob, count, overhead)
        self.used = Used("priors", prior.prior_id, prior.sha256)
        belief = next((known for seen, known in self._beliefs if seen is pixels), None)
        if belief is None:
            belief = prior.belief(features(pixels))
            self._beliefs.append((pixels, belief))
        # one object for one configuration: a belief knows a curve by its identity
        key = json.dumps([codec.get_config(), dict(settings)], sort_keys=True, default=str)
        if key not in self._families:
            self._families[key] = prior.family(codec, dict(settings))
        return Guide(belief, self._families[key], count, overhead)
