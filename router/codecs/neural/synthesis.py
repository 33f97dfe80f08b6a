"""Latents to pixels in floating point, in bands of rows: what `transform.py` and `light.py` define."""

from __future__ import annotations

from typing import Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from router.codecs.neural import light
from router.codecs.neural.block import Block
from router.codecs.neural.entropy_model import LATENT_ONE
from router.codecs.neural.rows import Band, Dense, RowBlock, banded, bands, shuffled
from router.codecs.neural.transform import Transform
from router.process.kernels import alone, each


class Synthesis(Protocol):
    """Latents to pixels, in one arithmetic."""

    def __call__(self, latents: NDArray[np.int32], position: Tensor) -> Tensor:
        """(h, w, M), unit 1 / LATENT_ONE, and a rate position (1,) -> RGB (16h, 16w, 3) float32 in [0, 1]."""


def synthesis_of(model: Transform, dtype: torch.dtype) -> Synthesis:
    """The synthesis that a model has; `dtype`: of its convolutions."""
    return MirroredSynthesis(model, dtype) if model.config.light is None else LightSynthesis(model, dtype)


class MirroredSynthesis:
    """The analysis backwards."""

    def __init__(self, model: Transform, dtype: torch.dtype) -> None:
        self._rate = _Rate(model)
        self._deep = [RowBlock(cast("Block", block), dtype) for block in model.g_s_deep]
        self._up = Dense.of(cast("nn.Conv2d", model.g_s_up[0]), dtype)
        *blocks, last = [part for part in cast("nn.Sequential", model.g_s) if not isinstance(part, nn.PixelShuffle)]
        self._blocks = [RowBlock(cast("Block", block), dtype) for block in blocks]
        self._last = Dense.of(cast("nn.Conv2d", last), dtype)

    def __call__(self, latents: NDArray[np.int32], position: Tensor) -> Tensor:
        """As `TrainableSynthesis`."""
        gain, scale, shift = self._rate.at(position)
        height, width = latents.shape[:2]

        def end(rows: Tensor) -> Tensor:
            return shuffled(self._last(rows), 8).float().add_(0.5).clamp_(0, 1)

        x = banded(lambda rows: _scaled(rows, gain), latents, torch.empty(latents.shape))
        for block in self._deep:
            x = block(x)
        wide = torch.empty(2 * height, 2 * width, len(scale))
        x = banded(lambda rows: shuffled(self._up(rows), 2) * scale + shift, x, wide, (1, 2))
        for block in self._blocks:
            x = block(x)
        return banded(end, x, torch.empty(16 * height, 16 * width, 3), (1, 8))


class LightSynthesis:
    """`light.TrainableSynthesis`: the sum of a linear path and a narrow network that corrects it."""

    def __init__(self, model: Transform, dtype: torch.dtype) -> None:
        self._rate = _Rate(model)
        network = cast("light.TrainableSynthesis", model.g_s)
        self._linear, self._enter, self._up, self._leave = (
            Dense.of(conv, dtype) for conv in (network.linear, network.enter, network.up, network.leave)
        )
        order = light.two_steps()
        self._linear = Dense(self._linear.weight[order].contiguous(), self._linear.bias[order].contiguous())
        self._deep = [RowBlock(cast("Block", block), dtype) for block in network.deep]
        self._blocks = [RowBlock(cast("Block", block), dtype) for block in network.blocks]

    def __call__(self, latents: NDArray[np.int32], position: Tensor) -> Tensor:
        """As `TrainableSynthesis`."""
        gain, scale, shift = self._rate.at(position)
        height, width = latents.shape[:2]
        x = banded(lambda rows: self._enter(_scaled(rows, gain)), latents, torch.empty(height, width, len(self._enter.bias)))
        for block in self._deep:
            x = block(x)
        wide = torch.empty(2 * height, 2 * width, len(scale))
        x = banded(lambda rows: shuffled(self._up(rows), 2) * scale + shift, x, wide, (1, 2))
        for block in self._blocks:
            x = block(x)
        pixels = torch.empty(16 * height, 16 * width, 3)

        def end(band: Band) -> None:
            first, last = band
            with torch.inference_mode():
                plain = light.spread(self._linear(_scaled(latents[first // 2 : last // 2], gain)).float())
                rows = plain.add_(self._leave(x[first:last])).add_(0.5).clamp_(0, 1)
                pixels[8 * first : 8 * last] = shuffled(rows, 8)

        each(end, bands(x, 2))
        return pixels


class _Rate:
    """What latents (M,) and the wide map (C,) are multiplied with at a rate, and what is added to the latter."""

    def __init__(self, model: Transform) -> None:
        self._model = model

    def at(self, position: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(gain, scale, shift) at a position (1,)."""
        return alone(lambda: self._compute(position))

    def _compute(self, position: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with torch.inference_mode():
            gain, scale, shift = (
                self._model.at(table, position)[0, :, 0, 0]
                for table in (self._model.qd, self._model.film_scale, self._model.film_shift)
            )
            return torch.exp(gain), 1 + scale, shift


def _scaled(rows: NDArray[np.int32], gain: Tensor) -> Tensor:
    return torch.from_numpy(rows.astype(np.float32)).div_(LATENT_ONE).mul_(gain)
