"""What the guard says of one result."""

from __future__ import annotations

from dataclasses import dataclass, field

from router.quality.guard.levels import GuardLevel
from router.reasons import ReasonCode


@dataclass(frozen=True)
class WorstTile:
    """The tile that came nearest to its limit, or went farthest beyond it.

    For a measure of the whole image, it is the tile with the largest part in it.

    Attributes:
        measure: one of `MEASURES`.
        value, limit: of that measure; refused where value > limit.
        x, y, width, height: its place in the upright image, in px.
    """

    measure: str
    value: float
    limit: float
    x: int
    y: int
    width: int
    height: int

    @property
    def severity(self) -> float:
        """The value over the limit."""
        return self.value / self.limit

    def __str__(self) -> str:
        return f"{self.measure} {self.value:.3g} > {self.limit:.3g} in the tile at {self.x}, {self.y}"


@dataclass(frozen=True)
class GuardReport:
    """What the guard saw. `code` is GUARD_PASSED or the first check that failed; `measured` is JSON-able.

    Attributes:
        calibration, quantile: which limits the tiles were held against; None where no tile was looked at.
        calibration_sha256: of the calibration's contents.
        worst: the worst tile that was looked at.
        ordinary: whether half of all photographs have a worse worst tile; False where no tile was looked at.
        perceptual: SSIMULACRA2 of the whole image, where it is known.
    """

    level: GuardLevel
    passed: bool
    code: ReasonCode
    detail: str = ""
    measured: dict[str, float | bool] = field(default_factory=dict)
    calibration: str | None = None
    quantile: float | None = None
    worst: WorstTile | None = None
    ordinary: bool = False
    perceptual: float | None = None
    calibration_sha256: str = ""
