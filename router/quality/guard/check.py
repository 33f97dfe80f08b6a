"""The check itself: cheap comparisons first, then the tiles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from router.codecs.base import CarryMatrix, Lane
from router.images.sample import Pixels
from router.quality.guard.artefact import GuardCalibration, calibration_for
from router.quality.guard.levels import DEFAULT_QUANTILE, GuardLevel
from router.quality.guard.measure import MEASURES, TileValues, measure, measure_windows
from router.quality.guard.planes import TILE
from router.quality.guard.report import GuardReport, WorstTile
from router.quality.guard.selection import windows
from router.quality.target import Target
from router.reasons import ReasonCode

_CODES = {
    "tile": ReasonCode.GUARD_WORST_TILE,
    "colour": ReasonCode.GUARD_COLOUR_CAST,
    "edges": ReasonCode.GUARD_EDGES_LOST,
    "lines": ReasonCode.GUARD_EDGES_LOST,
    "detail": ReasonCode.GUARD_DETAIL_LOST,
    "added": ReasonCode.GUARD_STRUCTURE_ADDED,
    "faded": ReasonCode.GUARD_DETAIL_LOST,
}


def check(
    source: Pixels,
    decoded: Pixels,
    *,
    lane: Lane,
    carries: CarryMatrix,
    level: GuardLevel,
    target: Target | None,
    score: float | None,
    quantile: float = DEFAULT_QUANTILE,
    model: str | None = None,
    calibration: GuardCalibration | None = None,
    perceptual: Callable[[], float] | None = None,
    shown: Callable[[Pixels], Pixels] = lambda pixels: pixels,
) -> GuardReport:
    """Compare `decoded` with `source`, both (H, W, C), as the codec represents it.

    Args:
        target: what was aimed at; tiles are held against what photographs lose at that SSIMULACRA2.
        score: value on the metric of `target` (None for size targets and lossless lanes).
        quantile: share of photographs whose worst tile may pass.
        model: of the neural lane; chooses the calibration.
        calibration: this one instead.
        perceptual: gives the SSIMULACRA2 of `decoded`; asked at levels `full` and `strict` if `target` is on another metric,
            so that tiles have a target to be held against. Without it the limits of the lowest target hold.
        shown: gives pixels as a screen shows them (see `colour.as_shown`); what is not about identity is compared so.

    Raises ArtefactError if the calibration is damaged: nothing passes a guard that cannot look.
    """
    measured: dict[str, float | bool] = {}

    def report(code: ReasonCode, detail: str = "") -> GuardReport:
        return GuardReport(level, code is ReasonCode.GUARD_PASSED, code, detail, measured)

    if source.shape != decoded.shape or source.dtype != decoded.dtype:
        return report(ReasonCode.GUARD_GEOMETRY, f"{decoded.shape} {decoded.dtype} instead of {source.shape} {source.dtype}")
    if lane in (Lane.LOSSLESS, Lane.TRANSCODE, Lane.PASSTHROUGH):
        measured["identical"] = bool(np.array_equal(source, decoded))
        return report(ReasonCode.GUARD_PASSED if measured["identical"] else ReasonCode.GUARD_NOT_IDENTICAL)
    if source.shape[2] in (2, 4) and carries.alpha == "exact":
        measured["alpha_identical"] = bool(np.array_equal(source[..., -1], decoded[..., -1]))
        if not measured["alpha_identical"]:
            return report(ReasonCode.GUARD_NOT_IDENTICAL, "alpha differs")
    if level is GuardLevel.OFF:
        return report(ReasonCode.GUARD_PASSED)
    if target is not None and score is not None:
        measured[target.metric] = round(score, 4)
        if score < target.floor:
            return report(ReasonCode.GUARD_QUALITY, f"{target.metric} {score:.2f} is below {target.floor:g}")
    if not looks_at_tiles(lane, level):
        return report(ReasonCode.GUARD_PASSED)
    known = score if target is not None and target.metric == "ssimulacra2" else None
    if known is None and perceptual is not None and level.scores:
        known = perceptual()
        measured["ssimulacra2"] = round(known, 4)
    aim = target.value if target is not None and target.metric == "ssimulacra2" else known
    return _of_tiles(
        shown(source),
        shown(decoded),
        level=level,
        aim=aim,
        quantile=quantile,
        calibration=calibration or calibration_for(model),
        measured=measured,
        perceptual=known,
    )


def looks_at_tiles(lane: Lane, level: GuardLevel) -> bool:
    """Whether the check of a lane's results needs a calibration."""
    lossy = lane is Lane.NEURAL or (lane is Lane.CLASSICAL and level is GuardLevel.STRICT)
    return lossy and level is not GuardLevel.OFF


def _of_tiles(
    source: Pixels,
    decoded: Pixels,
    *,
    level: GuardLevel,
    aim: float | None,
    quantile: float,
    calibration: GuardCalibration,
    measured: dict[str, float | bool],
    perceptual: float | None,
) -> GuardReport:
    height, width = source.shape[:2]
    some = windows(source) if level is GuardLevel.FAST else None
    values = measure(source, decoded) if some is None else measure_windows(source, decoded, some)
    # For a part of the image its own area counts: it has fewer tiles to have a bad one among.
    pixels = height * width if some is None else len(values.tiles) * TILE * TILE
    limits = calibration.limits(MEASURES, aim, quantile, pixels)
    worst = _worst(values, limits, height, width)
    ordinary = bool((values.worst <= calibration.limits(MEASURES, aim, 0.5, pixels)).all())
    passed = bool((values.worst <= limits).all())
    measured["worst_tile_ssim"] = round(1 - float(values.worst[MEASURES.index("tile")]), 4)
    return GuardReport(
        level,
        passed,
        ReasonCode.GUARD_PASSED if passed else _CODES[worst.measure.partition("-")[0]],
        "" if passed else str(worst),
        measured,
        calibration.guard_id,
        quantile,
        worst,
        ordinary,
        perceptual,
        calibration.sha256,
    )


def _worst(values: TileValues, limits: np.ndarray[tuple[int, ...], np.dtype[np.float32]], height: int, width: int) -> WorstTile:
    column = int(np.argmax(values.worst / limits))
    index = int(np.argmax(values.values[:, column]))
    y, x = (int(k) * TILE for k in values.tiles[index])
    value, limit = float(values.worst[column]), float(limits[column])
    return WorstTile(MEASURES[column], round(value, 4), round(limit, 4), x, y, min(TILE, width - x), min(TILE, height - y))
