"""Multiply-accumulates per pixel of a model, encoder and decoder: `python -m training.codec.macs [--model ID]`.

Counted by PyTorch's flop counter over one 512 x 512 image; the integer prior by its floating-point twin.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from router.codecs.neural.codec import NeuralCodec
from router.codecs.neural.config import LATENT_STRIDE, STRIDE, ModelConfig
from router.codecs.neural.transform import Transform
from router.codecs.neural.weights import find_model
from training.codec.prior import Prior

_SIDE = 512


def per_pixel(config: ModelConfig) -> dict[str, float]:
    """Thousands of multiply-accumulates per pixel of each part, and of both sides."""
    transform, prior = Transform(config).eval(), Prior(config).eval()
    x = torch.zeros(1, 3, _SIDE, _SIDE)
    y = torch.zeros(1, config.latents, _SIDE // LATENT_STRIDE, _SIDE // LATENT_STRIDE)
    z = torch.zeros(1, config.hyper, _SIDE // STRIDE, _SIDE // STRIDE)
    position = torch.zeros(1)

    def both_passes() -> None:
        features = prior.features(z)
        prior.first(features)
        prior.second(features, y)

    parts = {
        "analysis": _count(lambda: transform.analyse(x)),
        "hyper-analysis": _count(lambda: transform.h_a(y)),
        "prior": _count(both_passes),
        "synthesis": _count(lambda: transform.synthesise(y, position)),
    }
    encoder = parts["analysis"] + parts["hyper-analysis"] + parts["prior"]
    return parts | {"encoder": encoder, "decoder": parts["prior"] + parts["synthesis"]}


def _count(run: Callable[[], object]) -> float:
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops() / 2 / _SIDE**2 / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=NeuralCodec().model)
    config = find_model(parser.parse_args().model).config
    for name, value in per_pixel(config).items():
        print(f"{name:16} {value:6.2f} kMAC/px")
    parameters = sum(p.numel() for m in (Transform(config), Prior(config)) for p in m.parameters())
    print(f"{'parameters':16} {parameters / 1e6:6.2f} million")


if __name__ == "__main__":
    main()
