"""Fixtures of the neural lane: the codec, the shipped model and small real images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sample_set import Samples

from router.codecs.neural.codec import NeuralCodec
from router.codecs.neural.weights import LoadedModel, load_model
from router.images.read import read


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """The images are small: more threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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
