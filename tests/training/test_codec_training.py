"""Training of the codec: it learns, it resumes exactly, and its state holds no code."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from sample_set import Samples

from router.images.read import read
from router.quality.metrics import scorer
from training.codec import checkpoint, ssimulacra2_loss
from training.codec.data import Photographs, split
from training.codec.muon import Muon, orthogonalise
from training.codec.planted import plant
from training.torchvision_compat import declare_missing_operators

PHOTOGRAPHS = ("photo_cat", "photo_coffee", "portrait_hopper")


@pytest.fixture(scope="module")
def folder(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Crops of the sample photographs under many names, so that some are held out."""
    root = tmp_path_factory.mktemp("photographs")
    for index in range(90):  # one in 24 is held out, by name
        pixels = read(samples[PHOTOGRAPHS[index % 3]]).pixels
        Image.fromarray(pixels[index : index + 96, index : index + 96]).save(root / f"{index}.png")
    return root


def _train(folder: Path, out: Path, steps: int, *more: str) -> None:
    from training.codec.train import main

    options = [
        "--minutes",
        "60",
        "--crop",
        "64",
        "--batch",
        "1",
        "--latents",
        "64",
        "--steps",
        str(steps),
        "--decay-from",
        "0.99",
    ]
    main(["--data", str(folder), "--out", str(out), *options, *more])


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_a_run_writes_state_curve_and_settings_and_resumes(folder: Path, tmp_path: Path) -> None:
    _train(folder, tmp_path, 3)
    assert json.loads((tmp_path / "state.json").read_text())["step"] == 3
    before = load_file(tmp_path / "state.safetensors")
    assert {key.split(".")[0] for key in before} == {"model", "average", "optimiser"}
    _train(folder, tmp_path, 5, "--resume")
    assert json.loads((tmp_path / "state.json").read_text())["step"] == 5
    after = load_file(tmp_path / "state.safetensors")
    assert not torch.equal(before["model.codec.qe"], after["model.codec.qe"])
    kept = checkpoint.keep_weights(tmp_path / "state.safetensors", tmp_path / "kept.safetensors")
    assert kept < (tmp_path / "state.safetensors").stat().st_size / 5
    _train(folder, tmp_path / "again", 1, "--init", str(tmp_path / "kept.safetensors"), "--workers", "1", "--extreme", "0.5")
    rows = list(csv.DictReader((tmp_path / "curve.csv").open()))
    assert [row["step"] for row in rows if row["split"] == "held-out"] == ["3", "5"]
    assert all(np.isfinite(float(row["loss"])) for row in rows)
    assert json.loads((tmp_path / "settings.json").read_text())["model"]["latents"] == 64


def test_the_split_is_stable_and_disjoint(folder: Path) -> None:
    train, held = split(folder)
    assert held
    assert not set(train) & set(held)
    assert split(folder) == (train, held)


def test_crops_come_from_the_photographs(folder: Path) -> None:
    train, _ = split(folder)
    batch = Photographs(train, 64, 0).batch(2)
    assert batch.shape == (2, 3, 64, 64)
    assert batch.dtype == torch.uint8
    assert int(batch.min()) < int(batch.max())
    assert len(Photographs(train, 64, 0, extreme=1.0).view().unique()) < 64 * 64
    with pytest.raises(ValueError, match="at least 4096 px"):
        Photographs(train, 4096, 0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_a_light_synthesis_is_trained_with_its_rounding_and_exported_in_the_same_units(folder: Path, tmp_path: Path) -> None:
    from training.codec.export import export

    _train(folder, tmp_path, 4, "--light", "16", "1", "24", "1", "--rounding-from", "0.3")
    state = load_file(tmp_path / "state.safetensors")
    bound = state["average.rounding._input_bound"]
    assert float(bound.min()) > 0
    export(tmp_path / "state.safetensors", "light.test", tmp_path / "models", {})  # without photographs: the units are there
    written = load_file(tmp_path / "models" / "light.test" / "model.safetensors")
    assert torch.equal(written["bounded.input.bound"], bound.int())


@pytest.mark.parametrize("shape", [(24, 40), (16, 80), (80, 16)])
def test_orthogonalise_pushes_singular_values_towards_one(shape: tuple[int, int]) -> None:
    matrices = torch.randn((5, *shape), generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrices))
    assert float(values.min()) > 0.6
    assert float(values.max()) < 1.3


def test_muon_descends() -> None:
    weight = torch.nn.Parameter(torch.ones(8, 8))
    optimiser = Muon([weight], lr=0.1)
    losses = []
    for _ in range(50):
        loss = (weight**2).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_the_loss_follows_the_metric(samples: Samples) -> None:
    image = read(samples["portrait_hopper"]).pixels[:256, :256]
    tensor = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
    for quality in (15, 50, 85):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=quality)
        distorted = read(buffer.getvalue()).pixels
        other = torch.from_numpy(distorted.copy()).permute(2, 0, 1)[None].float() / 255
        assert float(ssimulacra2_loss.score(tensor, other)) == pytest.approx(scorer("ssimulacra2", image)(distorted), abs=2.0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_compressai_imports_beside_this_torch() -> None:
    declare_missing_operators()
    from compressai.entropy_models import EntropyBottleneck

    assert EntropyBottleneck(4).channels == 4
    assert declare_missing_operators() is False  # once is enough


def test_faint_structures_are_seeded_faint_and_in_range() -> None:
    ground = np.full((128, 128, 3), 0.5, np.float32)
    crops = [plant(ground, np.random.default_rng(seed)) for seed in range(6)]
    for seed, crop in enumerate(crops):
        difference = np.abs(crop - ground)
        assert 0 < difference.max() < 0.8
        assert np.median(difference) < 0.02
        np.testing.assert_array_equal(crop, plant(ground, np.random.default_rng(seed)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_an_error_counts_most_where_nothing_hides_it() -> None:
    from training.codec.objective import visibility

    picture = torch.full((1, 3, 64, 64), 0.5)
    picture[..., 32:] += 0.2 * torch.randn((1, 1, 64, 32), generator=torch.Generator().manual_seed(0))
    weight = visibility(picture)
    assert weight.shape == (1, 1, 64, 64)
    assert float(weight[..., :24].min()) > 0.99
    assert float(weight[..., 40:].max()) < 0.05
