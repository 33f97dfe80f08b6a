"""Rate-distortion objective: estimated bits + lambda * (MSE and SSIMULACRA2 distance), all rates in one model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from router.codecs.neural.config import ModelConfig
from router.codecs.neural.light import linear_start
from router.codecs.neural.transform import Transform
from training.codec import ssimulacra2_loss
from training.codec.prior import Prior, first_pass, scale_and_mean
from training.codec.rounding import Rounding
from training.torchvision_compat import declare_missing_operators

declare_missing_operators()

from compressai.entropy_models import EntropyBottleneck, GaussianConditional  # noqa: E402
from compressai.ops import quantize_ste  # noqa: E402

_NEIGHBOURHOOD = 9
"""Side in px of the square whose activity hides an error in its middle."""
_HALF_HIDDEN = 5 / 255


@dataclass(frozen=True)
class Objective:
    """Weights of the loss. `lambda_min`, `lambda_max`: trade-off at the first and the last anchor rate."""

    mse: float = 0.7
    ssimulacra2: float = 10.0
    unmasked: float = 0.0
    """Of the squared error weighted by how little the source hides it."""
    lambda_min: float = 0.0002
    lambda_max: float = 0.2


@dataclass(frozen=True)
class Terms:
    """Per-image terms, each (B,): bits per pixel, MSE in 8-bit units squared, raw SSIMULACRA2 distance."""

    bpp: Tensor
    mse: Tensor
    ssimulacra2: Tensor
    unmasked: Tensor
    reconstruction: Tensor


class RateModel(nn.Module):
    """The transform with the floating-point prior and the entropy models that training needs."""

    def __init__(self, config: ModelConfig, objective: Objective) -> None:
        super().__init__()
        self.codec = Transform(config)
        self.prior = Prior(config)
        self.rounding = None if config.light is None else Rounding(config)
        self.objective = objective
        self.entropy_bottleneck = EntropyBottleneck(config.hyper)
        self.gaussian_conditional = GaussianConditional(None)
        self._distance: Callable[[Tensor, Tensor], Tensor] = ssimulacra2_loss.distance

    def compile_parts(self) -> None:
        """`torch.compile` what takes the time; names of weights stay as they are."""
        codec = self.codec
        for part in (codec.g_a, codec.g_a_deep, codec.g_s, codec.g_s_deep if self.rounding is None else self.rounding):
            part.compile()
        self._distance = torch.compile(ssimulacra2_loss.distance)

    def trade_off(self, position: Tensor) -> Tensor:
        """The weight lambda at rate positions (B,): log-linear between the anchors."""
        o = self.objective
        share = position / (self.codec.config.rates - 1)
        return torch.exp(math.log(o.lambda_min) * (1 - share) + math.log(o.lambda_max) * share)

    def forward(self, x: Tensor, position: Tensor) -> Terms:
        """RGB (B, 3, H, W) in [0, 1] and rate positions (B,) -> terms with straight-through quantisation."""
        log_gain = self.codec.at(self.codec.qe, position)
        y = self.codec.analyse(x) * log_gain.exp()
        z = self.codec.h_a(y).float()
        with torch.autocast(x.device.type, enabled=False):
            _, z_likelihood = self.entropy_bottleneck(z)
            medians = self.entropy_bottleneck._get_medians()
            features = self.prior.features(quantize_ste(z - medians) + medians)
            first = self.prior.first(features)
            _, mean = scale_and_mean(first, log_gain)
            mask = first_pass(y)
            known = torch.where(mask, quantize_ste(y - mean) + mean, 0) * torch.exp(-log_gain)
            second = self.prior.second(features, known)
            scale, mean = scale_and_mean(first + torch.where(mask.repeat(1, 2, 1, 1), 0, second), log_gain)
            _, y_likelihood = self.gaussian_conditional(y, scale, means=mean)
            y_hat = quantize_ste(y - mean) + mean
        x_hat = self.synthesise(y_hat, position)
        bits = -sum(p.clamp_min(1e-9).log2().flatten(1).sum(1) for p in (y_likelihood, z_likelihood))
        # The metrics subtract nearly equal blurs: in bf16 they are noise and training diverges.
        with torch.autocast(x.device.type, enabled=False):
            distance = self._distance(x, x_hat)
            squared = ((x_hat - x) ** 2) * 255**2
        return Terms(
            bpp=bits / (x.shape[-1] * x.shape[-2]),
            mse=squared.flatten(1).mean(1),
            ssimulacra2=distance,
            unmasked=(squared * visibility(x)).flatten(1).mean(1),
            reconstruction=x_hat,
        )

    def synthesise(self, y_hat: Tensor, position: Tensor) -> Tensor:
        """`Transform.synthesise`, with the rounding of its integers once their units are known."""
        if self.rounding is None or not self.rounding.on:
            return self.codec.synthesise(y_hat, position)
        with torch.autocast(y_hat.device.type, enabled=False):
            return self.rounding.synthesise(self.codec, y_hat, position)

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Weights of a model of this shape, whether or not they have units of integers. Raises RuntimeError for others."""
        found = self.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in weights.items()}, strict=False)
        wrong = [*found.unexpected_keys, *(k for k in found.missing_keys if not k.startswith("rounding."))]
        if wrong:
            raise RuntimeError(f"weights of another model: {', '.join(wrong[:5])}")

    def loss(self, terms: Terms, position: Tensor) -> Tensor:
        """Scalar; divided by sqrt(lambda), so that every rate pulls about equally."""
        weight = self.trade_off(position)
        o = self.objective
        distortion = o.mse * terms.mse + o.ssimulacra2 * terms.ssimulacra2 + o.unmasked * terms.unmasked
        return ((terms.bpp + weight * distortion) / (10 * weight.sqrt())).mean()


@torch.no_grad()
def visibility(x: Tensor) -> Tensor:
    """How visible an error in RGB (B, 3, H, W) in [0, 1] is, (B, 1, H, W): 1 on flat ground, less where activity hides it.

    One over one plus the local variance of the luma, in units of the deviation at which half of an error is hidden (contrast
    masking; Legge and Foley, 1980).
    """
    y = x.mean(1, keepdim=True)
    mean, square = (F.avg_pool2d(v, _NEIGHBOURHOOD, 1, _NEIGHBOURHOOD // 2, count_include_pad=False) for v in (y, y * y))
    return 1 / (1 + (square - mean * mean).clamp_min(0) / _HALF_HIDDEN**2)


@torch.no_grad()
def start_from_pca(model: RateModel, patches: Tensor) -> None:
    """Write the PCA of 16x16 RGB patches (n, 3, 16, 16) in [-0.5, 0.5] into the linear path.

    With the residual blocks at zero the untrained network is then already a working transform codec.
    """
    codec = model.codec
    flat = nn.functional.pixel_unshuffle(patches, 8).flatten(1)
    m, c = codec.config.latents, codec.config.channels
    if c < 192:
        raise ValueError("the PCA start needs at least 192 channels")
    values, vectors = torch.linalg.eigh(flat.T @ flat / len(flat))
    basis = vectors.flip(1)[:, :m].T.contiguous()
    light = codec.config.light is not None
    for conv in (codec.g_a[1], *([] if light else [codec.g_s[-2]])):
        conv.weight.mul_(0.05)
        conv.bias.zero_()
        for k in range(192):
            conv.weight[k, k, 0, 0] += 1
    # PixelUnshuffle(2) and PixelShuffle(2) order channels as 4 k + 2 i + j, and so does `flat`.
    for conv in (codec.g_a_down, *([] if light else [codec.g_s_up[0]])):
        conv.weight.mul_(0.02)
        conv.bias.zero_()
    codec.g_a_down.weight[:, : 4 * 192, 0, 0] += basis
    if light:
        linear_start(codec.g_s, basis)
    else:
        codec.g_s_up[0].weight[: 4 * 192, :, 0, 0] += basis.T
    head = model.prior.head
    head.weight.mul_(0.1)
    head.bias.zero_()
    head.bias[:m] = values.flip(0)[:m].clamp_min(1e-8).sqrt().log() - 0.7
