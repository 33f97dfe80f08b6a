"""Damaged images of every format: metadata and pixels are as the header said, or the file is refused."""

from __future__ import annotations

import warnings

import numpy as np

from router.errors import RouterError
from router.images.read import read
from training.fuzz.samples import LIMITS, repaired, seeds
from training.fuzz.target import FuzzTarget


def _run(data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # libraries warn of damage, which is what we make
        try:
            sample = read(repaired(data), limits=LIMITS)
            pixels = sample.pixels
        except RouterError:
            return
    assert pixels.shape == (sample.height, sample.width, sample.channels), "another shape than was said"
    assert pixels.dtype == (np.uint16 if sample.bits == 16 else np.uint8), "another depth than was said"
    assert sample.metadata.exif != b"", "empty EXIF"


TARGET = FuzzTarget(_run, seeds())
