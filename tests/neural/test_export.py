"""Exporting a training state gives a model folder that encodes and decodes, with the bits that training reckoned with."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from sample_set import Samples

from router.codecs.neural import weights
from router.codecs.neural.codec import NeuralCodec
from router.codecs.neural.encoder import ImageEncoder
from router.codecs.neural.estimate import estimate_bits
from router.codecs.neural.weights import LoadedModel
from router.containers.ncr import VERSION, parse
from router.images.arrays import from_pixels
from router.images.read import read

if TYPE_CHECKING:
    from training.codec.objective import RateModel


def test_a_training_state_becomes_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_training: RateModel, photo: NDArray[np.uint8]
) -> None:
    from training.codec import checkpoint
    from training.codec.export import export

    average = small_training.state_dict()
    state = {k: v + 1 if k == "codec.qe" else v for k, v in average.items()}
    progress = {"step": 1, "seconds": 1.0}
    checkpoint.save(tmp_path / "state.safetensors", model=state, average=average, optimisers=[], progress=progress)
    config = small_training.codec.config
    settings = {"model": asdict(config), "lambda_min": 0.001, "lambda_max": 0.02}
    (tmp_path / "settings.json").write_text(json.dumps(settings))

    card = export(tmp_path / "state.safetensors", "m64.test", tmp_path / "models", {"licence": "CC0-1.0"})
    assert card.config == config
    assert card.format == VERSION
    assert (card.licence, card.lambda_min, card.lambda_max) == ("CC0-1.0", 0.001, 0.02)
    weights.verify_model(card)
    assert export(tmp_path / "state.safetensors", "m64.test", tmp_path / "models", {}).sha256 == card.sha256
    gains = load_file(card.weights_file)["gain.log2"]
    assert np.array_equal(gains, np.rint(average["codec.qe"].double().numpy() / np.log(2) * 65_536))  # the average, not the state

    monkeypatch.setenv(weights.ENVIRONMENT, str(tmp_path / "models"))
    codec = NeuralCodec(model="m64.test")
    sample = from_pixels(photo[:128, :128])
    quality = [
        np.mean((codec.decode(codec.encode(sample, {"rate": r})).pixels - sample.pixels.astype(float)) ** 2) for r in (0, 65_535)
    ]
    assert quality[1] < quality[0] < 1000


def test_integers_are_stored_small_and_weights_in_half_precision(small_loaded: LoadedModel) -> None:
    tensors = load_file(small_loaded.card.weights_file)
    for name, tensor in tensors.items():
        if name.startswith("transform."):
            assert tensor.dtype == (np.float16 if tensor.ndim == 4 else np.float32)
            continue
        reach = np.abs(tensor.astype(np.int64)).max()
        assert tensor.dtype == (np.int16 if reach < 1 << 15 else np.int32 if reach < 1 << 31 else np.int64)
    assert {name.split(".")[0] for name in tensors} == {"transform", "prior", "gain", "tables"}
    assert "transform.qe" not in tensors  # the gains of the entropy path are integers, and there once only


@pytest.mark.parametrize("name", ["photo_cat", "photo_coffee"])
def test_integers_cost_at_most_half_a_percent(
    small_training: RateModel, small_loaded: LoadedModel, samples: Samples, name: str
) -> None:
    pixels = read(samples[name]).pixels[:192, :256, :3]
    encoder = ImageEncoder(small_loaded, from_pixels(pixels))
    x = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
    for rate in (6_000, 20_000, 32_768, 48_000, 65_535):
        position = torch.tensor([rate / 65_535 * (small_loaded.card.rates - 1)])
        floating = float(small_training(x, position).bpp) * pixels[..., 0].size
        integers = estimate_bits(encoder, rate)
        assert integers < 1.005 * floating
        assert integers > (0.995 if rate >= 20_000 else 0.9) * floating  # below that, skipped scales save what they change
        (tile,) = parse(encoder.write(encoder.analyse(), rate)).tiles
        assert 8 * len(tile.data) < 1.005 * floating + 64
