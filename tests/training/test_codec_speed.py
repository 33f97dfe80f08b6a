"""The speed benchmark: it runs, and its parts measure what they say. No times are judged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sample_set import Samples

from router.codecs.neural.codec import NeuralCodec
from router.codecs.neural.weights import load_model
from router.containers.ncr import Grid
from router.images.arrays import from_pixels
from router.images.read import read
from training.codec.speed import pictures, seams, stages
from training.codec.speed.__main__ import main

RATE = 45_000


@pytest.fixture(scope="module")
def folder(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photographs")
    for name in ("photo_cat", "photo_coffee", "gray_camera"):
        shutil.copy(samples[name], root)
    return root


@pytest.mark.slow
def test_a_small_run(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "speed.json"
    main(["--data", str(folder), "--threads", "1", "--megapixels", "0.1", "--repeats", "1", "--mbt", "1", "--out", str(out)])
    results = json.loads(out.read_text())
    model = NeuralCodec().model
    assert results["models"] == [model]
    assert {"processor", "capability", "versions", "instructions"} <= results["machine"].keys()
    (run,) = results["runs"]
    assert run["threads"] == run["torch_threads"] == 1
    assert list(run["contestants"])[:2] == [model, "mbt2018-mean q1"]
    assert len(run["contestants"]) == 6
    for contestant in run["contestants"].values():
        assert len(contestant["encode"]) == len(contestant["decode"]) == 1
        assert contestant["bytes"] > 0
    assert run["contestants"][model]["psnr"] > 20
    for action, transform in (("encode", "analysis"), ("decode", "synthesis")):
        (seconds,) = run["stages"][model][action]
        assert {transform, "prior", "entropy coding", "rest"} <= seconds.keys()
        used = run["memory"][model][action]
        assert used["total"] > used["loaded"] > used["before"] > used["pixels"] > 0
        assert used["total"] > used["codec"] > 0
    table = capsys.readouterr().out
    for word in ("AVIF speed 6 4:2:0", "x as fast", "hyper-analysis", "codec itself"):
        assert word in table


def test_pictures_have_the_size_asked_for_and_consist_of_the_photographs(folder: Path) -> None:
    photographs = pictures.photographs(folder, 8)
    assert len(photographs) == 2  # the gray one is left out
    for megapixels in (0.1, 0.4, 12.0):
        width, height = pictures.size_of(megapixels)
        assert width % 64 == height % 64 == 0
        assert width * height == pytest.approx(megapixels * 1e6, rel=0.06)
    rows, columns = (min(p.shape[k] for p in photographs) for k in (0, 1))
    picture = pictures.mosaic(photographs, 2 * columns + 5, rows + 7)
    assert np.array_equal(picture[:rows, :columns], photographs[0][:rows, :columns])
    assert np.array_equal(picture[:rows, columns : 2 * columns], photographs[1][:rows, columns - 1 :: -1][:, -columns:])


def test_the_breakdown_is_of_the_codec_or_refused(samples: Samples) -> None:
    codec = NeuralCodec()
    pixels = np.ascontiguousarray(read(samples["photo_cat"]).pixels[:100, :130])
    data = codec.encode(from_pixels(pixels), {"rate": RATE})
    model = load_model(codec.model)
    assert set(stages.encoding(model, pixels, RATE, data)) == {"analysis", "hyper-analysis", "prior", "entropy coding", "rest"}
    assert set(stages.decoding(model, data)) == {"prior", "entropy coding", "synthesis", "rest"}
    with pytest.raises(RuntimeError, match="breakdown"):
        stages.encoding(model, pixels, RATE + 9_000, data)


def test_seams_compare_the_same_pixels_with_and_without_a_border(samples: Samples) -> None:
    pixels = np.ascontiguousarray(read(samples["photo_cat"]).pixels[:256, :320])
    model = load_model(NeuralCodec().model)
    assert seams.measure(model, pixels, RATE) is None  # one tile
    halo = model.card.config.halo
    found = seams.measure(model, pixels, RATE, Grid(128, 128, halo))
    without_halo = seams.measure(model, pixels, RATE, Grid(128, 128, 0))
    assert found is not None
    assert without_halo is not None
    assert found["tiles"] == 6
    assert found["with_to_without"] == pytest.approx(1, abs=0.1)
    assert without_halo["with_to_without"] > found["with_to_without"]
    assert found["uncertainty"] > 0
