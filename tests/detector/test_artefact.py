from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from detector_images import pixels_of, sample_of
from safetensors.numpy import load_file, save_file
from sample_set import Samples

from router.artefacts import DETECTORS
from router.detector.artefact import ARRAYS_FILE, MANIFEST_FILE, SCHEMA_VERSION, DetectorManifest, read, write
from router.detector.detector import DEFAULT_ID, Detector
from router.detector.fit.outlier_exposure import KINDS
from router.detector.scorer import SIZES
from router.errors import ArtefactError, UsageError
from router.reasons import ReasonCode


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DETECTORS / DEFAULT_ID, tmp_path / DEFAULT_ID))


def edit(folder: Path, *, rehash: bool, **fields: object) -> None:
    """Change manifest fields; with `rehash` as a careful forger or another version would, without as damage."""
    content = json.loads((folder / MANIFEST_FILE).read_text()) | fields
    if rehash:
        content["sha256"] = DetectorManifest.model_validate(content).content_sha256()
    (folder / MANIFEST_FILE).write_text(json.dumps(content))


def test_by_default_by_id_and_by_folder_it_is_the_same_detector(folder: Path) -> None:
    loaded = [Detector.load(), Detector.load(DEFAULT_ID), Detector.load(folder), Detector.load(str(folder))]
    assert {d.id for d in loaded} == {DEFAULT_ID}
    assert len({d.sha256 for d in loaded}) == 1


def test_writing_what_was_read_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    manifest, arrays = read(folder)
    written = write(tmp_path / "again", manifest, arrays)
    assert written == manifest
    for name in (MANIFEST_FILE, ARRAYS_FILE):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_the_shipped_calibration_is_as_documented(folder: Path) -> None:
    manifest, _ = read(folder)
    photographs = sum(manifest.provenance["calibrated_on"].values())
    assert manifest.colour is not None
    for part in (manifest.colour, manifest.gray):
        assert set(part.calibration_scores) == set(SIZES)
        for scores in part.calibration_scores.values():
            assert 2 / manifest.alpha <= len(scores) <= photographs
    assert sum(manifest.provenance["mix"].values()) == pytest.approx(1)


@pytest.mark.parametrize("name", [ARRAYS_FILE, MANIFEST_FILE])
@pytest.mark.parametrize("where", [0.1, 0.5, 0.9])
def test_a_changed_byte_is_refused(folder: Path, name: str, where: float) -> None:
    data = bytearray((folder / name).read_bytes())
    position = int(len(data) * where)
    while not chr(data[position]).isalnum():  # not layout: JSON with other white space has the same content
        position += 1
    data[position] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ArtefactError) as caught:
        Detector.load(folder)
    assert caught.value.code is ReasonCode.ARTEFACT_DAMAGED
    assert caught.value.hint


@pytest.mark.parametrize("name", [ARRAYS_FILE, MANIFEST_FILE])
@pytest.mark.parametrize("kept", [None, 0, 100])
def test_missing_empty_and_truncated_files_are_refused(folder: Path, name: str, kept: int | None) -> None:
    path = folder / name
    if kept is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ArtefactError) as caught:
        Detector.load(folder)
    assert caught.value.code is ReasonCode.ARTEFACT_DAMAGED


def test_another_embedding_is_refused(folder: Path) -> None:
    edit(folder, rehash=True, embeddings=["scene-999"])
    with pytest.raises(ArtefactError, match="scene-999") as caught:
        Detector.load(folder)
    assert caught.value.code is ReasonCode.UNSUPPORTED_VERSION


def test_calibration_for_other_sizes_is_refused(folder: Path) -> None:
    manifest, _ = read(folder)
    gray = manifest.gray.model_dump(mode="json")
    gray["calibration_scores"].pop("few")
    edit(folder, rehash=True, gray=gray)
    with pytest.raises(ArtefactError, match="calibration is for") as caught:
        Detector.load(folder)
    assert caught.value.code is ReasonCode.ARTEFACT_DAMAGED


def test_without_colour_every_colour_image_is_out(folder: Path, samples: Samples) -> None:
    edit(folder, rehash=True, colour=None)
    detector = Detector.load(folder)
    report = detector.score(sample_of(pixels_of(samples["photo_cat"])), heatmap=True)
    assert not report.in_distribution
    assert report.stratum == "colour"
    assert detector.score(sample_of(pixels_of(samples["gray_camera"], "L"))).stratum.startswith("gray-")


def test_a_newer_schema_is_refused_as_such(folder: Path) -> None:
    edit(folder, rehash=False, schema_version=SCHEMA_VERSION + 1)
    with pytest.raises(ArtefactError) as caught:
        Detector.load(folder)
    assert caught.value.code is ReasonCode.UNSUPPORTED_VERSION


def test_a_detector_of_schema_2_with_one_weight_a_feature_is_read(folder: Path, samples: Samples) -> None:
    arrays = load_file(folder / ARRAYS_FILE)
    for kind in KINDS:
        arrays[f"{kind}.contrast.weights"] = arrays[f"{kind}.contrast.weights"][: len(arrays[f"{kind}.contrast.center"])].copy()
    save_file(arrays, folder / ARRAYS_FILE)
    arrays_sha256 = hashlib.sha256((folder / ARRAYS_FILE).read_bytes()).hexdigest()
    edit(folder, rehash=True, schema_version=2, arrays_sha256=arrays_sha256)
    assert Detector.load(folder).score(sample_of(pixels_of(samples["chart_rates"]))).ood_score > 1


def test_consistent_hashes_do_not_excuse_arrays_of_the_wrong_shape(folder: Path) -> None:
    arrays = load_file(folder / ARRAYS_FILE)
    name = "colour.neighbours.references"
    arrays[name] = np.ascontiguousarray(arrays[name][:, :-1])
    save_file(arrays, folder / ARRAYS_FILE)
    edit(folder, rehash=True, arrays_sha256=hashlib.sha256((folder / ARRAYS_FILE).read_bytes()).hexdigest())
    with pytest.raises(ArtefactError, match="inconsistent") as caught:
        Detector.load(folder)
    assert caught.value.code is ReasonCode.ARTEFACT_DAMAGED


def test_unknown_detectors_are_a_usage_error_that_names_the_known() -> None:
    with pytest.raises(UsageError) as caught:
        Detector.load("no-such-detector")
    assert caught.value.code is ReasonCode.NOT_FOUND
    assert DEFAULT_ID in caught.value.hint


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, float("nan")])
def test_alpha_out_of_range_is_a_usage_error(alpha: float) -> None:
    with pytest.raises(UsageError) as caught:
        Detector.load(alpha=alpha)
    assert caught.value.code is ReasonCode.BAD_ARGUMENT
