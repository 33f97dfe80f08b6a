"""One image, coded: each measure is kept by itself, whoever asked for it, until what it depends on changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from evaluation.pieces import crop

from router.evaluation.measure import fingerprint
from router.evaluation.measure.coding import ImageCoder
from router.evaluation.measure.image import measure_image
from router.evaluation.measure.pictures import open_picture
from router.evaluation.measure.point import CURVE, VALUES, Measure
from router.evaluation.measure.to_target import coded_to_target
from router.evaluation.measure.variants import VARIANTS
from router.images.sample import ImageSample
from router.quality.metrics import scorer

JPEG = VARIANTS["jpeg"]
SOURCE = '''"""A module."""

LIMIT = 3
"""A limit."""


def answer(value: int) -> int:
    """An answer."""
    # by adding
    return value + LIMIT
'''


@pytest.fixture
def photograph(tmp_path: Path) -> ImageSample:
    return open_picture(crop(tmp_path, "photo_cat", 96))


def test_a_point_of_the_evaluation_is_known_to_all_others(photograph: ImageSample, tmp_path: Path) -> None:
    row = measure_image(photograph, [JPEG], (50.0,), tmp_path / "cache").rows[0]
    with ImageCoder(photograph, tmp_path / "cache") as coder:
        point = coder.point(JPEG, row["setting"], CURVE)
        assert coder.encoded == 0
        assert set(point.values) == {name for measure in CURVE for name in VALUES[measure]}
        assert point.row().items() <= row.items()
        assert coder.known(JPEG, row["setting"], [Measure.GUARD]) is not None
        assert coder.known(JPEG, row["setting"], [Measure.BUTTERAUGLI]) is None
        assert coder.known(JPEG, 99, CURVE) is None


def test_one_more_measure_leaves_the_others_as_they_were(photograph: ImageSample, tmp_path: Path) -> None:
    with ImageCoder(photograph, tmp_path / "cache") as coder:
        first = coder.point(JPEG, 40, [Measure.PSNR])
        both = coder.point(JPEG, 40, [Measure.PSNR, Measure.GUARD])
        assert coder.encoded == 2
        assert both.encoding == first.encoding
        assert both.values["guard_passed"]
        assert both.values["psnr"] == first.values["psnr"]
    with ImageCoder(photograph, tmp_path / "cache") as again:
        assert again.point(JPEG, 40, [Measure.GUARD, Measure.PSNR]) == both
        assert again.encoded == 0


def test_a_file_that_was_kept_is_decoded_and_not_encoded_again(photograph: ImageSample, tmp_path: Path) -> None:
    with ImageCoder(photograph, tmp_path / "cache", keep=True) as coder:
        point = coder.point(JPEG, 40, [Measure.SSIMULACRA2])
        (file,) = (path for path in (tmp_path / "cache").rglob("*") if path.suffix != ".jsonl" and path.is_file())
        assert file.stat().st_size == point.bytes
        decoded = coder.decoded(JPEG, 40)
        assert scorer("ssimulacra2", photograph.pixels)(decoded) == pytest.approx(point.values["ssimulacra2"])
    file.write_bytes(JPEG.codec().encode(photograph, {"quality": 10}))
    with ImageCoder(photograph, tmp_path / "cache") as coder:
        assert not np.array_equal(coder.decoded(JPEG, 40), decoded)


def test_coding_to_a_target_is_kept_with_what_it_came_to(photograph: ImageSample, tmp_path: Path) -> None:
    first, again = (coded_to_target(photograph, "webp", 60.0, tmp_path / "cache") for _ in range(2))
    assert first is not None
    assert again is not None
    assert (first.size, first.score) == (again.size, again.score)
    assert np.array_equal(first.pixels, again.pixels)
    assert first.score == pytest.approx(scorer("ssimulacra2", photograph.pixels)(first.pixels), abs=0.01)
    assert first.score >= 59
    lines = (tmp_path / "cache").glob("*.jsonl")
    assert len(next(lines).read_text().splitlines()) == 1
    gray = open_picture(crop(tmp_path, "gray_camera", 64))
    assert coded_to_target(gray, "webp", 60.0, tmp_path / "cache") is None


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("# by adding", "# in another way", False),
        ('"""An answer."""', '"""The answer,\n    explained at length."""', False),
        ('"""A limit."""\n', "", False),
        ("return value + LIMIT", "return (value\n            + LIMIT)", False),
        ("LIMIT = 3", "LIMIT = 4", True),
        ("value + LIMIT", "value - LIMIT", True),
    ],
)
def test_only_what_code_does_counts(tmp_path: Path, old: str, new: str, counts: bool) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "module.py").write_text(SOURCE)
    (tmp_path / "b" / "module.py").write_text(SOURCE.replace(old, new))
    assert (fingerprint.code(tmp_path / "a") != fingerprint.code(tmp_path / "b")) == counts


def test_codecs_have_fingerprints_of_their_own() -> None:
    found = {name: fingerprint.of_codec(family.codec()) for name, family in VARIANTS.items()}
    assert len(set(found.values())) == len(VARIANTS)
    assert found == {name: fingerprint.of_codec(family.codec()) for name, family in VARIANTS.items()}
