"""The guard: decode what was written, compare it with the source, and only then release it."""

from router.quality.guard.artefact import GuardCalibration, calibration_for
from router.quality.guard.check import check, looks_at_tiles
from router.quality.guard.levels import DEFAULT_QUANTILE, GuardLevel
from router.quality.guard.measure import MEASURES, MEASURES_VERSION
from router.quality.guard.report import GuardReport, WorstTile

__all__ = [
    "DEFAULT_QUANTILE",
    "MEASURES",
    "MEASURES_VERSION",
    "GuardCalibration",
    "GuardLevel",
    "GuardReport",
    "WorstTile",
    "calibration_for",
    "check",
    "looks_at_tiles",
]
