"""A rate-distortion point: what is known of one encoding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Measure(StrEnum):
    """What can be measured on a decoded image. Each is kept by itself: one more costs only what it takes to compute it."""

    SSIMULACRA2 = "ssimulacra2"
    MS_SSIM = "ms_ssim"
    PSNR = "psnr"
    WORST_TILES = "worst_tiles"
    GUARD = "guard"
    BUTTERAUGLI = "butteraugli"


CURVE = (Measure.SSIMULACRA2, Measure.MS_SSIM, Measure.PSNR)
"""What a rate-distortion curve is drawn by."""
EVALUATION = (*CURVE, Measure.WORST_TILES, Measure.GUARD)
"""What the offline evaluation asks of a point."""

VALUES: Mapping[Measure, tuple[str, ...]] = {
    Measure.SSIMULACRA2: ("ssimulacra2", "score_seconds"),
    Measure.MS_SSIM: ("ms_ssim", "worst_tile_ms_ssim"),
    Measure.PSNR: ("psnr",),
    Measure.WORST_TILES: ("worst_tile_ssim", "worst_tile_psnr"),
    Measure.GUARD: ("guard_passed", "guard_code", "guard_quantile"),
    Measure.BUTTERAUGLI: ("butteraugli_norm", "butteraugli_max"),
}
"""Names in `Point.values`. SSIMULACRA2, MS-SSIM and SSIM are without unit, PSNR in dB (at most `metrics.PSNR_MAX`), and
`score_seconds` are the CPU seconds of SSIMULACRA2 alone. Worst-tile values are the lowest over squares. The guard's are those of
`guarded.GuardVerdict`. Butteraugli: 3-norm and maximum of the map of distances, 0 is identical, 1 just noticeable."""


@dataclass(frozen=True)
class MeasuredEncoding:
    """Size in bytes, and CPU seconds of the process: once an image, for this encoding, for its decoding."""

    bytes: int
    setup_seconds: float
    encode_seconds: float
    decode_seconds: float


@dataclass(frozen=True)
class Point:
    """One encoding. `setting` is the value of the codec's knob, None where it has none; `values`: by name, see `VALUES`."""

    setting: int | None
    encoding: MeasuredEncoding
    values: Mapping[str, Any]

    @property
    def bytes(self) -> int:
        """Size of the encoded file."""
        return self.encoding.bytes

    def row(self) -> dict[str, Any]:
        """All of it under the names that tables have."""
        return {"setting": self.setting, **asdict(self.encoding), **self.values}
