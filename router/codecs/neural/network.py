"""The floating-point side of the codec: pixels to latents, latents to hyper-latents, latents to pixels.

Nothing here decides a coded integer of another machine: what the decoder must repeat exactly is in `prior.py`. The analysis may
run in bf16 where the processor computes with it, since the decoder never sees its rounding; the synthesis runs in
fp32, or as `decoding.py` says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from router.codecs.neural.config import ModelConfig
from router.codecs.neural.decoding import Decoding
from router.codecs.neural.exact import ExactSynthesis
from router.codecs.neural.gain import LOG_ONE, RATE_MAX, Gain
from router.codecs.neural.prior import LATENT_ONE
from router.codecs.neural.transform import Transform


class Network:
    """The transforms of one model; immutable, shared between threads. The process's torch thread settings are respected."""

    def __init__(self, config: ModelConfig, weights: Mapping[str, Tensor], log_gain: NDArray[np.int64]) -> None:
        """`log_gain`: the entropy path's gains (R, M), base 2, unit 1 / LOG_ONE. Raises RuntimeError if weights do not fit."""
        self.config = config
        model = Transform(config)
        model.load_state_dict({**weights, "qe": torch.from_numpy(log_gain * (math.log(2) / LOG_ONE)).float()})
        self._model = model.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._integers: ExactSynthesis | None = None

    def analyse(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """RGB (H, W, 3) uint8, sides a multiple of 64 -> latents (H/16, W/16, M) before any gain."""
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=computes_in_bf16()):
            x = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None].div_(255)
            y: NDArray[np.float32] = self._model.analyse(x)[0].permute(1, 2, 0).numpy()
        return y

    def scaled(self, latents: NDArray[np.float32], gain: Gain) -> NDArray[np.float32]:
        """Latents (h, w, M) times the encoder's gain."""
        return latents * np.exp2(gain.log2 / LOG_ONE).astype(np.float32)

    def hyper(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scaled latents (h, w, M) -> hyper-latents (h/4, w/4, N) before quantisation."""
        with torch.inference_mode(), torch.autocast("cpu", enabled=False):
            y = torch.from_numpy(scaled).permute(2, 0, 1)[None]
            z: NDArray[np.float32] = self._model.h_a(y)[0].permute(1, 2, 0).contiguous().numpy()
        return z

    def synthesise(self, latents: NDArray[np.int32], rate_index: int, decoding: Decoding = Decoding.FP32) -> NDArray[np.float32]:
        """Reconstructed latents (h, w, M), unit 1 / LATENT_ONE -> RGB (16h, 16w, 3) in [0, 1]."""
        if decoding is Decoding.EXACT:
            return self._exact()(latents, rate_index)
        position = torch.tensor([rate_index / RATE_MAX * (self.config.rates - 1)])
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=decoding is Decoding.BF16):
            y = torch.from_numpy(latents).permute(2, 0, 1)[None].float().div_(LATENT_ONE)
            rgb: NDArray[np.float32] = self._model.synthesise(y, position).clamp_(0, 1)[0].permute(1, 2, 0).numpy()
        return rgb

    def _exact(self) -> ExactSynthesis:
        """Made when it is first asked for; two threads may make it twice, alike."""
        if self._integers is None:
            weights = {k: v.double().numpy() for k, v in self._model.state_dict().items()}
            self._integers = ExactSynthesis(self.config, weights)
        return self._integers


def computes_in_bf16() -> bool:
    """Whether this processor multiplies bf16 natively; where it does not, bf16 is slower than fp32."""
    return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
