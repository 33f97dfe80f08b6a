"""The features that the rivals stand on: those of the detector's own convolutional backbone, one vector an image."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from router.detector.patches import MIN_SIDE, extract_patches
from router.evaluation.measure import fingerprint
from router.images.arrays import from_pixels
from router.images.sample import ImageSample
from training.detector.benchmark.measurements import EMBEDDING_CODE, Measurement
from training.detector.benchmark.shifts import plain

Head = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Weights (classes, d) and biases (classes,) of the classifier that the first d features were trained for."""


CHOICES = ("whole", "penultimate")


@dataclass(frozen=True)
class FeatureSet:
    """A measurement of (D,) features, of which the first `used` are taken (None: all).

    The classifier on top of them is there where it is at hand.
    """

    measurement: Measurement
    head: Head | None
    used: int | None = None


def backbone_features(columns: str = "whole") -> FeatureSet:
    """The features of the backbone that a method gets.

    `columns` is "penultimate", what the network's own classifier sees (its head's mean over a small view of the whole
    image), which published detectors are made for; or "whole", all that our detector takes from the network for the whole
    image: those first, then means and spreads of a middle stage over the view and over tiles. Both are measured at once.
    """
    from router.detector.embeddings.backbone import Backbone
    from router.detector.embeddings.efficientnet import HEAD

    backbone = Backbone.load()

    def measure(sample: ImageSample) -> NDArray[np.float64]:
        return np.asarray(backbone.embed(extract_patches(large_enough(sample))).whole, np.float64)

    measurement = Measurement("backbone features", f"{backbone.id} {fingerprint.code(*EMBEDDING_CODE)}", measure)
    return FeatureSet(measurement, classifier(), HEAD if columns == "penultimate" else None)


def classifier() -> Head | None:
    """The classifier of the backbone.

    The detector does not need it, so it is only at hand where the package that the backbone was converted from is
    installed.
    """
    from training.detector import convert_backbone

    try:
        file = convert_backbone.installed()
    except ImportError:
        return None
    weights, biases = convert_backbone.classifier(torch.load(file, map_location="cpu", weights_only=True))
    return weights.float().numpy(), biases.float().numpy()


def large_enough(sample: ImageSample) -> ImageSample:
    """`sample`, or an enlargement of it whose shorter side is the least that can be looked at."""
    shorter = min(sample.width, sample.height)
    if shorter >= MIN_SIDE:
        return sample
    scale = MIN_SIDE / shorter
    size = (max(MIN_SIDE, round(sample.width * scale)), max(MIN_SIDE, round(sample.height * scale)))
    return from_pixels(cv2.resize(plain(sample), size, interpolation=cv2.INTER_NEAREST))
