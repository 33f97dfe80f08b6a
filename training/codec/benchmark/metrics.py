"""What is measured on a decoded image, and the rising scale on which each metric is compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router.evaluation.ladders import butteraugli
from router.evaluation.ladders.butteraugli import Butteraugli
from router.quality.metrics import Scorer, scorer
from training.codec.benchmark import versions

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A column of the table.

    Attributes:
        label: of an axis or a column.
        rising: the value on the scale that a BD-rate integrates over; more is better.
    """

    label: str
    rising: Callable[[Values], Values]


def _same(values: Values) -> Values:
    return values


def _loss_in_decibels(values: Values) -> Values:
    return np.asarray(-10 * np.log10(np.maximum(1 - values, 1e-6)))


def _negative_log(values: Values) -> Values:
    # The logarithm weighs a doubling alike everywhere; plain distances would let the worst images' lowest rates decide.
    return np.asarray(-10 * np.log10(np.maximum(values, 1e-3)))


METRICS: Mapping[str, Metric] = {
    "ssimulacra2": Metric("SSIMULACRA2", _same),
    "ms_ssim": Metric("MS-SSIM in dB, -10 log10(1 - x)", _loss_in_decibels),
    "psnr": Metric("PSNR of RGB in dB", _same),
    "butteraugli": Metric("Butteraugli, -10 log10(maximum)", _negative_log),
    "butteraugli_3norm": Metric("Butteraugli, -10 log10(3-norm)", _negative_log),
}
BUTTERAUGLI = ("butteraugli", "butteraugli_3norm")


@dataclass(frozen=True)
class Meters:
    """What to measure: `fingerprints` by metric; `program` is Butteraugli's, None where it is left out."""

    fingerprints: Mapping[str, str]
    program: Path | None

    @classmethod
    def available(cls) -> Meters:
        """All that is installed here."""
        program = butteraugli.find()
        ours = dict.fromkeys((name for name in METRICS if name not in BUTTERAUGLI), versions.metrics())
        return cls(ours | (dict.fromkeys(BUTTERAUGLI, versions.tool(program)) if program else {}), program)


class Judge:
    """Scores decodings of one image; a context manager. What depends on the source alone is computed once, when first needed."""

    def __init__(self, source: NDArray[np.uint8], meters: Meters) -> None:
        """`source`: (H, W, 3) sRGB."""
        self._source = source
        self.butteraugli = Butteraugli(meters.program, source) if meters.program is not None else None

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *_: object) -> None:
        if self.butteraugli is not None:
            self.butteraugli.close()

    def score(self, decoded: NDArray[np.uint8], names: set[str]) -> dict[str, float]:
        """The metrics of these names; both of Butteraugli's if one is asked for."""
        values: dict[str, float] = {}
        if "ssimulacra2" in names:
            values["ssimulacra2"] = self._ssimulacra2(decoded)
        if "ms_ssim" in names:
            values["ms_ssim"] = self._ms_ssim(decoded)
        if "psnr" in names:
            values["psnr"] = scorer("psnr", self._source)(decoded)
        if self.butteraugli is not None and names & set(BUTTERAUGLI):
            values |= zip(BUTTERAUGLI, self.butteraugli.distance(decoded), strict=True)
        return values

    @cached_property
    def _ssimulacra2(self) -> Scorer:
        return scorer("ssimulacra2", self._source)

    @cached_property
    def _ms_ssim(self) -> Scorer:
        return scorer("ms-ssim", self._source)
