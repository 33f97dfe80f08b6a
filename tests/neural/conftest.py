"""Fixtures of the neural lane: the codec, the shipped model and small real images."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sample_set import Samples

from router.codecs.neural.codec import NeuralCodec
from router.codecs.neural.weights import LoadedModel, load_model
from router.images.read import read


@pytest.fixture(scope="session")
def codec() -> NeuralCodec:
    return NeuralCodec()


@pytest.fixture(scope="session")
def model(codec: NeuralCodec) -> LoadedModel:
    return load_model(codec.model)


@pytest.fixture(scope="session")
def photo(samples: Samples) -> NDArray[np.uint8]:
    """(256, 320, 3) uint8."""
    return read(samples["photo_cat"]).pixels
