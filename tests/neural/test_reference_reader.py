"""docs/reference/format.md suffices: a reader written from it alone obtains the library's latents and pixels."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import format_example
import numpy as np
import pytest
import reference_reader as reference
from numpy.typing import NDArray
from sample_set import Samples

from router.codecs.neural.decoder import decode_image
from router.codecs.neural.encoder import ImageEncoder
from router.codecs.neural.weights import LoadedModel
from router.containers import ncr as container
from router.containers.ncr import Colour, Container, Grid
from router.images.arrays import from_pixels
from router.images.read import read

PAGE = format_example.PAGE.read_text("utf-8")


@pytest.fixture(scope="module", params=["model", "small_loaded", "light_loaded"])
def loaded(request: pytest.FixtureRequest) -> LoadedModel:
    found: LoadedModel = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def shape(loaded: LoadedModel) -> reference.Model:
    return reference.Model.read(loaded.card.folder)


def written(loaded: LoadedModel, pixels: NDArray[np.uint8], rate: int, grid: Grid | None = None) -> Container:
    encoder = ImageEncoder(loaded, from_pixels(pixels), grid)
    return container.parse(encoder.write(encoder.analyse(), rate))


def by_the_library(file: Container, loaded: LoadedModel) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    for (_, _, h, w), stream in zip(reference.cores(file), file.tiles, strict=True):
        coded = loaded.coder.decode(stream.data, h, w, file.model.rate_index)
        yield coded.hyper, coded.latents


def compare(file: Container, loaded: LoadedModel, shape: reference.Model) -> list[reference.Tile]:
    tiles = reference.read_tiles(file, shape)
    for tile, (hyper, latents) in zip(tiles, by_the_library(file, loaded), strict=True):
        assert np.array_equal(tile.hyper, hyper)
        assert np.array_equal(tile.latents, latents)
    wanted = reference.colours(file, shape, tiles, integers=shape.light)
    pixels = decode_image(file, loaded).pixels[..., : wanted.shape[2]]
    if shape.light:
        assert wanted.dtype == np.float32
        np.testing.assert_array_equal(np.rint(wanted), pixels)
    else:
        assert np.abs(wanted - pixels).max() < 0.51  # half a step, and what fp32 rounds
    return tiles


@pytest.mark.parametrize("name", ["photo_coffee", "portrait_hopper"])
@pytest.mark.parametrize("rate", [0, 20_000, 45_000, 65_535])
def test_photographs(loaded: LoadedModel, shape: reference.Model, samples: Samples, name: str, rate: int) -> None:
    pixels = read(samples[name]).pixels[100:228, 60:180, :3]
    (tile,) = compare(written(loaded, pixels, rate), loaded, shape)
    assert tile.latents.any()


def test_all_that_the_page_describes_occurs(small_loaded: LoadedModel, photo: NDArray[np.uint8]) -> None:
    """Else the tests above would prove little: skipped scales, a context that matters, hyper-latents, escapes."""
    shape = reference.Model.read(small_loaded.card.folder)
    low, high = (reference.read_tiles(written(small_loaded, photo[:128, :192], rate), shape)[0] for rate in (0, 65_535))
    assert all(0 < np.mean(one.index < shape.skipped) < 1 for one in low.passes)
    assert np.abs(high.second - high.first)[..., : shape.latents].max() > 1024  # a step between scales
    assert len(np.unique(high.hyper)) > 10
    noise = np.random.default_rng(0).integers(0, 2, (64, 64, 3), dtype=np.uint8) * np.uint8(255)
    (tile,) = compare(written(small_loaded, noise, 65_535), small_loaded, shape)
    for one in tile.passes:
        symbols = (tile.latents.reshape(-1)[one.places] - one.mean) // 1024
        ends = np.array([[table.low, table.low + table.symbols - 1] for table in shape.y])[one.index]
        coded = one.index >= shape.skipped
        assert ((symbols < ends[:, 0]) | (symbols > ends[:, 1]))[coded].any()


@pytest.mark.parametrize("grid", [Grid(64, 64, 48), Grid(128, 64, 64)])
def test_tiles(loaded: LoadedModel, shape: reference.Model, photo: NDArray[np.uint8], grid: Grid) -> None:
    """The reference synthesises the image as a whole: no seam may show."""
    file = written(loaded, photo[:200, :180], 50_000, grid)
    assert len(file.tiles) > 7
    compare(file, loaded, shape)


def test_neutral_images(loaded: LoadedModel, shape: reference.Model, samples: Samples) -> None:
    gray = read(samples["gray_camera"]).pixels[100:150, 200:270]
    for pixels in (gray, np.repeat(gray, 3, axis=2)):
        file = written(loaded, pixels, 40_000)
        assert file.header.colour is Colour.NEUTRAL
        compare(file, loaded, shape)


def test_what_is_written_is_bound(small_loaded: LoadedModel, photo: NDArray[np.uint8]) -> None:
    """One tile or many, with alpha or without; what a writer of minor version 0 left has no binding."""
    rgba = np.dstack([photo[:128, :192], photo[:128, :192, 0]])
    for pixels in (photo[:64, :64], rgba):
        for grid in (None, Grid(64, 64, 48)):
            encoder = ImageEncoder(small_loaded, from_pixels(pixels), grid)
            assert reference.check_binding(encoder.write(encoder.analyse(), 30_000))
    golden = Path(__file__).parent / "golden"
    for file in golden.glob("*/*.ncr"):
        assert reference.check_binding(file.read_bytes()) == (file.parent.name != "format1")


def test_the_page_states_the_tables_of_powers() -> None:
    coarse, fine = reference.power_tables()
    stated = dict(re.findall(r"`((?:coarse|fine)\[\d+\])` = ([\d,]+)", PAGE))
    assert {k: int(v.strip(",").replace(",", "")) for k, v in stated.items()} == {
        "coarse[1]": coarse[1],
        "coarse[255]": coarse[255],
        "fine[255]": fine[255],
    }
    assert f"{zlib.crc32(np.concatenate([coarse, fine]).astype('<u4').tobytes()):08x}" in PAGE


def test_the_worked_example_is_what_it_says() -> None:
    """If the model of the example is gone, or the text has changed: python tests/neural/format_example.py"""
    assert PAGE.endswith(format_example.section(format_example.dumped(PAGE)))
