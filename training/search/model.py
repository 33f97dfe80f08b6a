"""Fitting the Gaussian of `router/quality/search_model/curves.py`: expectation maximisation, for curves measured at any settings.

An image has numbers z ~ N(0, 1); the level of curve c at setting k is m_c(k) + L_c(k) . z + noise, with m_c and L_c linear
between knots and drawn together where they bend. What an image's curves lack (a codec that refuses it, settings that nobody
measured) is no obstacle. Afterwards z is regressed on features of the image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from router.quality.search_model.scales import LEAST_ROUGHNESS

Array = NDArray[np.float64]
Key = tuple[str, str]
"""Family and scale."""

STEP = {"ssimulacra2": 2.0, "psnr": 0.5, "ms-ssim": 0.5, "size": 0.1}
"""How much a loading may change from knot to knot, about: the prior for what was not measured."""
FEW = 5.0
"""A knot's noise is that of its curve as long as no more points than these lie around it."""
BEND = 2.0
"""How far the mean may be off a straight line at a knot, in these steps."""


@dataclass(frozen=True)
class CurveSamples:
    """The samples of one image and one curve: `weights` (N, G) of the knots at the settings measured, `level` (N,)."""

    weights: Array
    level: Array


@dataclass
class FittedCurves:
    """`theta` (G, 1 + R) of each curve: mean and loadings at its knots; `noise` (G,): standard deviation there."""

    theta: dict[Key, Array]
    noise: dict[Key, Array] = field(default_factory=dict)


def interpolation(knots: Array, settings: Array) -> Array:
    """(N, G): rows that take values at knots to values at settings."""
    place = np.clip(np.searchsorted(knots, settings, side="right") - 1, 0, len(knots) - 2)
    share = (settings - knots[place]) / (knots[place + 1] - knots[place])
    rows = np.zeros((len(settings), len(knots)))
    rows[np.arange(len(settings)), place] = 1 - share
    rows[np.arange(len(settings)), place + 1] = share
    return rows


def fit(
    images: Sequence[Mapping[Key, CurveSamples]], knots: Mapping[Key, Array], start: Array, rounds: int = 30
) -> tuple[FittedCurves, Array, Array]:
    """(curves, means (N, R) and covariances (N, R, R) of the images' numbers). `start` (N, R): first guess of the means."""
    means, covariances = start, np.tile(0.1 * np.eye(start.shape[1]), (len(start), 1, 1))
    found = FittedCurves({}, {key: np.full(len(places), 10 * LEAST_ROUGHNESS[key[1]]) for key, places in knots.items()})
    for _ in range(rounds):
        for key, places in knots.items():
            _curve(found, key, places, images, means, covariances)
        means, covariances = place(images, found)
        # the numbers' own distribution stays near N(0, 1): what they lack or have too much of goes into the curves
        centre = means.mean(axis=0)
        spread = np.cov(means.T, bias=True).reshape(start.shape[1], -1) + covariances.mean(axis=0)
        root = np.linalg.cholesky(spread)
        for key, theta in found.theta.items():
            found.theta[key] = np.column_stack([theta[:, 0] + theta[:, 1:] @ centre, theta[:, 1:] @ root])
        back = np.linalg.inv(root)
        means, covariances = (means - centre) @ back.T, back @ covariances @ back.T
    return found, means, covariances


def extend(
    images: Sequence[Mapping[Key, CurveSamples]],
    knots: Mapping[Key, Array],
    known: Array,
    uncertain: Array,
    rank: int,
    rounds: int,
) -> tuple[FittedCurves, Array, Array]:
    """Further curves of images whose numbers are known, means (N, R) and covariances (N, R, R), with `rank` new numbers.

    Returns curves over old and new numbers together, and the new ones: means (N, rank), covariances (N, rank, rank).
    """
    rng = np.random.default_rng(1)
    old = known.shape[1]
    means = np.column_stack([known, 0.1 * rng.normal(size=(len(known), rank))])
    covariances = np.zeros((len(known), old + rank, old + rank))
    covariances[:, :old, :old] = uncertain
    covariances[:, old:, old:] = np.eye(rank)
    found = FittedCurves({}, {key: np.full(len(places), 10 * LEAST_ROUGHNESS[key[1]]) for key, places in knots.items()})
    for _ in range(rounds):
        for key, places in knots.items():
            _curve(found, key, places, images, means, covariances)
        means, covariances = place(images, found, known, uncertain)
        means[:, :old], covariances[:, :old, :old] = known, uncertain
        covariances[:, :old, old:] = covariances[:, old:, :old] = 0
    return found, means[:, old:], covariances[:, old:, old:]


def place(
    images: Sequence[Mapping[Key, CurveSamples]], found: FittedCurves, known: Array | None = None, uncertain: Array | None = None
) -> tuple[Array, Array]:
    """Each image's numbers given its curves: means (N, R), covariances (N, R, R).

    Before its curves are looked at they are N(0, 1), the first of them N(`known`, `uncertain`) where that is given.
    """
    rank = next(iter(found.theta.values())).shape[1] - 1
    means, covariances = np.zeros((len(images), rank)), np.zeros((len(images), rank, rank))
    for number, image in enumerate(images):
        precision, pull = np.eye(rank), np.zeros(rank)
        if known is not None and uncertain is not None:
            old = known.shape[1]
            precision[:old, :old] = np.linalg.inv(uncertain[number])
            pull[:old] = precision[:old, :old] @ known[number]
        for key, seen in image.items():
            rows = seen.weights @ found.theta[key]
            scaled = rows[:, 1:] / np.square(seen.weights @ found.noise[key])[:, None]
            precision += rows[:, 1:].T @ scaled
            pull += scaled.T @ (seen.level - rows[:, 0])
        covariances[number] = np.linalg.inv(precision)
        means[number] = covariances[number] @ pull
    return means, covariances


def _curve(
    found: FittedCurves, key: Key, places: Array, images: Sequence[Mapping[Key, CurveSamples]], means: Array, covariances: Array
) -> None:
    """Best `theta` and noise of one curve, given the images' numbers."""
    width = means.shape[1] + 1
    mean_only = np.zeros((width, width))
    mean_only[0, 0] = 1
    smooth = np.kron(_bending(places) / BEND**2, mean_only) + np.kron(_stepping(places), np.eye(width) - mean_only)
    smooth /= STEP[key[1]] ** 2
    matrix, right = np.zeros_like(smooth), np.zeros(len(smooth))
    used = [(image[key], m, c) for image, m, c in zip(images, means, covariances, strict=True) if key in image]
    for seen, mean, covariance in used:
        one = np.concatenate([[1.0], mean])
        second = np.outer(one, one)
        second[1:, 1:] += covariance
        scaled = seen.weights / np.square(seen.weights @ found.noise[key])[:, None]
        matrix += np.kron(scaled.T @ seen.weights, second)
        right += np.kron(scaled.T @ seen.level, one)
    theta = np.linalg.solve(matrix + smooth + 1e-6 * np.eye(len(smooth)), right).reshape(len(places), width)
    # each knot's noise from the residuals around it, and a little from the whole curve where there are few
    squares, count = np.zeros(len(places)), np.zeros(len(places))
    for seen, mean, covariance in used:
        rows = seen.weights @ theta
        square = np.square(seen.level - rows[:, 0] - rows[:, 1:] @ mean)
        square += np.einsum("nr,rs,ns->n", rows[:, 1:], covariance, rows[:, 1:])
        squares += seen.weights.T @ square
        count += seen.weights.sum(axis=0)
    overall = squares.sum() / max(count.sum(), 1)
    found.theta[key] = theta
    found.noise[key] = np.maximum(np.sqrt((squares + FEW * overall) / (count + FEW)), LEAST_ROUGHNESS[key[1]])


def _bending(knots: Array) -> Array:
    """(G, G) quadratic form: how far inner knots lie off the line through their neighbours; but for a break, see `_breaks`."""
    rows = []
    broken = _breaks(knots)
    for i in range(1, len(knots) - 1):
        if broken[i - 1] or broken[i]:
            continue
        row = np.zeros(len(knots))
        share = (knots[i] - knots[i - 1]) / (knots[i + 1] - knots[i - 1])
        row[i - 1], row[i], row[i + 1] = share - 1, 1, -share
        rows.append(row)
    bends = np.array(rows).reshape(-1, len(knots))
    return np.asarray(bends.T @ bends)


def _stepping(knots: Array) -> Array:
    """(G, G) quadratic form: changes from knot to knot, but for breaks, and a little of the size."""
    steps = np.diff(np.eye(len(knots)), axis=0)[~_breaks(knots)]
    return np.asarray(steps.T @ steps + 0.01 * np.eye(len(knots)))


def _breaks(knots: Array) -> NDArray[np.bool_]:
    """Where two knots are neighbouring settings, the codec does something else from one to the next."""
    return np.asarray(np.diff(knots) == 1)


def regress(features: Array, numbers: Array, covariances: Array, penalties: Sequence[float]) -> tuple[Array, Array, float]:
    """Ridge regression of numbers (N, R) on (N, F) inputs, whose first column is one and is not drawn to zero.

    Returns (weights (F, R), covariance (R, R) of what is left, penalty). Leave-one-out errors choose the penalty and give the
    covariance, to which comes how uncertain the numbers themselves are.
    """
    best: tuple[float, Array, Array, float] | None = None
    for penalty in penalties:
        shrink = penalty * np.eye(features.shape[1])
        shrink[0, 0] = 1e-6
        solver = np.linalg.solve(features.T @ features + shrink, features.T)
        leverage = np.einsum("nf,fn->n", features, solver)
        weights = solver @ numbers
        left = (numbers - features @ weights) / (1 - leverage)[:, None]
        error = float(np.square(left).mean())
        if best is None or error < best[0]:
            best = error, weights, np.asarray(left.T @ left / len(left)), penalty
    assert best is not None
    return best[1], best[2] + covariances.mean(axis=0), best[3]
