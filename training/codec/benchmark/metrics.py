"""The columns of the benchmark's table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from router.evaluation.measure.point import Measure


@dataclass(frozen=True)
class Metric:
    """A column of the table.

    Attributes:
        label: of an axis or a column.
        measure: what has to be measured for it.
        value: its name in `point.VALUES`, by which `curves.scaled` knows the scale that a BD-rate integrates over.
    """

    label: str
    measure: Measure
    value: str


METRICS: Mapping[str, Metric] = {
    "ssimulacra2": Metric("SSIMULACRA2", Measure.SSIMULACRA2, "ssimulacra2"),
    "ms_ssim": Metric("MS-SSIM in dB, -10 log10(1 - x)", Measure.MS_SSIM, "ms_ssim"),
    "psnr": Metric("PSNR of RGB in dB", Measure.PSNR, "psnr"),
    "butteraugli": Metric("Butteraugli, -10 log10(maximum)", Measure.BUTTERAUGLI, "butteraugli_max"),
    "butteraugli_3norm": Metric("Butteraugli, -10 log10(3-norm)", Measure.BUTTERAUGLI, "butteraugli_norm"),
}
BUTTERAUGLI = tuple(name for name, metric in METRICS.items() if metric.measure is Measure.BUTTERAUGLI)
