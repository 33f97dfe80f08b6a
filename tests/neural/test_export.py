"""Exporting a training state gives a model folder that encodes and decodes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from router.codecs.neural import weights
from router.codecs.neural.codec import NeuralCodec
from router.codecs.neural.model import ModelConfig
from router.images.arrays import from_pixels


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")  # compressai's imports
def test_a_training_state_becomes_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: np.ndarray) -> None:
    from training.codec import checkpoint
    from training.codec.export import export
    from training.codec.objective import Objective, RateModel, start_from_pca

    torch.manual_seed(0)
    config = ModelConfig(channels=192, latents=64, hyper=32, analysis_blocks=1, synthesis_blocks=2, rates=3)
    training = RateModel(config, Objective(lambda_min=0.001, lambda_max=0.02))
    crops = torch.from_numpy(np.stack([photo[y : y + 16, x : x + 16] for y in range(0, 240, 8) for x in range(0, 304, 8)]))
    start_from_pca(training.codec, crops.permute(0, 3, 1, 2).float() / 255 - 0.5)
    state = training.state_dict()
    progress = {"step": 1, "seconds": 1.0}
    checkpoint.save(tmp_path / "state.safetensors", model=state, average=state, optimisers=[], progress=progress)
    settings = {"model": asdict(config), "lambda_min": 0.001, "lambda_max": 0.02}
    (tmp_path / "settings.json").write_text(json.dumps(settings))

    card = export(tmp_path / "state.safetensors", "tc8-m64.test", tmp_path / "models", {"licence": "CC0-1.0"})
    assert card.config == config
    assert (card.licence, card.lambda_min, card.lambda_max) == ("CC0-1.0", 0.001, 0.02)
    weights.verify_model(card)
    assert export(tmp_path / "state.safetensors", "tc8-m64.test", tmp_path / "models", {}).sha256 == card.sha256

    monkeypatch.setenv(weights.ENVIRONMENT, str(tmp_path / "models"))
    codec = NeuralCodec(model="tc8-m64.test")
    sample = from_pixels(photo[:128, :128])
    decoded = codec.decode(codec.encode(sample, {"rate": 65_535})).pixels
    assert np.mean((decoded.astype(float) - sample.pixels) ** 2) < 400
