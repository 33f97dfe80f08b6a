"""The guard: decode what was written, compare it with the source, and only then release it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from router.codecs.base import CarryMatrix, Lane
from router.images.sample import Pixels
from router.quality.msssim import worst_tile_ssim
from router.quality.target import Target
from router.quality.tiles import tile_means
from router.reasons import ReasonCode

TILE = 64
WORST_TILE_SSIM = 0.40
"""Floor for the SSIM of the worst 64 px tile. Like COLOUR_CAST set so that development photographs pass at target 30."""
COLOUR_CAST = 9.0
"""Largest allowed shift of a 64 px tile's mean colour, in 8-bit steps."""


class GuardLevel(StrEnum):
    """`structure`: geometry, alpha and losslessness. `standard`: also the target, and local checks of the neural lane.
    `strict`: local checks for every lossy lane.
    """

    STRUCTURE = "structure"
    STANDARD = "standard"
    STRICT = "strict"


@dataclass(frozen=True)
class GuardReport:
    """What the guard saw. `code` is GUARD_PASSED or the first check that failed; `measured` is JSON-able."""

    level: GuardLevel
    passed: bool
    code: ReasonCode
    detail: str = ""
    measured: dict[str, float | bool] = field(default_factory=dict)


def check(
    source: Pixels,
    decoded: Pixels,
    *,
    lane: Lane,
    carries: CarryMatrix,
    level: GuardLevel,
    target: Target | None,
    score: float | None,
) -> GuardReport:
    """Compare `decoded` with `source`, both (H, W, C), as the codec represents it.

    `score` is the decoded image's value on the metric of `target` (None for size targets and lossless lanes). Never raises.
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
    if level is GuardLevel.STRUCTURE:
        return report(ReasonCode.GUARD_PASSED)
    if target is not None and score is not None:
        measured[target.metric] = round(score, 4)
        if score < target.floor:
            return report(ReasonCode.GUARD_QUALITY, f"{target.metric} {score:.2f} is below {target.floor:g}")
    if lane is Lane.NEURAL or level is GuardLevel.STRICT:
        colour_of_source, colour_of_decoded = _visible(source), _visible(decoded)
        measured["worst_tile_ssim"] = round(worst_tile_ssim(colour_of_source, colour_of_decoded, TILE), 4)
        measured["colour_cast"] = round(_largest_cast(colour_of_source, colour_of_decoded), 2)
        if measured["worst_tile_ssim"] < WORST_TILE_SSIM:
            return report(ReasonCode.GUARD_WORST_TILE, f"SSIM {measured['worst_tile_ssim']} in the worst {TILE} px tile")
        if measured["colour_cast"] > COLOUR_CAST:
            return report(ReasonCode.GUARD_COLOUR_CAST, f"a tile's mean colour moved by {measured['colour_cast']} of 255")
    return report(ReasonCode.GUARD_PASSED)


def _visible(pixels: Pixels) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Colour channels in 8 bits; where alpha is zero the colour is not seen and set to zero."""
    shown = pixels if pixels.shape[2] not in (2, 4) else np.where(pixels[..., -1:] > 0, pixels[..., :-1], 0)
    return (shown >> 8 if shown.dtype == np.uint16 else shown).astype(np.uint8, copy=False)


def _largest_cast(source: Pixels, decoded: Pixels) -> float:
    """Largest absolute difference of tile means over tiles and channels, in 8-bit steps."""
    return float(np.abs(tile_means(decoded.astype(np.float64) - source, TILE)).max())
