"""What `read` takes, and how it refuses the rest."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import numpy as np
import pytest
from image_builders import SRGB_PRIMARIES, icc, photo, png, save
from PIL import Image, ImageFile

from router.containers.metadata import Metadata
from router.errors import InputError, LimitError, RouterError, UsageError
from router.images.arrays import from_pixels, to_pil
from router.images.read import read
from router.limits import NO_LIMITS, Limits
from router.reasons import ReasonCode

PIXELS = photo()
PNG = save(PIXELS, "PNG")


def refusal(src: object, **options: object) -> RouterError:
    with pytest.raises(RouterError) as caught:
        _ = read(src, **options).pixels  # type: ignore[arg-type]
    assert caught.value.hint
    return caught.value


def test_every_kind_of_source_gives_the_same_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    sources = [path, str(path), PNG, bytearray(PNG), memoryview(PNG), io.BytesIO(PNG), Image.open(path), PIXELS]
    with path.open("rb") as file:
        sources.append(file)
        assert all(np.array_equal(read(src).pixels, PIXELS) for src in sources)


def test_source_facts() -> None:
    sample = read(PNG)
    assert (sample.source.format, sample.source.lossy, sample.source.data) == ("png", False, PNG)
    assert read(Image.fromarray(PIXELS)).source.format == "pil"
    assert read(PIXELS).source.format == "array"
    assert from_pixels(PIXELS, source_format="tile").source.format == "tile"


def test_files_that_are_not_there_or_not_files(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.png").code == ReasonCode.NOT_FOUND
    assert refusal("nul\0byte.png").code == ReasonCode.NOT_FOUND
    (tmp_path / "file").write_bytes(PNG)
    assert refusal(tmp_path / "file" / "below.png").code == ReasonCode.NOT_FOUND
    assert refusal(tmp_path).code == ReasonCode.NOT_A_FILE
    (tmp_path / "empty.png").touch()
    assert refusal(tmp_path / "empty.png").code == ReasonCode.EMPTY_INPUT
    assert refusal(b"").code == ReasonCode.EMPTY_INPUT


def test_unreadable_files() -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise PermissionError(13, "Permission denied")

    assert refusal(Broken()).code == ReasonCode.UNREADABLE
    closed = io.BytesIO(PNG)
    closed.close()
    assert refusal(closed).code == ReasonCode.UNREADABLE


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)

    def deny(self: Path, *args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))  # chmod does not bind the superuser

    monkeypatch.setattr(Path, "open", deny)
    assert refusal(path).code == ReasonCode.UNREADABLE


@pytest.mark.parametrize(
    "text", [b"hello, world\n", b"<html><body>no</body></html>", b"\x00" * 64, b"BMW is a car maker in Munich"]
)
def test_what_is_not_an_image(text: bytes) -> None:
    assert refusal(text).code == ReasonCode.NOT_AN_IMAGE


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00\x00\x0cjP  \r\n\x87\n" + b"\0" * 40,
        b"8BPS\0\1" + b"\0" * 40,
        b"%PDF-1.7\n",
        b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
        b"  <svg/>",
        b"\x00\x00\x00\x18ftypheic\0\0\0\0mif1heic",
        b"\x00\x00\x00\x18ftypmp42\0\0\0\0isommp42",
        b"PF\n2 2\n-1.0\n" + b"\0" * 48,
        b"P7\nWIDTH 1\n",
        b"\0" * 128 + b"DICM",
    ],
)
def test_known_formats_that_are_refused_by_name(data: bytes) -> None:
    assert refusal(data).code == ReasonCode.FORMAT_NOT_SUPPORTED


def test_wrong_types() -> None:
    for src in (None, 5, [1, 2], io.StringIO("text")):
        with pytest.raises(UsageError) as caught:
            read(src)  # type: ignore[arg-type]
        assert caught.value.code == ReasonCode.BAD_ARGUMENT


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4), bool),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4), np.int16),
        np.zeros((4, 4), np.uint32),
        np.zeros((4, 4), complex),
        np.array([["a"]]),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4,), np.uint8),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((4, 4, 0), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
    ],
)
def test_arrays_that_are_no_images(array: np.ndarray) -> None:
    error = refusal(array)
    assert isinstance(error, InputError)
    assert error.code == ReasonCode.BAD_ARRAY


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, ">u2"])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 2), (5, 7, 3), (5, 7, 4)])
def test_arrays(dtype: object, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape).astype(dtype)
    sample = read(array)
    assert sample.pixels.shape == (5, 7, 1 if len(shape) == 2 else shape[2])
    assert sample.pixels.dtype == np.dtype(dtype).newbyteorder("=")
    assert np.array_equal(sample.pixels.reshape(shape), array)
    before = array.copy()
    array[:] = 0
    assert np.array_equal(sample.pixels.reshape(shape), before)  # a sample is a snapshot
    assert array.flags.writeable


def test_a_pillow_image_is_a_snapshot_and_turned_upright() -> None:
    image = Image.open(io.BytesIO(save(PIXELS, "PNG")))
    image.load()
    sample = read(image)
    image.paste(0, (0, 0, 10, 10))
    assert np.array_equal(sample.pixels, PIXELS)


def test_limits_come_before_reading_and_decoding(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    small = Limits(max_file_bytes=len(PNG) - 1)
    for src in (path, PNG, io.BytesIO(PNG)):
        assert refusal(src, limits=small).code == ReasonCode.FILE_TOO_LARGE
    assert read(path, limits=Limits(max_file_bytes=len(PNG))).width == 64
    for src in (PNG, PIXELS, Image.fromarray(PIXELS)):
        assert refusal(src, limits=Limits(max_pixels=64 * 48 - 1)).code == ReasonCode.TOO_MANY_PIXELS
        assert refusal(src, limits=Limits(max_side=63)).code == ReasonCode.SIDE_TOO_LONG


def test_an_endless_file_object_stops_at_the_limit() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return b"x" * size

    source = Endless()
    assert refusal(source, limits=Limits(max_file_bytes=3 << 20)).code == ReasonCode.FILE_TOO_LARGE
    assert source.given <= 5 << 20


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM", "JXL"])
def test_our_limits_rule_and_not_pillows(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import pillow_jxl  # noqa: F401

    data = save(PIXELS, kind, **({"lossless": True} if kind in ("WEBP", "JXL") else {}))
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 16)
    assert np.array_equal(read(data, limits=NO_LIMITS).pixels, expected)
    assert Image.MAX_IMAGE_PIXELS == 16


def test_gif_disposal_does_not_wake_pillows_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.fromarray(PIXELS).quantize(8)
    for disposal in (1, 2, 3):
        data = save(image, "GIF", disposal=disposal, transparency=3, duration=20)
        expected = read(data).pixels
        with monkeypatch.context() as patch:
            patch.setattr(Image, "MAX_IMAGE_PIXELS", 16)
            assert np.array_equal(read(data).pixels, expected)


def test_pillows_leniency_does_not_reach_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for kind in ("JPEG", "BMP", "TIFF", "GIF", "PNG", "WEBP"):
        data = save(PIXELS, kind)
        error = refusal(data[: len(data) * 2 // 3])
        assert error.code == ReasonCode.DAMAGED_IMAGE, kind


def test_two_threads_get_the_same_pixels() -> None:
    data = save(photo(400, 600), "PNG")
    sample = read(data)
    barrier, results = threading.Barrier(2), []

    def work() -> None:
        barrier.wait()
        results.append(sample.pixels)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    assert np.array_equal(results[0], results[1])
    assert not results[0].flags.writeable


def test_pixels_are_decoded_only_when_asked_for() -> None:
    data = bytearray(save(PIXELS, "BMP"))
    sample = read(data[:-100])
    assert (sample.width, sample.height, sample.mode) == (64, 48, "RGB")
    with pytest.raises(InputError, match="truncated"):
        _ = sample.pixels


@pytest.mark.parametrize("shape", [(1, 1), (1, 10000), (10000, 1)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_extreme_shapes(shape: tuple[int, int], kind: str) -> None:
    sample = read(save(photo(*shape), kind))
    assert sample.pixels.shape[:2] == shape


def test_a_png_that_claims_ten_gigapixels_is_refused_from_its_header() -> None:
    data = bytearray(PNG)
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    assert isinstance(refusal(bytes(data)), LimitError)


def test_to_pil_round_trips() -> None:
    metadata = Metadata(icc=icc(SRGB_PRIMARIES, 1.8), exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0", xmp=b"<x/>")
    for channels, mode in ((1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")):
        image = to_pil(photo(channels=channels), metadata)
        assert image.mode == mode
        sample = read(image)
        assert np.array_equal(sample.pixels, photo(channels=channels))
        assert sample.metadata == metadata
    deep = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    image = to_pil(deep)
    assert image.mode == "I;16"
    assert np.array_equal(read(image).pixels, deep)
    with pytest.raises(InputError) as caught:
        to_pil(np.zeros((2, 2, 3), np.uint16))
    assert caught.value.code == ReasonCode.DEPTH_NOT_SUPPORTED
    assert "as_array=True" in caught.value.hint


def test_16_bit_colour_that_pillow_would_cut_is_refused() -> None:
    data = png(np.zeros((3, 4, 3), np.uint16))
    assert refusal(Image.open(io.BytesIO(data))).code == ReasonCode.DEPTH_NOT_SUPPORTED
    assert read(data).bits == 16
