"""All metrics of one image's decodings; what depends on the source alone is computed once."""

from __future__ import annotations

import time
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from router.evaluation.ladders.ms_ssim_tiles import TiledMsSsim
from router.images.sample import Pixels
from router.quality.metrics import PSNR_MAX, Scorer, scorer
from router.quality.msssim import worst_tile_ssim
from router.quality.tiles import tile_means

TILE = 64
"""Side in px of the squares of `worst_tile_ssim` and `worst_tile_psnr`."""

METRICS = ("ssimulacra2", "ms_ssim", "psnr", "worst_tile_ssim", "worst_tile_ms_ssim", "worst_tile_psnr")

_IDENTICAL = dict(zip(METRICS, (100.0, 1.0, PSNR_MAX, 1.0, 1.0, PSNR_MAX), strict=True))
_BACKGROUNDS = (26.0, 230.0)


class Judge:
    """Scores decodings of one image."""

    def __init__(self, source: Pixels) -> None:
        """`source`: (H, W, C) uint8, or uint16 if only identical decodings will be scored."""
        self._source = source

    def score(self, decoded: Pixels) -> tuple[dict[str, float], float]:
        """`METRICS` of a decoding of the source's shape and type, and the CPU seconds that SSIMULACRA2 alone took.

        SSIMULACRA2, MS-SSIM and SSIM without unit, PSNR in dB (at most `PSNR_MAX`); worst-tile values are the lowest over
        squares. Transparent images are composited on dark and on light gray, and the worse counts.
        """
        if np.array_equal(self._source, decoded):
            return dict(_IDENTICAL), 0.0
        began = time.process_time()
        ssimulacra2 = self._ssimulacra2(decoded)
        seconds = time.process_time() - began
        views = shown(decoded)
        ms_ssim = [reference.score(view) for reference, view in zip(self._ms_ssim, views, strict=True)]
        values = {
            "ssimulacra2": ssimulacra2,
            "ms_ssim": min(whole for whole, _ in ms_ssim),
            "psnr": self._psnr(decoded),
            "worst_tile_ssim": min(worst_tile_ssim(a, b, TILE) for a, b in zip(self._shown, views, strict=True)),
            "worst_tile_ms_ssim": min(worst for _, worst in ms_ssim),
            "worst_tile_psnr": min(_worst_psnr(a, b) for a, b in zip(self._shown, views, strict=True)),
        }
        return values, seconds

    def prepare(self) -> None:
        """Do the work on the source now, so that it does not count in the first decoding's seconds."""
        _ = self._ssimulacra2

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


def shown(pixels: Pixels) -> list[NDArray[np.uint8]]:
    """(H, W, 1 or 3) uint8: the image, or it on each background if it has alpha."""
    if pixels.shape[2] not in (2, 4):
        return [pixels.astype(np.uint8, copy=False)]
    alpha = pixels[..., -1:].astype(np.float32) / 255
    return [np.rint(pixels[..., :-1] * alpha + gray * (1 - alpha)).astype(np.uint8) for gray in _BACKGROUNDS]
