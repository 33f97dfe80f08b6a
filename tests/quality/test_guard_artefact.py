"""The guard's calibration: whole or refused, and monotone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.artefacts.bundle import shipped_bundle
from router.codecs.neural.weights import list_models
from router.errors import ArtefactError
from router.quality.guard import MEASURES, calibration_for
from router.quality.guard.artefact import FILE, SHIPPED, read, write

SHIPPED_GUARDS = sorted(file.parent for file in SHIPPED.glob(f"*/{FILE}"))


@pytest.mark.parametrize("folder", SHIPPED_GUARDS, ids=lambda folder: folder.name)
def test_a_shipped_calibration_is_whole_and_in_the_bundle(folder: Path) -> None:
    calibration = read(folder)
    assert calibration.guard_id == folder.name
    assert shipped_bundle().guards[folder.name] == calibration.sha256
    assert shipped_bundle().models[calibration.model] == calibration.model_sha256
    assert calibration_for(calibration.model) == calibration


def test_every_shipped_model_has_its_own() -> None:
    calibrated = {read(folder).model for folder in SHIPPED_GUARDS}
    assert calibrated >= {card.id for card in list_models() if card.folder.parent == SHIPPED.parent / "models"}
    assert calibration_for("a model of somebody else").guard_id == SHIPPED_GUARDS[-1].name


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED_GUARDS[0], tmp_path / SHIPPED_GUARDS[0].name))


def test_writing_and_reading(copied: Path, tmp_path: Path) -> None:
    calibration = read(copied)
    assert read(_folder_of(tmp_path / "again", calibration)) == calibration


def _folder_of(folder: Path, calibration) -> Path:  # type: ignore[no-untyped-def]
    write(folder, calibration)
    return folder


@pytest.mark.parametrize("field", ["growth", "levels", "measures", "pixels", "sha256"])
def test_a_changed_value_is_refused(copied: Path, field: str) -> None:
    content = json.loads((copied / FILE).read_text())
    content[field] = {
        "growth": [g + 0.25 for g in content["growth"]],
        "levels": [level + 1 for level in content["levels"]],
        "measures": {
            name: {"typical": [9.0] * len(content["targets"]), "spread": s["spread"]} for name, s in content["measures"].items()
        },
        "pixels": 1.0,
        "sha256": "0" * 64,
    }[field]
    (copied / FILE).write_text(json.dumps(content))
    with pytest.raises(ArtefactError) as refused:
        read(copied)
    assert refused.value.code == "ARTEFACT_DAMAGED"


@pytest.mark.parametrize(
    ("text", "code"), [("", "ARTEFACT_DAMAGED"), ("[]", "ARTEFACT_DAMAGED"), ('{"schema_version": 3}', "UNSUPPORTED_VERSION")]
)
def test_what_is_no_calibration_is_refused(copied: Path, text: str, code: str) -> None:
    (copied / FILE).write_text(text)
    with pytest.raises(ArtefactError) as refused:
        read(copied)
    assert refused.value.code == code


@pytest.mark.parametrize("field", ["targets", "quantiles", "levels"])
def test_tables_out_of_order_are_refused(copied: Path, field: str) -> None:
    calibration = read(copied)
    write(copied, calibration.model_copy(update={field: tuple(reversed(getattr(calibration, field)))}))
    with pytest.raises(ArtefactError):
        read(copied)


def test_a_limit_that_came_out_higher_at_a_higher_target_holds_for_the_lower_ones_too(copied: Path) -> None:
    calibration = read(copied)
    name = MEASURES[0]
    count = len(calibration.targets)
    rising = calibration.measures[name].model_copy(update={"typical": tuple(range(1, count + 1)), "spread": (1.0,) * count})
    changed = calibration.model_copy(update={"measures": {**calibration.measures, name: rising}})
    limits = [changed.limits((name,), target, 0.99, 1)[0] for target in (*calibration.targets, 100.0, None)]
    assert limits == pytest.approx([limits[-2]] * len(limits))


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 1), st.floats(0, 1), st.integers(1, 10**9), st.integers(1, 10**9))
def test_limits_are_monotone(t1: float, t2: float, q1: float, q2: float, p1: int, p2: int) -> None:
    calibration = read(SHIPPED_GUARDS[0])
    tight = calibration.limits(MEASURES, max(t1, t2), min(q1, q2), min(p1, p2))
    loose = calibration.limits(MEASURES, min(t1, t2), max(q1, q2), max(p1, p2))
    assert (tight > 0).all()
    assert (tight <= loose + 1e-4).all()
    assert (loose <= calibration.limits(MEASURES, None, max(q1, q2), max(p1, p2)) + 1e-4).all()
