"""imageio reads and writes `.ncr` once `router.imageio` is imported."""

from __future__ import annotations

from pathlib import Path

import imageio.v2
import imageio.v3 as iio
import numpy as np
import pytest
from sample_set import Samples

import router
import router.imageio


@pytest.fixture(scope="module")
def photo(samples: Samples) -> np.ndarray:
    return iio.imread(samples["photo_cat"])[:96, :160, :3]


@pytest.fixture(scope="module")
def written(photo: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("imageio") / "cat.ncr"
    iio.imwrite(path, photo, quality=50)
    return path


def test_what_is_read_is_what_decompress_gives(written: Path) -> None:
    expected = router.decompress(written, as_array=True)
    for read in (
        iio.imread(written),
        iio.imread(written.read_bytes()),
        iio.imread(written, index=...)[0],
        imageio.v2.imread(written),
    ):
        np.testing.assert_array_equal(read, expected)
    assert [frame.shape for frame in iio.imiter(written)] == [(96, 160, 3)]


def test_shape_and_metadata_come_from_the_header(written: Path) -> None:
    found = iio.improps(written)
    assert (found.shape, found.dtype, found.is_batch) == ((96, 160, 3), np.uint8, False)
    assert iio.improps(written, index=...).shape == (1, 96, 160, 3)
    assert router.DecisionRecord.from_json(iio.immeta(written)["record"]) == router.inspect(written)


def test_bytes_a_rate_and_gray(photo: np.ndarray) -> None:
    gray = iio.imwrite("<bytes>", photo[..., 1], extension=".ncr", rate=20_000)
    assert iio.imread(gray).shape == (96, 160)
    assert len(gray) < len(iio.imwrite("<bytes>", photo[..., 1], extension=".ncr", rate=60_000))


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (lambda a: [a, a], {}),
        (lambda a: a.astype(np.float32), {}),
        (lambda a: a, {"quality": 500}),
        (lambda a: a, {"quality": 50, "rate": 1}),
    ],
    ids=["two images", "floating point", "quality", "quality and rate"],
)
def test_what_cannot_be_written_leaves_no_file(photo: np.ndarray, tmp_path: Path, image, options) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(router.RouterError):
        iio.imwrite(tmp_path / "x.ncr", image(photo), **options)
    assert list(tmp_path.iterdir()) == []


def test_other_files_stay_with_other_plug_ins(samples: Samples, written: Path, tmp_path: Path) -> None:
    (tmp_path / "png.ncr").write_bytes(samples["alpha_logo"].read_bytes())
    assert iio.imread(tmp_path / "png.ncr").shape == iio.imread(samples["alpha_logo"]).shape
    with pytest.raises(router.UsageError, match="index 1"):
        iio.imread(written, index=1)
