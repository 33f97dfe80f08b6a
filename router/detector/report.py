"""What the detector says about one image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.errors import ArtefactError
from router.reasons import ReasonCode


@dataclass(frozen=True)
class OodReport:
    """How far an image lies from the photographs that the detector was fitted on. Immutable.

    Attributes:
        ood_score: higher = further out, never NaN, in [-1000, 1000]. Scaled per stratum so that the median calibration
            photograph has 0 and the 95th percentile 1.
        p_value: conformal, in (0, 1]: the share of calibration photographs (and the image itself) at least this far out.
        in_distribution: `p_value > alpha`.
        alpha: the share of photographs that may be called out of distribution, in (0, 1).
        detector_id: which detector said so.
        stratum: what it was compared with: "colour" or "gray", then by number of tiles "-few", "-some" or "-full"; or
            "too-small" (shorter side below 32 px: nothing is measured, p_value is at its minimum).
        heatmap: (rows, cols) float32, local scores on the same scale taken over single tiles of photographs (1 = their 95th
            percentile); None unless asked for. Not compared, not in `to_dict`.
        detector_sha256: of the detector's contents, "" where not known; not compared, not in `to_dict`.
        tile_size: pixels of the image that one heatmap cell covers on each side; None without a heatmap.
        calibration: (n,) float64, the scores of the calibration photographs that the image was compared with, on the same scale,
            ascending; None where nothing was measured. Not compared, not in `to_dict`.
        thumbnail: (h, w, 3) uint8, the image in small, for the heat map to be shown over; None without a heatmap. Not compared,
            not in `to_dict`.
        features: embedding id -> (D,) float32, what the detector measured of the whole image; empty where it measured nothing.
            Not compared, not in `to_dict`.
        thumbnail_scale: sides of the thumbnail over those of the image, in (0, 1]; None without one.

    In a notebook it shows its place among the calibration photographs and the heat map over the picture.
    """

    ood_score: float
    p_value: float
    in_distribution: bool
    alpha: float
    detector_id: str
    stratum: str
    heatmap: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    tile_size: int | None = field(default=None, compare=False)
    detector_sha256: str = field(default="", compare=False, repr=False)
    calibration: NDArray[np.float64] | None = field(default=None, compare=False, repr=False)
    thumbnail: NDArray[np.uint8] | None = field(default=None, compare=False, repr=False)
    thumbnail_scale: float | None = field(default=None, compare=False, repr=False)
    features: Mapping[str, NDArray[np.float32]] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Raises ArtefactError (ARTEFACT_DAMAGED) for numbers that are no scores, such as NaN."""
        if not (math.isfinite(self.ood_score) and 0 <= self.p_value <= 1 and 0 < self.alpha < 1):
            raise ArtefactError(
                f"detector {self.detector_id} gave the score {self.ood_score:g}, p-value {self.p_value:g}, alpha {self.alpha:g}",
                code=ReasonCode.ARTEFACT_DAMAGED,
                hint="Use another detector, or fit it again",
            )

    @property
    def gray(self) -> bool:
        """Whether it was compared with gray photographs: it has no colour worth modelling."""
        return self.stratum.startswith("gray")

    def _repr_html_(self) -> str:
        from router.display import fragment, ood

        return fragment.html_of(ood.html, self)

    def _repr_png_(self) -> bytes | None:
        from router.display import fragment, ood

        return fragment.png_of(ood.png_picture, self)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, without the heatmap."""
        return {
            "ood_score": self.ood_score,
            "p_value": self.p_value,
            "in_distribution": self.in_distribution,
            "alpha": self.alpha,
            "detector_id": self.detector_id,
            "stratum": self.stratum,
        }
