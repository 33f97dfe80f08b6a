"""Pillow opens and writes `.ncr` once `router.pillow` is imported."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError
from sample_set import Samples

import router
import router.pillow


@pytest.fixture(scope="module")
def photo(samples: Samples) -> Image.Image:
    with Image.open(samples["photo_cat"]) as image:
        return image.convert("RGB").crop((0, 0, 160, 96))


@pytest.fixture(scope="module")
def written(photo: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pillow") / "cat.ncr"
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    photo.save(path, quality=50, exif=exif)
    return path


def test_opening_reads_the_header_and_loading_the_pixels(written: Path) -> None:
    with Image.open(written) as image:
        assert (image.format, image.mode, image.size) == ("NCR", "RGB", (160, 96))
        assert json.loads(image.info["record"])["codec"] == "ncr"
        assert image.getexif()[0x010F] == "Maker"
        assert image.get_format_mimetype() == "image/x-ncr"
        np.testing.assert_array_equal(np.asarray(image), router.decompress(written, as_array=True))
        assert image.resize((80, 48)).size == (80, 48)
    image = Image.open(written)
    image.load()
    assert image.fp is None, "a file that Pillow opened is closed once its pixels are there"


def test_quality_and_rate_say_how_large(photo: Image.Image, written: Path) -> None:
    def size(**options: int) -> int:
        file = io.BytesIO()
        photo.save(file, "NCR", **options)
        return len(file.getvalue())

    assert size(rate=5_000) < size(rate=50_000)
    assert size(quality=85) > written.stat().st_size


def test_alpha_comes_back_exactly(photo: Image.Image) -> None:
    file = io.BytesIO()
    translucent = photo.copy()
    translucent.putalpha(photo.convert("L"))
    translucent.save(file, "NCR", rate=20_000)
    with Image.open(file) as image:
        assert image.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(image)[..., 3], np.asarray(translucent)[..., 3])


def test_what_is_damaged_is_an_error_that_pillow_has(written: Path) -> None:
    data = bytearray(written.read_bytes())
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(bytes(data[:200])))


def test_through_a_policy_the_policy_names_the_format(photo: Image.Image, tmp_path: Path) -> None:
    path = router.pillow.save(photo, tmp_path / "cat", "web", receiver="image/webp,image/jpeg", quality=50)
    assert path.suffix in {".webp", ".jpg"}
    with Image.open(path) as image:
        assert image.size == photo.size
