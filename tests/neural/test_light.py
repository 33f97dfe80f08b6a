"""Models with a light synthesis: files written with them decode, in floating point and in integers, on any number of threads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from sample_set import Samples

from router.codecs.neural import weights
from router.codecs.neural.arithmetic import Decoding
from router.codecs.neural.codec import NeuralCodec
from router.codecs.neural.gain import RATE_MAX
from router.codecs.neural.weights import LoadedModel, ModelCard
from router.errors import ArtefactError
from router.images.arrays import from_pixels
from router.images.read import read

if TYPE_CHECKING:
    from training.codec.objective import RateModel

UNFINISHED = Path(__file__).resolve().parents[2] / "training" / "configurations" / "d2.safetensors"


def latents_of(light_loaded: LoadedModel, pixels: NDArray[np.uint8], rate: int) -> NDArray[np.int32]:
    coder = light_loaded.coder
    return coder.encode(coder.network.analyse(pixels), rate).latents


@pytest.mark.parametrize("rate", [0, 30_000, RATE_MAX])
def test_bands_compute_what_the_network_defines(
    light_training: RateModel, light_loaded: LoadedModel, photo: NDArray[np.uint8], rate: int
) -> None:
    latents = latents_of(light_loaded, photo, rate)
    y = torch.from_numpy(latents.astype(np.float32) / 1024).permute(2, 0, 1)[None]
    position = torch.tensor([rate / RATE_MAX * (light_loaded.card.rates - 1)])
    wanted = light_training.codec.synthesise(y, position)[0].permute(1, 2, 0).clamp(0, 1).numpy()
    network = light_loaded.coder.network
    pixels = [network.synthesise(latents, rate, decoding) for decoding in Decoding]
    assert 255**2 * np.square(pixels[0] - wanted).mean() < 0.15
    for other in pixels[1:]:  # there is one arithmetic, whatever is asked for
        np.testing.assert_array_equal(pixels[0], other)


def test_files_and_pixels_do_not_depend_on_threads(light_loaded: LoadedModel, photo: NDArray[np.uint8]) -> None:
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            latents = latents_of(light_loaded, photo, 40_000)
            found.append([latents, *(light_loaded.coder.network.synthesise(latents, 40_000, how) for how in Decoding)])
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_integers_are_part_of_the_model(light_loaded: LoadedModel, light_training: RateModel, tmp_path: Path) -> None:
    from training.codec.export import export

    save_file({k: v.contiguous() for k, v in light_training.state_dict().items()}, tmp_path / "state.safetensors")
    with pytest.raises(ValueError, match="need photographs"):
        export(tmp_path / "state.safetensors", "light.test", tmp_path, {})
    assert not (tmp_path / "light.test").exists()
    tensors = load_file(light_loaded.card.weights_file)
    for changed in (
        {k: v for k, v in tensors.items() if not k.startswith("bounded.")},
        tensors | {"bounded.leave.bias": tensors["bounded.leave.bias"] + (1 << 24)},
        tensors | {"bounded.film.scale": tensors["bounded.film.scale"][:, 1:].contiguous()},
    ):
        refused(light_loaded.card, changed, tmp_path / "light.test")


def refused(card: ModelCard, tensors: dict[str, torch.Tensor], folder: Path) -> None:
    import hashlib

    shutil.copytree(card.folder, folder)
    save_file(tensors, folder / weights.WEIGHTS_FILE)
    digest = hashlib.sha256((folder / weights.WEIGHTS_FILE).read_bytes()).hexdigest()
    stated = json.loads((folder / weights.CARD_FILE).read_text()) | {"sha256": digest}
    (folder / weights.CARD_FILE).write_text(json.dumps(stated))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(weights.ENVIRONMENT, str(folder.parent))
        with pytest.raises(ArtefactError):
            weights.load_model(card.id)
    shutil.rmtree(folder)


def test_weights_in_the_middle_of_a_run_make_a_model(
    samples: Samples, photo: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.codec.export import export

    pixels = read(samples["photo_coffee"]).pixels[:192, :256, :3]
    card = export(UNFINISHED, "d2.test", tmp_path, {})
    assert card.config.to_dict()["light"] == {"channels": 96, "blocks": 2, "deep_channels": 192, "deep_blocks": 1}
    monkeypatch.setenv(weights.ENVIRONMENT, str(tmp_path))
    codec = NeuralCodec("d2.test")
    decoded = [codec.decode(codec.encode(from_pixels(pixels), {"rate": rate})).pixels for rate in (0, RATE_MAX)]
    low, high = (float(np.square(d.astype(float) - pixels).mean()) for d in decoded)
    assert high < 40 < low < 1000
