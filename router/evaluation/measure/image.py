"""The rate-distortion sweeps of one image: every codec at the settings that its targets need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from router.codecs.base import Lane
from router.errors import RouterError
from router.evaluation.measure.coding import ImageCoder
from router.evaluation.measure.complexity import Complexity, complexity
from router.evaluation.measure.point import EVALUATION, Point
from router.evaluation.measure.sweep import MOST, sweep
from router.evaluation.measure.variants import CodecVariant
from router.images.sample import ImageSample

Row = dict[str, Any]
"""One point: `family`, `codec`, `lane`, `setting` (None if lossless), and the fields of `Encoding` and of `point.VALUES`."""


@dataclass
class ImagePoints:
    """What was measured of one image.

    Attributes:
        rows: see `Row`.
        refused: reason code by family, where a codec cannot carry the image or is not installed.
        encoded: points that had to be encoded; the others were stored.
        complexity: of the image.
    """

    rows: list[Row] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    encoded: int = 0
    complexity: Complexity | None = None


def measure_image(
    sample: ImageSample, families: Sequence[CodecVariant], targets: Sequence[float], cache: Path, most: int = MOST
) -> ImagePoints:
    """The sweeps of one image (see `open_picture`). Raises InputError if its pixels cannot be decoded."""
    found = ImagePoints()
    with ImageCoder(sample, cache) as coder:
        found.complexity = complexity(sample, coder.cache)
        for family in families:
            try:
                refusal = coder.refusal(family)
                points = [] if refusal is not None else _swept(coder, family, targets, most)
            except RouterError as error:
                refusal = error.code
            coder.release(family)
            if refusal is not None:
                found.refused[family.name] = str(refusal)
                continue
            label = {"family": family.name, "codec": family.codec_id, "lane": str(family.lane)}
            found.rows += [label | point.row() for point in points]
        found.encoded = coder.encoded
    return found


def _swept(coder: ImageCoder, family: CodecVariant, targets: Sequence[float], most: int) -> list[Point]:
    knob = family.codec().knob
    if knob is None or family.lane is Lane.LOSSLESS:
        return [coder.point(family, None, EVALUATION)]

    def score(setting: int) -> float:
        return float(coder.point(family, setting, EVALUATION).values["ssimulacra2"])

    return [coder.point(family, setting, EVALUATION) for setting in sweep(score, knob, family.start, targets, most)]
