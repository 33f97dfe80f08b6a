"""Fixtures of the neural lane: the codec, the shipped model, a small model of another shape, and small real images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.torch import save_file
from sample_set import Samples

from router.codecs.neural import weights
from router.codecs.neural.codec import NeuralCodec
from router.codecs.neural.weights import LoadedModel
from router.images.read import read

if TYPE_CHECKING:
    from training.codec.objective import RateModel


@pytest.fixture(scope="session")
def codec() -> NeuralCodec:
    return NeuralCodec()


@pytest.fixture(scope="session")
def model(codec: NeuralCodec) -> LoadedModel:
    return weights.load_model(codec.model)


@pytest.fixture(scope="session")
def photo(samples: Samples) -> NDArray[np.uint8]:
    """(256, 320, 3) uint8."""
    return read(samples["photo_cat"]).pixels


@pytest.fixture(scope="session")
def small_training(photo: NDArray[np.uint8]) -> RateModel:
    """See `small_model.py`."""
    from small_model import small_model

    return small_model(photo)


@pytest.fixture(scope="session")
def small_loaded(small_training: RateModel, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """`small_training`, exported and loaded."""
    return exported(small_training, "small.test", tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def light_training(photo: NDArray[np.uint8]) -> RateModel:
    """As `small_training`, with a light synthesis."""
    from small_model import LIGHT, small_model

    return small_model(photo, LIGHT)


@pytest.fixture(scope="session")
def light_loaded(light_training: RateModel, photo: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """`light_training`, exported and loaded."""
    return exported(light_training, "light.test", tmp_path_factory.mktemp("models"), [photo])


def exported(trained: RateModel, model_id: str, folder: Path, photographs: Sequence[NDArray[np.uint8]] = ()) -> LoadedModel:
    from training.codec.export import export

    save_file({k: v.contiguous() for k, v in trained.state_dict().items()}, folder / "state.safetensors")
    export(folder / "state.safetensors", model_id, folder, {}, photographs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(weights.ENVIRONMENT, str(folder))
        return weights.load_model(model_id)
