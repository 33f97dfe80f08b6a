"""The metrics of one image's decodings; what depends on the source alone is computed once."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.evaluation.measure.butteraugli import Butteraugli
from router.evaluation.measure.ms_ssim_tiles import TiledMsSsim
from router.evaluation.measure.point import VALUES, Measure
from router.images.sample import Pixels
from router.quality.metrics import PSNR_MAX, Scorer, scorer
from router.quality.msssim import worst_tile_ssim
from router.quality.tiles import tile_means

TILE = 64
"""Side in px of the squares of `worst_tile_ssim` and `worst_tile_psnr`."""

Values = dict[str, Any]

_IDENTICAL: Mapping[Measure, tuple[float, ...]] = {
    Measure.SSIMULACRA2: (100.0, 0.0),
    Measure.MS_SSIM: (1.0, 1.0),
    Measure.PSNR: (PSNR_MAX,),
    Measure.WORST_TILES: (1.0, PSNR_MAX),
    Measure.BUTTERAUGLI: (0.0, 0.0),
}
_BACKGROUNDS = (26.0, 230.0)


class Scoring:
    """Scores decodings of one image by the metrics; the guard's verdict is asked for elsewhere. To be closed.

    Attributes:
        tools: Butteraugli with the image, on each background if it has alpha; empty until it is first asked.
    """

    def __init__(self, source: Pixels, butteraugli: Path | None = None) -> None:
        """`source`: (H, W, C) uint8, or uint16 if only identical decodings will be scored. `butteraugli`: see its `find`."""
        self._source = source
        self._program = butteraugli
        self.tools: list[Butteraugli] = []
        self._metrics: Mapping[Measure, Callable[[Pixels], tuple[float, ...]]] = {
            Measure.SSIMULACRA2: self._timed_ssimulacra2,
            Measure.MS_SSIM: self._worst_ms_ssim,
            Measure.PSNR: lambda decoded: (self._psnr(decoded),),
            Measure.WORST_TILES: self._worst_tiles,
            Measure.BUTTERAUGLI: self._furthest,
        }

    def close(self) -> None:
        """Remove temporary files."""
        for tool in self.tools:
            tool.close()

    def score(self, decoded: Pixels, measures: Collection[Measure]) -> dict[Measure, Values]:
        """`VALUES` of these metrics for a decoding of the source's shape and type.

        Transparent images are composited on dark and on light gray, and the worse counts.
        Raises RuntimeError if Butteraugli fails, ValueError where it has no answer: below 8 px a side.
        """
        identical = np.array_equal(self._source, decoded)
        found = {m: _IDENTICAL[m] if identical else self._metrics[m](decoded) for m in measures}
        return {m: dict(zip(VALUES[m], values, strict=True)) for m, values in found.items()}

    def prepare(self) -> None:
        """Do the work on the source now, so that it does not count in the first decoding's seconds."""
        _ = self._ssimulacra2

    def _timed_ssimulacra2(self, decoded: Pixels) -> tuple[float, ...]:
        began = time.process_time()
        return self._ssimulacra2(decoded), round(time.process_time() - began, 5)

    def _worst_ms_ssim(self, decoded: Pixels) -> tuple[float, ...]:
        values = [reference.score(view) for reference, view in zip(self._ms_ssim, shown(decoded), strict=True)]
        return tuple(min(column) for column in zip(*values, strict=True))

    def _worst_tiles(self, decoded: Pixels) -> tuple[float, ...]:
        pairs = list(zip(self._shown, shown(decoded), strict=True))
        return min(worst_tile_ssim(a, b, TILE) for a, b in pairs), min(_worst_psnr(a, b) for a, b in pairs)

    def _furthest(self, decoded: Pixels) -> tuple[float, ...]:
        if not self.tools:
            assert self._program is not None, "Butteraugli was asked for without its program"
            self.tools = [Butteraugli(self._program, _rgb(view)) for view in self._shown]
        values = [tool.distance(_rgb(view))[::-1] for tool, view in zip(self.tools, shown(decoded), strict=True)]
        return tuple(max(column) for column in zip(*values, strict=True))

    @cached_property
    def _ssimulacra2(self) -> Scorer:
        return scorer("ssimulacra2", self._source)

    @cached_property
    def _ms_ssim(self) -> list[TiledMsSsim]:
        return [TiledMsSsim(view) for view in self._shown]

    @cached_property
    def _psnr(self) -> Scorer:
        return scorer("psnr", self._source)

    @cached_property
    def _shown(self) -> list[NDArray[np.uint8]]:
        return shown(self._source)


def _worst_psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    error = tile_means(np.square(a.astype(np.float32) - b), TILE).mean(axis=-1).max()
    return PSNR_MAX if error == 0 else min(PSNR_MAX, float(10 * np.log10(255 * 255 / error)))


def _rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def shown(pixels: Pixels) -> list[NDArray[np.uint8]]:
    """(H, W, 1 or 3) uint8: the image, or it on each background if it has alpha."""
    if pixels.shape[2] not in (2, 4):
        return [pixels.astype(np.uint8, copy=False)]
    alpha = pixels[..., -1:].astype(np.float32) / 255
    return [np.rint(pixels[..., :-1] * alpha + gray * (1 - alpha)).astype(np.uint8) for gray in _BACKGROUNDS]
