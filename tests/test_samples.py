"""The sample images are what SOURCES.md says, open, and cover the kinds that the other tests and the demo rely on."""

from __future__ import annotations

import hashlib
import math
import re
import struct
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image, ImageOps
from sample_set import SAMPLES, Samples

MAX_FILE_BYTES = 200_000
MAX_TOTAL_BYTES = 2_000_000
MAX_SIDE = 640
KINDS = {
    "photo": 4,
    "portrait": 1,
    "gray": 2,
    "medical": 1,
    "microscopy": 2,
    "astronomy": 1,
    "texture": 1,
    "document": 2,
    "chart": 1,
    "drawing": 1,
    "screenshot": 1,
    "map": 1,
    "depth16": 2,
    "alpha": 1,
    "palette": 2,
    "oriented": 1,
    "noise": 1,
}
LICENCES = {
    "CC0",
    "BSD-3-Clause",
    "BSD-3-Clause (scikit-image team)",
    "public domain (NASA)",
    "public domain (SpaceX)",
    "public domain (US Navy)",
    "no known copyright restrictions",
}


class Row(NamedTuple):
    """One line of the table in SOURCES.md."""

    file: str
    kind: str
    origin: str
    licence: str
    changes: str
    sha256: str


def table() -> list[Row]:
    lines = (SAMPLES.parent / "SOURCES.md").read_text(encoding="utf-8").splitlines()
    rows = [Row(*(cell.strip() for cell in line.strip("|").split("|"))) for line in lines if line.startswith("|")]
    assert rows[0].file == "file"
    return rows[2:]


def paths() -> list[Path]:
    return sorted(SAMPLES.iterdir())


def png_header(path: Path) -> tuple[int, int]:
    """Bit depth and colour type of the IHDR chunk: Pillow reads 16-bit RGB as 8-bit and does not tell."""
    depth, colour = struct.unpack(">BB", path.read_bytes()[24:26])
    return depth, colour


def psnr(a: Image.Image, b: Image.Image) -> float:
    difference = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    return 10 * math.log10(255**2 / float(np.mean(difference**2)))


def test_table_and_folder_list_the_same_files() -> None:
    names = [row.file for row in table()]
    assert sorted(names) == [path.name for path in paths()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("row", table(), ids=lambda row: row.file)
def test_row_describes_its_file(row: Row) -> None:
    assert row.sha256.strip("`") == hashlib.sha256((SAMPLES / row.file).read_bytes()).hexdigest()
    assert row.kind == row.file.partition("_")[0]
    assert row.licence in LICENCES
    assert row.origin
    assert row.changes


@pytest.mark.parametrize("path", paths(), ids=lambda path: path.name)
def test_sample_opens_and_is_small(path: Path) -> None:
    assert path.stat().st_size <= MAX_FILE_BYTES
    with Image.open(path) as image:
        image.load()
        assert max(image.size) <= MAX_SIDE
        assert {"PNG": ".png", "JPEG": ".jpg"}[image.format or ""] == path.suffix


def test_total_size() -> None:
    assert sum(path.stat().st_size for path in paths()) <= MAX_TOTAL_BYTES


def test_kinds_are_covered(samples: Samples) -> None:
    assert {kind: len(samples.of_kind(kind)) for kind in KINDS} == KINDS
    assert sum(KINDS.values()) == len(samples)


def test_stems_are_unique_so_outputs_cannot_collide(samples: Samples) -> None:
    assert len(samples) == len(paths())


def test_unknown_names_and_kinds_are_refused(samples: Samples) -> None:
    with pytest.raises(KeyError):
        samples["photo_unicorn"]
    with pytest.raises(AssertionError):
        samples.of_kind("pho")


def test_photographs_come_as_jpeg_and_lossless(samples: Samples) -> None:
    assert sorted(path.suffix for path in samples.of_kind("photo")) == [".jpg", ".jpg", ".png", ".png"]


def test_unchanged_files_are_the_originals() -> None:
    unchanged = [row for row in table() if row.changes == "none: original bytes" and row.origin.startswith("scikit-image")]
    assert len(unchanged) >= 3
    for row in unchanged:
        match = re.fullmatch(r"scikit-image `(.+)`", row.origin)
        assert match
        assert (SAMPLES / row.file).read_bytes() == (files("skimage") / "data" / match[1]).read_bytes(), row.file


@pytest.mark.parametrize(("name", "colour_type", "least_levels"), [("depth16_phantom", 0, 256), ("depth16_deepfield", 2, 1000)])
def test_sixteen_bit_samples_need_their_depth(samples: Samples, name: str, colour_type: int, least_levels: int) -> None:
    import cv2

    assert png_header(samples[name]) == (16, colour_type)
    pixels = cv2.imread(str(samples[name]), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    assert pixels.dtype == np.uint16
    assert len(np.unique(pixels)) > least_levels
    assert np.any(pixels % 257), "an 8-bit image blown up to 16 bits"


def test_alpha_sample_has_real_transparency(samples: Samples) -> None:
    with Image.open(samples["alpha_logo"]) as image:
        assert image.mode == "RGBA"
        pixels = np.asarray(image)
    alpha = pixels[..., 3]
    assert alpha.min() == 0
    assert alpha.max() == 255
    assert len(np.unique(alpha)) > 200
    assert np.ptp(pixels[alpha == 0][:, :3]) > 100, "no colour under alpha 0"


def test_palette_samples(samples: Samples) -> None:
    for path in samples.of_kind("palette"):
        assert png_header(path) == (8, 3) or png_header(path) == (4, 3)
    with Image.open(samples["palette_badge"]) as image:
        assert image.info["transparency"] == 0
        assert image.convert("RGBA").getchannel("A").getextrema() == (0, 255)


def test_gray_samples_have_one_channel(samples: Samples) -> None:
    for path in (*samples.of_kind("gray"), *samples.of_kind("texture"), samples["document_letter"]):
        with Image.open(path) as image:
            assert image.mode == "L"


def test_oriented_sample_lies_on_its_side_and_carries_metadata(samples: Samples) -> None:
    with Image.open(samples["oriented_coffee"]) as image:
        assert image.getexif()[0x0112] == 6
        assert b"acsp" in image.info["icc_profile"][36:40]
        assert b"http://purl.org/dc/elements/1.1/" in image.info["xmp"]
        upright = ImageOps.exif_transpose(image)
        lying = image.size
    assert upright.size == (300, 400) == lying[::-1]
    with (files("skimage") / "data" / "coffee.png").open("rb") as stream, Image.open(stream) as source:
        assert psnr(upright, source.crop((140, 0, 440, 400))) > 30


def test_noise_does_not_compress(samples: Samples) -> None:
    with Image.open(samples["noise_uniform"]) as image:
        raw = image.width * image.height * len(image.getbands())
    assert samples["noise_uniform"].stat().st_size >= raw
