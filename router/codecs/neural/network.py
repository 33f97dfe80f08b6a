"""The floating-point side of the codec: pixels to latents, latents to hyper-latents, latents to pixels.

Nothing here decides a coded integer of another machine: what the decoder must repeat exactly is in `entropy_model.py`. The
analysis may run in bf16 where the processor computes with it, since the decoder never sees its rounding; the synthesis runs in
fp32, or as `arithmetic.py` says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from router.codecs.neural.arithmetic import Decoding
from router.codecs.neural.block import Block
from router.codecs.neural.bounded_synthesis import BoundedSynthesis, BoundedWeights
from router.codecs.neural.config import ModelConfig
from router.codecs.neural.exact import ExactSynthesis
from router.codecs.neural.gain import LOG_ONE, RATE_MAX, Gain
from router.codecs.neural.rows import Dense, RowBlock, banded, unshuffled
from router.codecs.neural.synthesis import Synthesis, synthesis_of
from router.codecs.neural.transform import Transform
from router.process.kernels import alone


class Network:
    """The transforms of one model; immutable, shared between threads.

    Results do not depend on the number of threads, which follows torch's setting of the calling thread (`process/kernels.py`).
    They do depend on the processor, as far as its kernels add in another order.
    """

    def __init__(
        self,
        config: ModelConfig,
        weights: Mapping[str, Tensor],
        log_gain: NDArray[np.int64],
        integers: BoundedWeights | None = None,
    ) -> None:
        """Build the network from its weights.

        Args:
            config: shape.
            weights: of `Transform`, without `qe`.
            log_gain: the entropy path's gains (R, M), base 2, unit 1 / LOG_ONE.
            integers: of a light synthesis. Without them (while they are being made) it does not decode in integers.

        Raises RuntimeError, KeyError or ValueError if weights do not fit.
        """
        self.config = config
        model = Transform(config)
        model.load_state_dict({**weights, "qe": torch.from_numpy(log_gain * (math.log(2) / LOG_ONE)).float()})
        self._model = model.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._analysis = Analysis(self._model, torch.bfloat16 if computes_in_bf16() else torch.float32)
        self._synthesis = synthesis_of(self._model, torch.float32)
        self._bf16: Synthesis | None = None
        self._integers: ExactSynthesis | BoundedSynthesis | None = None
        if config.light is not None and integers is not None:
            self._integers = BoundedSynthesis(config, integers)

    def analyse(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """RGB (H, W, 3) uint8, sides a multiple of 64 -> latents (H/16, W/16, M) before any gain."""
        with torch.inference_mode():
            y: NDArray[np.float32] = self._analysis(pixels).numpy()
        return y

    def scaled(self, latents: NDArray[np.float32], gain: Gain) -> NDArray[np.float32]:
        """Latents (h, w, M) times the encoder's gain."""
        return latents * np.exp2(gain.log2 / LOG_ONE).astype(np.float32)

    def hyper(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scaled latents (h, w, M) -> hyper-latents (h/4, w/4, N) before quantisation."""

        def compute() -> NDArray[np.float32]:
            with torch.inference_mode(), torch.autocast("cpu", enabled=False):
                y = torch.from_numpy(scaled).permute(2, 0, 1)[None]
                z: NDArray[np.float32] = self._model.h_a(y)[0].permute(1, 2, 0).contiguous().numpy()
            return z

        return alone(compute)

    def synthesise(self, latents: NDArray[np.int32], rate_index: int, decoding: Decoding = Decoding.FP32) -> NDArray[np.float32]:
        """Reconstructed latents (h, w, M), unit 1 / LATENT_ONE -> RGB (16h, 16w, 3) in [0, 1].

        A light synthesis is computed in its integers whatever `decoding` says: they cost no more, and it has no other arithmetic.
        """
        if decoding is Decoding.EXACT or isinstance(self._integers, BoundedSynthesis):
            return self._exact()(latents, rate_index)
        synthesis = self._synthesis if decoding is Decoding.FP32 else self._in_bf16()
        position = torch.tensor([rate_index / RATE_MAX * (self.config.rates - 1)])
        with torch.inference_mode():
            rgb: NDArray[np.float32] = synthesis(latents, position).numpy()
        return rgb

    # Both are made when they are first asked for, but for what a file holds as integers; two threads may make them twice, alike.

    def _in_bf16(self) -> Synthesis:
        if self._bf16 is None:
            self._bf16 = alone(lambda: synthesis_of(self._model, torch.bfloat16))
        return self._bf16

    def _exact(self) -> ExactSynthesis | BoundedSynthesis:
        if self._integers is None:
            weights = alone(lambda: {k: v.double().numpy() for k, v in self._model.state_dict().items()})
            self._integers = ExactSynthesis(self.config, weights)
        return self._integers


class Analysis:
    """`Transform.analyse` in bands of rows; `dtype`: of all but the layer that a bf16 rounding would cost whole steps."""

    def __init__(self, model: Transform, dtype: torch.dtype) -> None:
        first, *blocks = [part for part in model.g_a if not isinstance(part, nn.PixelUnshuffle)]
        self._first = Dense.of(cast("nn.Conv2d", first), dtype)
        self._blocks = [RowBlock(cast("Block", block), dtype) for block in blocks]
        self._down = Dense.of(model.g_a_down, torch.float32)
        self._deep = [RowBlock(cast("Block", block), dtype) for block in model.g_a_deep]

    def __call__(self, pixels: NDArray[np.uint8]) -> Tensor:
        """(H, W, 3) uint8 -> (H/16, W/16, M) float32."""
        height, width = pixels.shape[0] // 8, pixels.shape[1] // 8

        def start(rows: NDArray[np.uint8]) -> Tensor:
            return self._first(unshuffled(torch.from_numpy(rows.astype(np.float32)).div_(255).sub_(0.5), 8))

        x = banded(start, pixels, torch.empty(height, width, len(self._first.bias), dtype=self._first.bias.dtype), (8, 1))
        for block in self._blocks:
            x = block(x)
        y = torch.empty(height // 2, width // 2, len(self._down.bias))
        y = banded(lambda rows: self._down(unshuffled(rows, 2)), x, y, (2, 1))
        for block in self._deep:
            y = block(y)
        return y.float()


def computes_in_bf16() -> bool:
    """Whether this processor multiplies bf16 natively; where it does not, bf16 is slower than fp32."""
    return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
