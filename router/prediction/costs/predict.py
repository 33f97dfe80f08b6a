"""What one codec will cost on one image, from the stored measurements."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from router.codecs.base import Codec, Lane
from router.prediction.costs.machine import torch_threads
from router.prediction.costs.model import CODEC, GUARD, SCORE, Band
from router.prediction.costs.store import Costs
from router.quality.guard.levels import GuardLevel

if TYPE_CHECKING:
    from router.images.sample import ImageSample
    from router.quality.target import Target

EXPECTED_ENCODINGS = 2.2
"""What a search for a target takes on average, over codecs and targets; docs/results/0.4/costs.md has the figures."""


@dataclass(frozen=True)
class ImageShape:
    """What of an image its cost depends on."""

    width: int
    height: int
    channels: int = 3
    bits: int = 8

    @classmethod
    def of(cls, sample: ImageSample) -> ImageShape:
        """The shape of an image; nothing is decoded."""
        return cls(sample.width, sample.height, sample.channels, sample.bits)

    @property
    def megapixels(self) -> float:
        """Megapixels of 8-bit RGB that cost about the same to code.

        Alpha adds a third, 16 bits double it; gray counts as RGB.
        """
        return self.width * self.height / 1e6 * max(self.channels, 3) / 3 * (2 if self.bits == 16 else 1)

    @property
    def backgrounds(self) -> int:
        """How often it is looked at: transparent pictures on a dark and on a light ground."""
        return 2 if self.channels in (2, 4) else 1


@dataclass(frozen=True)
class Prediction:
    """Seconds for one codec on one image.

    Attributes:
        before: once, before the first encoding: a cold start, the analysis, the metric's work on the source.
        step: one encoding with its decoding and its score.
        after: once, after the last: the guard.
        encodings: how many are to be expected.
        band: real / predicted, nine times of ten, of that many encodings of ordinary photographs on a machine as busy as it was
            when measured. That a search may need more or fewer is not in it.
    """

    before: float
    step: float
    after: float
    encodings: float
    band: Band

    @property
    def once(self) -> float:
        """Whatever the number of encodings."""
        return self.before + self.after

    @property
    def first(self) -> float:
        """The cheapest try that can be released: one encoding, decoded, scored and guarded."""
        return self.once + self.step

    @property
    def seconds(self) -> float:
        """With the search that is to be expected."""
        return self.once + self.encodings * self.step

    def within(self, seconds: float) -> int:
        """How many encodings fit; at least 1."""
        return 1 if self.step <= 0 else max(1, math.floor(min((seconds - self.once) / self.step, 1e6)))

    def and_also(self, other: Prediction, *, again: float = 0.0) -> Prediction:
        """The prediction for this codec with its comparison to `other`.

        That is this codec, once the cheapest attempt with `other`, and, where signals are inserted, one more encoding by
        both of that share of the picture, counted with its score.
        """
        beside = other.first + again * (self.step + other.step)
        band = Band.of_sum([(self.seconds + again * self.step, self.band), (other.first + again * other.step, other.band)])
        return replace(self, after=self.after + beside, band=band)


def predict(
    costs: Costs,
    codec: Codec,
    settings: Mapping[str, Any],
    picture: ImageShape,
    target: Target,
    level: GuardLevel,
    max_steps: int,
) -> Prediction | None:
    """As `attempts.attempt` would go about it; None if a part of it was never measured here, with these settings.

    `settings` that name the codec's knob switch the search off.
    """
    entry = costs.find(CODEC, codec.codec_id, configuration(codec, settings))
    if entry is None:
        return None
    searching = codec.knob is not None and codec.knob.name not in settings
    encodings = min(EXPECTED_ENCODINGS, max_steps) if searching else 1.0
    lossy = codec.lane in (Lane.CLASSICAL, Lane.NEURAL)
    size = picture.megapixels
    before, after = entry.parts["setup"].at(size), 0.0
    step = entry.parts["encode"].at(size) + entry.parts["decode"].at(size)
    costing = [(before + encodings * step, entry.band)]
    seen = picture.width * picture.height / 1e6
    if lossy and not target.is_size and (searching or level.scores):
        score = costs.find(SCORE, target.metric)
        if score is None:
            return None
        reference, scoring = (picture.backgrounds * score.parts[part].at(seen) for part in ("reference", "score"))
        before, step = before + reference, step + scoring
        costing.append((reference + encodings * scoring, score.band))
    for check in _guard(codec.lane, target, level):
        found = costs.find(*check)
        if found is None:
            return None
        after += picture.backgrounds * found.at(seen)
        costing.append((picture.backgrounds * found.at(seen), found.band))
    if codec.lane is Lane.NEURAL and torch_threads() is None:
        before += costs.start_up
        costing.append((costs.start_up, Band(1.0, 1.0)))
    return Prediction(before, step, after, encodings, Band.of_sum(costing))


def configuration(codec: Codec, settings: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of an encoding but the one that the search turns: what an entry is found by."""
    chosen = {k: v for k, v in codec.get_config().items() if k != "id"} | dict(settings)
    return {k: v for k, v in chosen.items() if codec.knob is None or k != codec.knob.name}


def _guard(lane: Lane, target: Target, level: GuardLevel) -> list[tuple[str, str]]:
    """The entries of what the guard does beside comparing arrays."""
    if lane not in (Lane.CLASSICAL, Lane.NEURAL) or level is GuardLevel.OFF:
        return []
    if lane is Lane.CLASSICAL and level is not GuardLevel.STRICT:
        return []
    checks = [(GUARD, "fast" if level is GuardLevel.FAST else "full")]
    if level.scores and target.metric != "ssimulacra2":  # tiles are held against a SSIMULACRA2
        checks.append((SCORE, "ssimulacra2"))
    return checks
