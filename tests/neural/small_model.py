"""A small model in which every tensor matters: a PCA start, noise on what is zero in it, and a prior that learned a little."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from router.codecs.neural.config import LightShape, ModelConfig

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # compressai's imports
    from training.codec.objective import Objective, RateModel, start_from_pca

CONFIG = ModelConfig(channels=192, latents=64, hyper=32, analysis_blocks=1, synthesis_blocks=2, deep_blocks=1, prior=48, rates=3)

LIGHT = replace(CONFIG, synthesis_blocks=1, light=LightShape(channels=24, blocks=2, deep_channels=40, deep_blocks=1))
"""With a light synthesis."""

_NOISE = {
    "b.weight": 0.01,
    "f2.weight": 0.01,
    "film_": 0.05,
    "codec.q": 0.1,
    "head.weight": 0.02,
    "head.bias": 0.02,
    "leave.weight": 0.01,
}
"""Standard deviation, by what a parameter's name has in it."""
_STEPS, _CROP = 20, 128


def small_model(photo: NDArray[np.uint8], config: ModelConfig = CONFIG) -> RateModel:
    """From a photograph (H, W, 3), in evaluation mode; the same on every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = RateModel(config, Objective())
        _start(model, photo)
        _fit_prior(model, torch.from_numpy(photo.copy()).permute(2, 0, 1)[None].float() / 255)
    return model.eval().requires_grad_(False)


@torch.no_grad()
def _start(model: RateModel, photo: NDArray[np.uint8]) -> None:
    height, width = (side - 15 for side in photo.shape[:2])
    patches = np.stack([photo[y : y + 16, x : x + 16] for y in range(0, height, 8) for x in range(0, width, 8)])
    start_from_pca(model, torch.from_numpy(patches).permute(0, 3, 1, 2).float() / 255 - 0.5)
    for name, parameter in model.named_parameters():
        for part, deviation in _NOISE.items():
            if part in name:
                parameter.add_(deviation * torch.randn_like(parameter))
    model.codec.h_a[-1].weight.mul_(6)  # hyper-latents of more than -1, 0 and 1
    model.entropy_bottleneck.quantiles[:, 0, 1] += torch.randn(CONFIG.hyper)


def _fit_prior(model: RateModel, image: torch.Tensor) -> None:
    optimiser = torch.optim.Adam(model.prior.parameters(), 2e-3)
    for step in range(_STEPS):
        y, x = (37 * step % (side - _CROP) for side in image.shape[2:])
        position = torch.tensor([step / (_STEPS - 1) * (CONFIG.rates - 1)])
        loss = model(image[:, :, y : y + _CROP, x : x + _CROP], position).bpp.mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
