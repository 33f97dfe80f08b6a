"""Natural-scene statistics of luma and colour planes, vectorised over a stack of tiles.

Sources: mean-subtracted contrast-normalised (MSCN) coefficients, their generalised Gaussian and the asymmetric generalised
Gaussian of neighbour products: Mittal, Moorthy, Bovik, "No-reference image quality assessment in the spatial domain" (BRISQUE),
IEEE TIP 21(12), 2012, section III; patch statistics as a model of natural images: Mittal, Soundararajan, Bovik, "Making a
completely blind image quality analyzer" (NIQE), IEEE SPL 20(3), 2013; noise estimate: Immerkaer, CVIU 64(2), 1996.

Every function takes float32 in the range [0, 255], planes of at least 8x8, and returns named (N,) float64 arrays that are finite
whatever the pixels.
"""

from __future__ import annotations

import math
from functools import cache
from typing import cast

import numpy as np
from numpy.typing import NDArray

Stack = NDArray[np.float32]
Features = dict[str, NDArray[np.float64]]

_EPS = 1e-6
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def luma(stack: Stack) -> Stack:
    """(N, h, w) from (N, h, w, C): the plane itself for C = 1, BT.601 luma for RGB."""
    return np.ascontiguousarray(stack[..., 0]) if stack.shape[-1] == 1 else stack @ _LUMA


def opponent(stack: Stack) -> tuple[Stack, Stack]:
    """Red-green and yellow-blue planes, (N, h, w) each, from RGB (N, h, w, 3)."""
    red, green, blue = stack[..., 0], stack[..., 1], stack[..., 2]
    return (red - green) / np.float32(2**0.5), (red + green - 2 * blue) / np.float32(6**0.5)


def halve(stack: Stack) -> Stack:
    """2x2 means of (N, h, w); an odd last row or column is dropped."""
    n, height, width = stack.shape
    even = stack[:, : height // 2 * 2, : width // 2 * 2]
    return np.asarray(even.reshape(n, height // 2, 2, width // 2, 2).mean((2, 4)), np.float32)


def mscn(stack: Stack) -> tuple[Stack, Stack]:
    """MSCN coefficients and local standard deviation, both (N, h, w): 7x7 Gaussian window, sigma 7/6, C = 1 (BRISQUE)."""
    import cv2

    # centred first: E[x^2] - E[x]^2 in float32 would lose three digits on bright planes
    centred = stack - stack.mean((1, 2), keepdims=True)
    mean, square = np.empty_like(centred), np.empty_like(centred)
    for i, plane in enumerate(centred):
        mean[i] = cv2.GaussianBlur(plane, (7, 7), 7 / 6, borderType=cv2.BORDER_REFLECT_101)
        square[i] = cv2.GaussianBlur(plane * plane, (7, 7), 7 / 6, borderType=cv2.BORDER_REFLECT_101)
    deviation = np.sqrt(np.maximum(square - mean * mean, 0))
    return (centred - mean) / (deviation + 1), deviation


def mscn_statistics(stack: Stack, prefix: str, *, neighbours: bool = True) -> Features:
    """Natural-scene statistics of the MSCN plane and of the log contrast.

    They are the GGD of the plane, the AGGD of neighbour products (horizontal and vertical averaged, diagonals averaged, and
    how far horizontal and vertical differ), and the log contrast's mean and spread.
    """
    normalised, deviation = mscn(stack)
    flat = normalised.reshape(len(stack), -1)
    contrast = np.log1p(deviation).reshape(len(stack), -1)
    second = _mean(flat * flat)
    out = {
        f"{prefix}.ggd_shape": np.log(_ggd_shape(_mean(np.abs(flat)) ** 2 / (second + _EPS))),
        f"{prefix}.ggd_spread": np.log(second + 1e-3),
        f"{prefix}.skewness": _mean(flat * flat * flat) / (second**1.5 + 1e-3),
        f"{prefix}.contrast_mean": _mean(contrast),
        f"{prefix}.contrast_spread": _std(contrast),
        f"{prefix}.flat_share": _mean(deviation.reshape(len(stack), -1) < 0.5),
    }
    if neighbours:
        out |= _neighbour_statistics(normalised, prefix)
    return out


def _neighbour_statistics(plane: Stack, prefix: str) -> Features:
    across = _aggd(plane[:, :, :-1] * plane[:, :, 1:])
    down = _aggd(plane[:, :-1] * plane[:, 1:])
    falling = _aggd(plane[:, :-1, :-1] * plane[:, 1:, 1:])
    rising = _aggd(plane[:, :-1, 1:] * plane[:, 1:, :-1])
    out: Features = {}
    for i, name in enumerate(("shape", "mean", "left", "right")):
        out[f"{prefix}.next_{name}"] = (across[i] + down[i]) / 2
        out[f"{prefix}.diagonal_{name}"] = (falling[i] + rising[i]) / 2
    out[f"{prefix}.next_mean_difference"] = np.abs(across[1] - down[1])
    return out


def _aggd(product: Stack) -> tuple[NDArray[np.float64], ...]:
    """(log shape, mean, log left deviation, log right deviation) by moment matching (BRISQUE, equations 7 to 14)."""
    flat = product.reshape(len(product), -1)
    square = flat * flat
    negative = flat < 0
    below = _mean(negative)
    left_sum = _mean(square * negative)
    total = _mean(square)
    left = np.sqrt(left_sum / np.maximum(below, _EPS))
    right = np.sqrt(np.maximum(total - left_sum, 0) / np.maximum(1 - below, _EPS))
    gamma = (left + 1e-3) / (right + 1e-3)
    ratio = _mean(np.abs(flat)) ** 2 / (total + _EPS)
    ratio = ratio * (gamma**3 + 1) * (gamma + 1) / (gamma**2 + 1) ** 2
    return np.log(_ggd_shape(ratio)), _mean(flat), np.log(left + 1e-2), np.log(right + 1e-2)


@cache
def _shape_table() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """E|x|^2 / E[x^2] of a generalised Gaussian against its shape, both ascending."""
    shapes = np.geomspace(0.1, 12, 600)
    ratios = [math.exp(2 * math.lgamma(2 / s) - math.lgamma(1 / s) - math.lgamma(3 / s)) for s in shapes]
    return np.array(ratios), shapes


def _ggd_shape(ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    ratios, shapes = _shape_table()
    return cast("NDArray[np.float64]", np.interp(ratio, ratios, shapes))


def gradient_statistics(plane: Stack) -> Features:
    """Gradient statistics of (N, h, w) luma: zero gradients, magnitude and its tail, orientation, noise.

    Graphics have exact zeros and axis-aligned edges, photographs hardly any.

    Graphics have exact zeros and axis-aligned edges, photographs hardly any.
    """
    count = len(plane)
    gx = np.diff(plane, axis=2)[:, :-1].reshape(count, -1)
    gy = np.diff(plane, axis=1)[:, :, :-1].reshape(count, -1)
    magnitude = np.hypot(gx, gy)
    mean = _mean(magnitude)
    strong = magnitude > 8
    edges = np.maximum(strong.sum(1), 1)
    lowest = np.minimum(np.abs(gx), np.abs(gy))
    out = {
        "gradient.zero_share": _mean(magnitude < 0.5),
        "gradient.log_mean": np.log(mean + 0.1),
        "gradient.tail": np.log((_mean(magnitude * magnitude) + _EPS) / (mean * mean + _EPS)),
        "gradient.strong_share": _mean(strong),
        "gradient.axis_share": (strong & (lowest < 0.1 * magnitude)).sum(1) / edges,
        "gradient.order": _orientation_order(gx, gy, magnitude),
    }
    laplacian = plane[:, :-2, :-2] - 2 * plane[:, :-2, 1:-1] + plane[:, :-2, 2:]
    laplacian = laplacian - 2 * (plane[:, 1:-1, :-2] - 2 * plane[:, 1:-1, 1:-1] + plane[:, 1:-1, 2:])
    laplacian = laplacian + plane[:, 2:, :-2] - 2 * plane[:, 2:, 1:-1] + plane[:, 2:, 2:]
    noise = np.abs(laplacian).reshape(count, -1)
    out["gradient.noise"] = np.log(_mean(noise) * (math.pi / 2) ** 0.5 / 6 + 0.05)
    out["gradient.noise_median"] = np.log(np.median(noise[:, ::4], axis=1).astype(np.float64) / 6 + 0.05)
    return out


def _orientation_order(gx: Stack, gy: Stack, magnitude: Stack) -> NDArray[np.float64]:
    """Coherence of the structure tensor's double angle in [0, 1]: 0 isotropic, 1 all gradients along one line."""
    energy = _mean(magnitude * magnitude) + _EPS
    return np.hypot(_mean(gx * gx - gy * gy), _mean(2 * gx * gy)) / energy


def tone_statistics(plane: Stack) -> Features:
    """Tone statistics of (N, h, w) luma: moments, how full the histogram is, and how much of it is one value."""
    flat = plane.reshape(len(plane), -1)
    mean, spread = _mean(flat), _std(flat)
    standard = (flat - mean[:, None].astype(np.float32)) / (spread[:, None] + 1).astype(np.float32)
    square = standard * standard
    bins = np.minimum(flat, 255).astype(np.intp)
    counts = np.stack([np.bincount(row, minlength=256) for row in bins]) / flat.shape[1]
    entropy = -(counts * np.log2(counts + 1e-12)).sum(1)
    return {
        "tone.mean": mean / 255,
        "tone.log_spread": np.log(spread + 1),
        "tone.skewness": _mean(square * standard),
        "tone.tail": np.log(_mean(square * square) + 0.1),
        "tone.entropy_gap": np.log2(spread + 1) + 2.05 - entropy,
        "tone.peak": counts.max(1),
        "tone.ends": counts[:, :2].sum(1) + counts[:, -2:].sum(1),
    }


def colour_statistics(stack: Stack) -> Features:
    """Colour statistics of (N, h, w, 3) RGB: opponent moments, saturation, and how chroma detail goes with luma detail."""
    count = len(stack)
    y = luma(stack)
    first, second = opponent(stack)
    chroma = np.hypot(first, second).reshape(count, -1)
    red, green, blue = (stack[..., i].reshape(count, -1) for i in range(3))
    high = np.maximum(np.maximum(red, green), blue)
    saturation = (high - np.minimum(np.minimum(red, green), blue)) / (high + 1)
    out: Features = {
        "colour.saturation_mean": _mean(saturation),
        "colour.saturation_spread": _std(saturation),
        "colour.chroma_mean": np.log(_mean(chroma) + 1),
        "colour.chroma_spread": np.log(_std(chroma) + 1),
    }
    detail_y = _detail(y)
    energy_y = _mean(detail_y * detail_y)
    for name, plane in (("rg", first), ("yb", second)):
        flat = plane.reshape(count, -1)
        detail = _detail(plane)
        energy = _mean(detail * detail)
        out[f"colour.{name}_mean"] = _mean(flat) / 64
        out[f"colour.{name}_spread"] = np.log(_std(flat) + 1)
        out[f"colour.{name}_detail"] = np.log((energy + 0.02) / (energy_y + 0.02))
        out[f"colour.{name}_with_luma"] = _mean(detail * detail_y) / np.sqrt((energy + 0.1) * (energy_y + 0.1))
        out[f"colour.{name}_zero_share"] = _mean(np.abs(detail) < 0.25)
        out |= {
            f"colour.{key}": value
            for key, value in mscn_statistics(plane, name, neighbours=False).items()
            if key.endswith(("ggd_shape", "ggd_spread"))
        }
    return out


def _detail(plane: Stack) -> Stack:
    """Diagonal differences (N, P): both directions at once, one plane."""
    return (plane[:, 1:, 1:] - plane[:, :-1, :-1]).reshape(len(plane), -1)


def _mean(flat: NDArray[np.generic]) -> NDArray[np.float64]:
    # float32 pairwise sums: twice as fast, seven digits are plenty
    return np.asarray(flat.mean(1), np.float64)


def _std(flat: Stack) -> NDArray[np.float64]:
    return np.asarray(flat.std(1), np.float64)


def layout_statistics(plane: Stack) -> Features:
    """Layout statistics of whole images' (N, h, w) luma: where light and contrast sit (sky above, dark borders, bands)."""
    out: Features = {}
    height, width = plane.shape[1:]
    spread = plane.std((1, 2)).astype(np.float64) + 4
    top, bottom = plane[:, : height // 3], plane[:, -(height // 3) :]
    y, x = height // 6, width // 6
    middle = plane[:, y : height - y, x : width - x]
    rows, cols = plane.mean(2), plane.mean(1)
    out["layout.light_above"] = (top.mean((1, 2)) - bottom.mean((1, 2))) / spread
    out["layout.contrast_below"] = np.log((bottom.std((1, 2)) + 4) / (top.std((1, 2)) + 4)).astype(np.float64)
    out["layout.light_inside"] = (middle.mean((1, 2)) - plane.mean((1, 2))) / spread
    out["layout.rows_share"] = rows.var(1) / spread**2
    out["layout.cols_share"] = cols.var(1) / spread**2
    return out


def palette_statistics(stack: Stack) -> Features:
    """Palette statistics of (N, h, w, 3) RGB.

    They are the entropy in bits of the colours at 4 bits a channel, and the share of the commonest one.
    """
    codes = np.minimum(stack, 255).astype(np.intp) >> 4
    flat = ((codes[..., 0] << 8) | (codes[..., 1] << 4) | codes[..., 2]).reshape(len(stack), -1)
    shares = np.stack([np.bincount(row, minlength=4096) for row in flat]) / flat.shape[1]
    return {
        "colour.palette_entropy": -(shares * np.log2(shares + 1e-12)).sum(1),
        "colour.palette_peak": shares.max(1),
    }
