"""Measured points: true to the public codecs, kept by content, and a killed run goes on."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from evaluation.pieces import crop
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import load_file, save_file

from router.codecs import registry
from router.codecs.base import Lane
from router.codecs.neural.weights import CARD_FILE, ENVIRONMENT, WEIGHTS_FILE
from router.errors import InputError, UsageError
from router.evaluation.measure.folder import measure_folder
from router.evaluation.measure.image import measure_image
from router.evaluation.measure.ms_ssim_tiles import TiledMsSsim
from router.evaluation.measure.pictures import at_most, open_picture, pictures_in, thinned
from router.evaluation.measure.variants import VARIANTS, CodecVariant, choose
from router.quality.metrics import psnr, scorer
from router.quality.msssim import ms_ssim

GOLDEN_MODELS = Path(__file__).parents[1] / "neural" / "golden" / "models"
FEW = ("jpeg", "webp", "png")
TARGETS = (30.0, 70.0)


@pytest.fixture(scope="module")
def domains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("domains")
    crop(root / "photo", "photo_cat")
    crop(root / "photo", "photo_coffee")
    crop(root / "graphic", "alpha_logo", 96)
    crop(root / "graphic", "gray_camera", 96)
    (root / "graphic" / "broken.png").write_bytes(b"no image")
    (root / "graphic" / "notes.txt").write_text("no image either")
    return root


def test_a_point_is_what_the_public_codec_gives(domains: Path, tmp_path: Path) -> None:
    sample = open_picture(domains / "photo" / "photo_cat.png")
    for family in choose(["avif420", "jpeg"]):
        for row in measure_image(sample, [family], TARGETS, tmp_path).rows:
            data = family.codec().encode(sample, {"quality": row["setting"]})
            decoded = registry.for_data(data).decode(data).pixels
            assert row["bytes"] == len(data)
            assert row["ssimulacra2"] == pytest.approx(scorer("ssimulacra2", sample.pixels)(decoded))
            assert row["ms_ssim"] == pytest.approx(ms_ssim(sample.pixels, decoded), abs=1e-6)
            assert row["psnr"] == pytest.approx(psnr(sample.pixels, decoded))
            assert row["worst_tile_psnr"] <= row["psnr"]
            assert row["worst_tile_ssim"] <= row["ms_ssim"] + 0.2
            assert row["guard_passed"]


def test_lossless_points_are_perfect(domains: Path, tmp_path: Path) -> None:
    for name in ("photo/photo_cat.png", "graphic/alpha_logo.png"):
        found = measure_image(open_picture(domains / name), choose(["lossless"]), TARGETS, tmp_path)
        assert {row["family"] for row in found.rows} == {"png", "webp-lossless", "jxl-lossless"}
        assert all(row["ssimulacra2"] == 100 and row["ms_ssim"] == 1 and row["setting"] is None for row in found.rows)


def test_refusals_have_a_reason(domains: Path, tmp_path: Path) -> None:
    gray = measure_image(open_picture(domains / "graphic" / "gray_camera.png"), choose(["webp", "avif"]), TARGETS, tmp_path)
    assert gray.refused == {"webp": "CANNOT_CARRY_MODE", "avif420": "CANNOT_CARRY_MODE"}
    alpha = measure_image(open_picture(domains / "graphic" / "alpha_logo.png"), choose(["jpeg"]), TARGETS, tmp_path)
    assert alpha.refused == {"jpeg": "CANNOT_CARRY_ALPHA"}
    assert not alpha.rows


def test_a_stored_point_equals_a_fresh_one(domains: Path, tmp_path: Path) -> None:
    sample, families = open_picture(domains / "photo" / "photo_cat.png"), choose(FEW)
    first = measure_image(sample, families, TARGETS, tmp_path / "a")
    again = measure_image(sample, families, TARGETS, tmp_path / "a")
    other = measure_image(sample, families, TARGETS, tmp_path / "b")
    assert first.encoded == len(first.rows) == other.encoded
    assert again.encoded == 0
    assert again.rows == first.rows
    timeless = [[{k: v for k, v in row.items() if not k.endswith("seconds")} for row in m.rows] for m in (first, other)]
    assert timeless[0] == timeless[1]


def test_a_killed_run_goes_on(domains: Path, tmp_path: Path) -> None:
    sample, families = open_picture(domains / "photo" / "photo_coffee.png"), choose(FEW)
    whole = measure_image(sample, families, TARGETS, tmp_path)
    (file,) = tmp_path.glob("*.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    for kept in (0, 1, len(lines) // 2):
        file.write_bytes(b"".join(lines[:kept]) + lines[kept][:40])  # killed while it wrote a line
        resumed = measure_image(sample, families, TARGETS, tmp_path)
        assert resumed.encoded == len(lines) - max(1, kept)  # the first line is the complexity
        assert measure_image(sample, families, TARGETS, tmp_path).encoded == 0
        assert [row["bytes"] for row in resumed.rows] == [row["bytes"] for row in whole.rows]


def test_names_that_are_no_utf8_become_labels_that_are(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path / "in") + b"/m\xe4rz"))
    crop(folder, "palette_badge", 40).rename(folder / os.fsdecode(b"caf\xe9.png"))
    (picture,) = pictures_in([tmp_path / "in"])
    assert (picture.domain, picture.image) == (r"m\xe4rz", r"caf\xe9.png")
    assert picture.path.exists()
    frame = measure_folder(tmp_path / "in", tmp_path / "cache", ["png"])
    assert frame[["domain", "image"]].to_numpy().tolist() == [[r"m\xe4rz", r"caf\xe9.png"]]


def test_complexity_is_computed_once(tmp_path: Path) -> None:
    flat, busy = np.full((32, 48, 3), 90, np.uint8), np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    for name, pixels in {"flat": flat, "busy": busy}.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    Image.fromarray((np.arange(64 * 64).reshape(64, 64) * 16).astype(np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(flat[:1, :1]).save(tmp_path / "one.png")
    first, again = (measure_folder(tmp_path, tmp_path / ".cache", ["png"]).set_index("image") for _ in range(2))
    assert first.loc["flat.png", ["entropy", "gradient"]].tolist() == [0, 0]
    assert first.loc["one.png", ["entropy", "gradient"]].tolist() == [0, 0]
    assert 7 < first.loc["busy.png", "entropy"] <= 8
    assert first.loc["deep.png", "entropy"] == pytest.approx(8, abs=0.1)  # 65536 grays to 256
    assert first.loc["busy.png", "gradient"] > first.loc["deep.png", "gradient"] > 0
    assert again["complexity_seconds"].tolist() == first["complexity_seconds"].tolist()


def test_the_same_pixels_from_another_file_are_known(domains: Path, tmp_path: Path) -> None:
    sample = open_picture(domains / "photo" / "photo_cat.png")
    data = registry.get("webp-lossless").encode(sample, {})
    (tmp_path / "copy.webp").write_bytes(data)
    measure_image(sample, choose(FEW), TARGETS, tmp_path / "cache")
    assert measure_image(open_picture(tmp_path / "copy.webp"), choose(FEW), TARGETS, tmp_path / "cache").encoded == 0


def test_new_weights_invalidate_neural_points_only(domains: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = open_picture(domains / "photo" / "photo_cat.png", max_side=64)
    neural = CodecVariant("ncr", {"id": "ncr", "model": "golden.format1"}, Lane.NEURAL, (0, 30_000, 65_535))

    def encoded(models: Path, family: CodecVariant) -> int:
        monkeypatch.setenv(ENVIRONMENT, str(models))
        return measure_image(sample, [family], (50.0,), tmp_path / "cache", most=3).encoded

    other = _with_other_weights(tmp_path / "models")
    assert encoded(GOLDEN_MODELS, neural) == 3
    assert encoded(GOLDEN_MODELS, neural) == 0
    assert encoded(other, neural) == 3
    assert encoded(GOLDEN_MODELS, neural) == 0
    jpeg = VARIANTS["jpeg"]
    assert encoded(GOLDEN_MODELS, jpeg) > 0
    assert encoded(other, jpeg) == 0


def _with_other_weights(folder: Path) -> Path:
    """The golden model under its own id, one of its tensors changed."""
    shutil.copytree(GOLDEN_MODELS, folder)
    model = folder / "golden.format1"
    tensors = load_file(model / WEIGHTS_FILE)
    name = next(n for n, values in sorted(tensors.items()) if values.dtype.kind == "f")
    tensors[name] = tensors[name] * 0.5
    save_file(tensors, model / WEIGHTS_FILE)
    card = json.loads((model / CARD_FILE).read_text())
    card["sha256"] = hashlib.sha256((model / WEIGHTS_FILE).read_bytes()).hexdigest()
    (model / CARD_FILE).write_text(json.dumps(card))
    return folder


def test_ladders_of_a_folder(domains: Path, tmp_path: Path) -> None:
    told = []
    frame = measure_folder(domains, tmp_path, FEW, max_side=64, targets=TARGETS, every={"photo": 2}, tell=told.append)
    assert set(zip(frame["domain"], frame["image"], strict=True)) == {
        ("photo", "photo_cat.png"),
        ("graphic", "alpha_logo.png"),
        ("graphic", "gray_camera.png"),
    }
    assert len(told) == 4
    assert [(m.picture.image, m.failure[0]) for m in told if m.failure] == [("broken.png", "NOT_AN_IMAGE")]
    assert (frame["width"].max(), frame["height"].max()) == (64, 64)
    assert frame["bpp"].to_numpy() == pytest.approx(8 * frame["bytes"] / (frame["width"] * frame["height"]))
    assert measure_folder(domains / "photo", tmp_path, ["jpeg"], targets=TARGETS)["domain"].unique().tolist() == ["photo"]


def test_subsets_are_declared(domains: Path) -> None:
    pictures = pictures_in([domains])
    assert [p.image for p in thinned(pictures, {"graphic": 2})] == [
        "alpha_logo.png",
        "gray_camera.png",
        "photo_cat.png",
        "photo_coffee.png",
    ]
    assert [p.image for p in at_most(pictures, 1)] == ["alpha_logo.png", "photo_cat.png"]
    assert at_most(pictures, 99) == pictures


def test_folders_without_images_and_images_twice(domains: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no image"):
        pictures_in([tmp_path])
    with pytest.raises(InputError, match="not a folder"):
        pictures_in([domains / "photo" / "photo_cat.png"])
    crop(tmp_path / "photo", "photo_cat")
    with pytest.raises(UsageError, match="both photo"):
        pictures_in([domains, tmp_path])
    with pytest.raises(UsageError, match="no codec family"):
        choose(["heic"])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([1, 3]), st.integers(0, 2**32 - 1))
def test_tiled_ms_ssim_is_ms_ssim(height: int, width: int, channels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    smooth = np.add.outer(np.arange(height), np.arange(width))[..., None] % 256
    source = np.clip(smooth + rng.normal(0, 10, (height, width, channels)), 0, 255).astype(np.uint8)
    noisy = np.clip(source + rng.normal(0, 8, source.shape), 0, 255).astype(np.uint8)
    whole, worst = TiledMsSsim(source).score(noisy)
    assert whole == pytest.approx(ms_ssim(source, noisy), abs=1e-4)
    assert TiledMsSsim(source).score(source) == pytest.approx((1, 1))
    assert 0 <= worst <= 1


def test_the_worst_square_is_found() -> None:
    source = np.random.default_rng(0).integers(0, 256, (384, 512, 3), np.uint8)
    bad = source.copy()
    bad[130:250, 260:380] = 128  # inside one square of 128 px
    whole, worst = TiledMsSsim(source).score(bad)
    assert worst < 0.5 < whole
