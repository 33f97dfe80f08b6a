"""The search's search model: features of any picture, beliefs that learn, and an artefact that is whole or refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sample_set import Samples

from router.artefacts import MODELS, SEARCH_MODELS
from router.codecs import registry
from router.codecs.avif import AvifCodec
from router.codecs.base import Knob
from router.codecs.neural.weights import list_models
from router.errors import ArtefactError
from router.images.read import read as read_image
from router.quality.search_model import CurvePredictor, SearchModel, features, generic_predictor, read, search_model_for
from router.quality.search_model.artefact import ARRAYS_FILE, MANIFEST_FILE, SearchModelManifest, write
from router.quality.search_model.features import NAMES
from router.quality.search_model.scales import SCALES, to_level
from router.quality.target import Target

FOLDERS = sorted(file.parent for file in SEARCH_MODELS.glob(f"*/{MANIFEST_FILE}"))
LOSSY = ("jpeg", "webp", "avif", "jxl", "ncr")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDERS[-1], tmp_path / FOLDERS[-1].name))


@pytest.fixture(scope="module")
def search_model() -> SearchModel:
    return read(FOLDERS[-1])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_a_shipped_prior_is_whole_and_covers_every_lossy_codec(folder: Path) -> None:
    found = read(folder)
    assert found.search_model_id == folder.name
    assert {family.codec for family in found.manifest.families} == set(LOSSY)
    shipped = {card.id: card.sha256 for card in list_models() if card.folder.parent == MODELS}
    assert found.model_sha256 == shipped.get(found.model or "", found.model_sha256)
    assert search_model_for(found.model) is not None


def test_small_pictures_have_a_prior_of_their_own() -> None:
    model = next(card.id for card in list_models() if card.folder.parent == MODELS)
    small, usual = search_model_for(model, 128 * 128), search_model_for(model)
    assert small is not None
    assert usual is not None
    assert usual.most_pixels is None
    assert small.most_pixels is not None
    assert search_model_for(model, small.most_pixels) is small
    assert search_model_for(model, small.most_pixels + 1) is usual
    for codec_id in LOSSY:  # a thumbnail needs a higher setting than a crop of its size
        codec = registry.get(codec_id)
        assert codec.knob is not None
        levels = [
            CurvePredictor(search_model.posterior(None), search_model.curve_set(codec, {}), 1).levels(
                "ssimulacra2", np.array([codec.knob.start])
            )[0]
            for search_model in (small, usual)
        ]
        assert levels[0] < levels[1]


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16]),
        st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 2, 3, 4])),
    )
)
def test_features_of_any_picture_are_finite(pixels: np.ndarray) -> None:
    found = features(pixels)
    assert found.shape == (len(NAMES),)
    assert np.isfinite(found).all()


def test_features_do_not_depend_on_depth_or_alpha(samples: Samples) -> None:
    pixels = read_image(samples["photo_coffee"]).pixels
    deep = pixels.astype(np.uint16) * 257
    np.testing.assert_allclose(features(deep), features(pixels), atol=1e-3)
    opaque = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    np.testing.assert_array_equal(features(opaque), features(pixels))


def test_features_tell_smooth_from_busy(samples: Samples) -> None:
    place = NAMES.index("rate-12")
    flat = features(np.full((64, 64, 3), 128, np.uint8))[place]
    photo = features(read_image(samples["photo_coffee"]).pixels)[place]
    noise = features(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8))[place]
    assert flat < photo < noise


@given(st.lists(st.floats(-200, 99.9), min_size=2, max_size=20))
def test_levels_rise_with_the_metric(values: list[float]) -> None:
    rising = np.unique(np.round(values, 3))
    for scale, given_ in (("ssimulacra2", rising), ("psnr", rising), ("ms-ssim", 1 / (1 + np.exp(-rising / 50)))):
        assert (np.diff(to_level(scale, given_, 1000)) > 0).all()
    assert (np.diff(to_level("size", np.arange(1, 50), 1000)) > 0).all()


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(LOSSY), st.sampled_from(["ssimulacra2", "psnr", "ms-ssim"]), st.floats(0.02, 0.98), st.floats(-8, 8))
def test_what_was_measured_is_believed(search_model: SearchModel, codec_id: str, metric: str, place: float, off: float) -> None:
    codec = registry.get(codec_id)
    assert codec.knob is not None
    predictor = CurvePredictor(search_model.posterior(None), search_model.curve_set(codec, {}), 250_000)
    setting = round(codec.knob.low + place * (codec.knob.high - codec.knob.low))
    at = np.array([setting])
    mean, before = predictor.levels(metric, at)
    score = float(mean[0] + off)
    if metric == "ms-ssim":
        score = 1 - 10 ** (-score / 10)
    predictor.learn(setting, 20_000, Target.parse({"metric": metric, "value": 0.5 if metric == "ms-ssim" else 50}), score)
    level, after = predictor.levels(metric, at)
    wanted = float(to_level(metric, score, 1))
    assert abs(level[0] - wanted) < 0.1 * max(1.0, abs(mean[0] - wanted))
    assert after[0] < 0.2 * before[0]
    everywhere, _ = predictor.levels(metric, predictor.settings(codec.knob.low, codec.knob.high))
    assert (np.diff(everywhere) >= 0).all()


def test_features_say_more_than_nothing(search_model: SearchModel, samples: Samples) -> None:
    codec = registry.get("avif")
    for name in ("photo_coffee", "photo_rocket", "drawing_bearing"):
        described = search_model.posterior(features(read_image(samples[name]).pixels))
        _, known = CurvePredictor(described, search_model.curve_set(codec, {}), 1).levels("ssimulacra2", np.arange(10, 80))
        _, unknown = CurvePredictor(search_model.posterior(None), search_model.curve_set(codec, {}), 1).levels(
            "ssimulacra2", np.arange(10, 80)
        )
        assert known.mean() < unknown.mean()


def test_other_settings_loosen_the_curves_and_other_knobs_have_none(search_model: SearchModel) -> None:
    own = search_model.curve_set(registry.get("avif"), {})
    faster = search_model.curve_set(AvifCodec(speed=9), {})
    by_policy = search_model.curve_set(registry.get("avif"), {"speed": 9})
    for scale in SCALES:
        assert own.curves[scale].offset == 0 < faster.curves[scale].offset == by_policy.curves[scale].offset
        np.testing.assert_array_equal(own.curves[scale].mean, faster.curves[scale].mean)

    class Other(AvifCodec):
        knob = Knob("quality", 1, 63, 40)

    unknown = search_model.curve_set(Other(), {})
    assert not unknown.curves["ssimulacra2"].loadings.any()
    assert unknown.curves["ssimulacra2"].knots.tolist() == [1, 40, 63]


def test_curves_of_other_weights_are_not_used(copied: Path) -> None:
    found = read(copied)
    changed = tuple(f.model_copy(update={"version": "0" * 64}) if f.codec == "ncr" else f for f in found.manifest.families)
    other = write(copied, found.manifest.model_copy(update={"families": changed}), found.arrays)
    assert found.curve_set(registry.get("ncr"), {}).curves["size"].loadings.any() or found.model not in {
        c.id for c in list_models()
    }
    assert not other.curve_set(registry.get("ncr"), {}).curves["size"].loadings.any()


def test_curves_of_another_library_are_loosened(copied: Path) -> None:
    found = read(copied)
    changed = tuple(f.model_copy(update={"version": "libwebp 0.1"}) if f.codec == "webp" else f for f in found.manifest.families)
    other = write(copied, found.manifest.model_copy(update={"families": changed}), found.arrays)
    assert other.curve_set(registry.get("webp"), {}).curves["psnr"].offset > 0
    assert other.curve_set(registry.get("webp"), {}).distinct is None


def test_settings_of_the_same_file_count_once(search_model: SearchModel) -> None:
    predictor = CurvePredictor(search_model.posterior(None), search_model.curve_set(registry.get("avif"), {}), 1000)
    image = read_image(_SMALL)
    image = image.replace_pixels(np.ascontiguousarray(image.pixels[:48, :48]))
    files = [AvifCodec().encode(image, {"quality": q}) for q in range(30, 50)]
    changes = {30 + n for n in range(1, len(files)) if files[n] != files[n - 1]}
    assert changes == set(predictor.settings(31, 49).tolist()) & changes
    assert len(predictor.settings(1, 99)) < 80


def test_wide_knobs_are_thinned_out_and_narrow_brackets_are_not() -> None:
    predictor = generic_predictor(Knob("rate", 0, 65_535, 39_000), 1000)
    wide = predictor.settings(0, 65_535)
    assert len(wide) <= 1024
    assert (wide[0], wide[-1]) == (0, 65_535)
    assert predictor.settings(500, 600).tolist() == list(range(500, 601))
    assert predictor.settings(5, 4).tolist() == []


def test_writing_and_reading(copied: Path, tmp_path: Path) -> None:
    found = read(copied)
    again = write(tmp_path / "again", found.manifest, found.arrays)
    assert again.sha256 == found.sha256 == read(tmp_path / "again").sha256
    assert again.arrays.keys() == found.arrays.keys()
    for name, array in found.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)


@pytest.mark.parametrize("file", [ARRAYS_FILE, MANIFEST_FILE])
@pytest.mark.parametrize("damage", ["cut", "flipped", "missing", "empty"])
def test_damaged_files_are_refused(copied: Path, file: str, damage: str) -> None:
    data = (copied / file).read_bytes()
    if damage == "missing":
        (copied / file).unlink()
    else:
        middle = len(data) // 2
        flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        (copied / file).write_bytes({"cut": data[:-20], "flipped": flipped, "empty": b""}[damage])
    with pytest.raises(ArtefactError) as refused:
        read(copied)
    assert refused.value.code == "ARTEFACT_DAMAGED"


@pytest.mark.parametrize(("field", "value"), [("schema_version", 2), ("features_version", 99)])
def test_newer_ones_are_refused_as_such(copied: Path, field: str, value: int) -> None:
    content = json.loads((copied / MANIFEST_FILE).read_text())
    content |= {field: value}
    if field != "schema_version":  # of a newer schema nothing can be verified
        content["sha256"] = SearchModelManifest.model_validate(content).content_sha256()
    (copied / MANIFEST_FILE).write_text(json.dumps(content))
    with pytest.raises(ArtefactError) as refused:
        read(copied)
    assert refused.value.code == "UNSUPPORTED_VERSION"


@pytest.mark.parametrize("name", ["weights", "jpeg.knots", "webp.psnr.loadings", "ncr.size.roughness", "residual"])
def test_arrays_that_do_not_fit_together_are_refused(copied: Path, name: str) -> None:
    found = read(copied)
    for changed in (None, found.arrays[name][:-1], np.full_like(found.arrays[name], np.nan), -np.abs(found.arrays[name]) - 1):
        if changed is not None and name in ("weights", "webp.psnr.loadings") and (changed < 0).all():
            continue  # any sign will do there
        arrays = {key: array for key, array in found.arrays.items() if key != name}
        with pytest.raises(ArtefactError):
            write(copied, found.manifest, arrays if changed is None else arrays | {name: changed})


_SMALL = Path(__file__).parents[1] / "data" / "samples" / "photo_cat.png"
