"""The gain model: its interval, its files, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from savings.made import TARGETS, made, manifest

from router.errors import ArtefactError
from router.prediction.savings import artefact
from router.prediction.savings.features import names
from router.prediction.savings.model import GainModel, interval, read
from router.reasons import ReasonCode
from training.savings.regression import fit, folds_of


@pytest.fixture(scope="module")
def model() -> GainModel:
    return GainModel.from_arrays(manifest(), fit(made(1, 120)).arrays)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    artefact.write(tmp_path / "made", manifest(), fit(made(1, 40)).arrays)
    return tmp_path / "made"


def test_the_interval_covers_as_often_as_it_says() -> None:
    covered, count = 0, 0
    for seed in range(4):
        model = GainModel.from_arrays(manifest(), fit(made(seed, 100)).arrays)
        new = made(100 + seed, 100)
        for features, ratios in zip(new.whole, new.ratios, strict=True):
            _, low, high = model.log_ratios(features)
            covered += int(((low <= ratios) & (ratios <= high)).sum())
            count += len(TARGETS)
    assert 0.86 < covered / count < 0.96


def test_it_learns_what_there_is_to_learn(model: GainModel) -> None:
    new = made(50, 100)
    said = np.array([model.log_ratios(features)[0] for features in new.whole])
    assert np.abs(said - new.ratios).mean() < 0.8 * np.abs(new.ratios.mean(0) - new.ratios).mean()


def test_the_interval_is_wider_where_errors_are_larger(model: GainModel) -> None:
    new = made(51, 100)
    widths = np.array([np.ptp(model.log_ratios(features)[1:], axis=0).mean() for features in new.whole])
    loud = new.whole[:, 1] > 0.5
    assert widths[loud].mean() > 1.1 * widths[new.whole[:, 1] < -0.5].mean()


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_the_ends_enclose_the_estimate_whatever_the_image(model: GainModel, data: st.DataObject) -> None:
    strange = st.floats(-1e6, 1e6) | st.just(np.nan)
    features = np.full(len(names()), data.draw(strange))
    features[: len(names()) // 2] = data.draw(strange)
    found = model.estimate(features, data.draw(st.floats(*TARGETS[:: len(TARGETS) - 1])))
    assert np.isfinite([found.low, found.high]).all()
    assert found.low <= found.bytes_saved <= found.high < 1


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=60), st.floats(0.5, 0.95))
def test_the_interval_holds_the_share_that_it_says(values: list[float], coverage: float) -> None:
    column = np.array(values)[:, None]
    low, high = interval(column, column, coverage)
    for outside in (column < low, column > high):
        assert outside.mean() <= 1 - coverage + 1e-9


def test_an_image_that_was_fitted_on_is_judged_by_a_regressor_that_has_not_seen_it() -> None:
    measured = made(1, 120, noise=0.3)
    fitted = fit(measured)
    model = GainModel.from_arrays(manifest(), fitted.arrays)
    said = np.array([model.log_ratios(features)[0] for features in measured.whole])
    np.testing.assert_allclose(said, np.clip(fitted.held_out, -1, 1), atol=1e-4)
    new = made(2, 120, noise=0.3)
    fresh = np.array([model.log_ratios(features)[0] for features in new.whole])
    assert np.abs(said - measured.ratios).mean() > 0.8 * np.abs(fresh - new.ratios).mean()  # no better than on new images


def test_outside_of_its_targets_it_says_nothing(model: GainModel) -> None:
    assert [model.covers(t) for t in (29.9, 30, 55, 70, 70.1)] == [False, True, True, True, False]


def test_folds_are_even_and_fixed() -> None:
    assert np.ptp(np.bincount(folds_of(37))) <= 1
    assert (folds_of(37) == folds_of(37)).all()


def test_what_is_written_is_read(folder: Path) -> None:
    again = read(folder)
    fitted = fit(made(1, 40)).arrays
    features = made(9, 1).whole[0]
    assert again.estimate(features, 50.0) == GainModel.from_arrays(manifest(), fitted).estimate(features, 50.0)
    assert (again.id, again.model, again.model_sha256) == ("made", "photo-x", "0" * 64)
    assert len(again.sha256) == 64


def test_the_same_images_give_the_same_hash(folder: Path, tmp_path: Path) -> None:
    assert artefact.write(tmp_path / "twice", manifest(), fit(made(1, 40)).arrays).sha256 == read(folder).sha256


def test_missing_ratios_cost_their_target_alone() -> None:
    measured = made(1, 60)
    measured.ratios[::2, 0] = np.nan
    measured.ratios[3, 1] = np.inf  # out of reach: as bad as the cap
    model = GainModel.from_arrays(manifest(), fit(measured).arrays)
    assert np.isfinite(model.log_ratios(measured.whole[0])).all()


def test_too_few_images_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        fit(made(1, 10))


@pytest.mark.parametrize("options", [{"model": "photo-y"}, {"model_sha256": "1" * 64}])
def test_other_weights_are_refused(folder: Path, options: dict[str, str]) -> None:
    with pytest.raises(ArtefactError) as caught:
        GainModel.load(folder, **options)
    assert caught.value.code is ReasonCode.MODEL_MISMATCH


@pytest.mark.parametrize("changes", [{"embedding": "scene-1"}, {"features_version": 0}])
def test_other_features_are_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    artefact.write(tmp_path / "made", manifest(**changes), fit(made(1, 40)).arrays)
    with pytest.raises(ArtefactError) as caught:
        read(tmp_path / "made")
    assert caught.value.code is ReasonCode.UNSUPPORTED_VERSION


@pytest.mark.parametrize("name", [artefact.ARRAYS_FILE, artefact.MANIFEST_FILE])
@given(data=st.data())
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_changed_byte_is_noticed(folder: Path, name: str, data: st.DataObject) -> None:
    file = folder / name
    intact = file.read_bytes()
    place = data.draw(st.integers(0, len(intact) - 2))  # the last byte of the manifest is the line's end
    file.write_bytes(intact[:place] + bytes([intact[place] ^ data.draw(st.integers(1, 255))]) + intact[place + 1 :])
    try:
        with pytest.raises(ArtefactError) as caught:
            read(folder)
        assert caught.value.code in (ReasonCode.ARTEFACT_DAMAGED, ReasonCode.UNSUPPORTED_VERSION)
    finally:
        file.write_bytes(intact)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dual", np.zeros((1, 2, 3))),
        ("spread", np.zeros(len(names()))),
        ("offset", np.full((8, 3), np.nan)),
        ("residuals", np.full((40, 3), np.nan)),
        ("fold", np.full(40, -1)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, name: str, value: np.ndarray) -> None:  # type: ignore[type-arg]
    arrays = fit(made(1, 40)).arrays | {name: value}
    artefact.write(tmp_path / "made", manifest(), arrays)
    with pytest.raises(ArtefactError, match="inconsistent") as caught:
        read(tmp_path / "made")
    assert caught.value.code is ReasonCode.ARTEFACT_DAMAGED


def test_a_missing_folder_is_an_artefact_error(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="cannot be read"):
        read(tmp_path / "none")


def test_a_newer_schema_is_named(folder: Path) -> None:
    file = folder / artefact.MANIFEST_FILE
    file.write_text(file.read_text().replace('"schema_version": 1', '"schema_version": 2'))
    with pytest.raises(ArtefactError) as caught:
        read(folder)
    assert caught.value.code is ReasonCode.UNSUPPORTED_VERSION
