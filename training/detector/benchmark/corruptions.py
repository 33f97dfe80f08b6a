"""Eight common corruptions at three of their five severities, as in Kodak-C and CLIC-C.

D. Hendrycks, T. Dietterich, "Benchmarking neural network robustness to common corruptions and perturbations", ICLR 2019;
parameters of hendrycks/robustness, ImageNet-C/create_c/make_imagenet_c.py, which K. Lieberman et al. ("Neural image compression:
generalization, robustness, and spectral biases", NeurIPS 2023) applied to Kodak and CLIC at full size. Severities 1, 3 and 5
here. Differences: brightness and contrast also work on gray images, motion blur has ImageMagick's kernel but repeats the edge,
and nothing is saved as JPEG afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Values = NDArray[np.float64]
"""(H, W, C) of 0 to 1."""
Corrupt = Callable[[Values, Any, np.random.Generator], Values]

SEVERITIES = (1, 3, 5)
PARAMETERS: dict[str, tuple[Any, ...]] = {
    "gaussian_noise": (0.08, 0.18, 0.38),  # standard deviation, of 1
    "shot_noise": (60, 12, 3),  # photons at white
    "impulse_noise": (0.03, 0.09, 0.27),  # share of samples set to black or white
    "defocus_blur": ((3, 0.1), (6, 0.5), (10, 0.5)),  # radius of the disc, sigma of its edge; pixels
    "motion_blur": ((10, 3), (15, 8), (20, 15)),  # radius, sigma; pixels
    "contrast": (0.4, 0.2, 0.05),  # factor about the mean
    "brightness": (0.1, 0.3, 0.5),  # added to the value of HSV
    "pixelate": (0.6, 0.4, 0.25),  # size it is reduced to
}


def corrupt(pixels: NDArray[np.uint8], name: str, severity: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """`pixels` (H, W, C) corrupted; same shape. Raises KeyError or ValueError for an unknown name or severity."""
    parameter = PARAMETERS[name][SEVERITIES.index(severity)]
    out = _FUNCTIONS[name](pixels / 255.0, parameter, rng)
    return np.round(np.clip(out, 0, 1) * 255).astype(np.uint8)


def _gaussian_noise(x: Values, scale: Any, rng: np.random.Generator) -> Values:
    return x + rng.normal(0, scale, x.shape)


def _shot_noise(x: Values, photons: Any, rng: np.random.Generator) -> Values:
    return rng.poisson(x * photons) / photons


def _impulse_noise(x: Values, amount: Any, rng: np.random.Generator) -> Values:
    hit, white = rng.random(x.shape) < amount, rng.random(x.shape) < 0.5
    return np.where(hit, white.astype(np.float64), x)


def _defocus_blur(x: Values, disc: Any, rng: np.random.Generator) -> Values:
    radius, sigma = disc
    reach = max(8, int(radius))
    yy, xx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = (xx**2 + yy**2 <= radius**2).astype(np.float64)
    size = 3 if radius <= 8 else 5
    return _filtered(x, cv2.GaussianBlur(kernel / kernel.sum(), (size, size), sigma))


def _motion_blur(x: Values, path: Any, rng: np.random.Generator) -> Values:
    """One-sided Gaussian along a line at -45 to 45 degrees, as ImageMagick's -motion-blur."""
    radius, sigma = path
    steps = np.arange(2 * int(radius) + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    angle = np.deg2rad(rng.uniform(-45, 45))
    kernel = np.zeros((2 * len(steps) - 1,) * 2)
    rows, columns = (len(steps) - 1 + np.ceil(steps * part - 0.5).astype(int) for part in (np.sin(angle), np.cos(angle)))
    np.add.at(kernel, (rows, columns), weights / weights.sum())
    return _filtered(x, kernel)


def _contrast(x: Values, factor: Any, rng: np.random.Generator) -> Values:
    mean = x.mean(axis=(0, 1), keepdims=True)
    return (x - mean) * factor + mean


def _brightness(x: Values, added: Any, rng: np.random.Generator) -> Values:
    """Value of HSV raised; hue and saturation stay, hence a common factor for all channels of a pixel."""
    value = x.max(axis=2, keepdims=True)
    raised = np.minimum(value + added, 1)
    return np.where(value > 0, x * raised / np.maximum(value, 1e-9), raised)


def _pixelate(x: Values, scale: Any, rng: np.random.Generator) -> Values:
    image = Image.fromarray(np.round(x * 255).astype(np.uint8).squeeze())
    small = (max(1, int(image.width * scale)), max(1, int(image.height * scale)))
    back = image.resize(small, Image.Resampling.BOX).resize(image.size, Image.Resampling.BOX)
    return np.asarray(back).reshape(x.shape) / 255.0


def _filtered(x: Values, kernel: Values) -> Values:
    """Correlation with the flipped kernel, edges repeated."""
    return cv2.filter2D(x, -1, cv2.flip(kernel, -1), borderType=cv2.BORDER_REPLICATE).reshape(x.shape)


_FUNCTIONS: dict[str, Corrupt] = {
    "gaussian_noise": _gaussian_noise,
    "shot_noise": _shot_noise,
    "impulse_noise": _impulse_noise,
    "defocus_blur": _defocus_blur,
    "motion_blur": _motion_blur,
    "contrast": _contrast,
    "brightness": _brightness,
    "pixelate": _pixelate,
}
