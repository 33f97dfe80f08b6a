"""The neural codec through its public surface: round trips, rates, tiles, metadata, damage."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sample_set import Samples

from router.codecs.neural import alpha
from router.codecs.neural.codec import NeuralCodec
from router.codecs.neural.encoder import ImageEncoder
from router.codecs.neural.estimate import estimate_bits
from router.codecs.neural.weights import LoadedModel
from router.containers import ncr as container
from router.containers.metadata import Metadata
from router.containers.ncr import Grid, TileStream
from router.errors import CarryError, LimitError, ModelError, StreamError, UsageError
from router.images.arrays import from_pixels
from router.images.read import read
from router.limits import Limits
from router.reasons import ReasonCode
from router.testing import check_codec

RATES = (0, 13_107, 26_214, 39_321, 52_428, 65_535)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


def streams(data: bytes) -> tuple[TileStream, ...]:
    return container.parse(data).tiles


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (65, 63), (130, 200)])
def test_every_mode_and_odd_size(codec: NeuralCodec, photo: NDArray[np.uint8], channels: int, size: tuple[int, int]) -> None:
    height, width = size
    pixels = np.resize(photo, (256, 320, 3))[:height, :width]
    planes = [pixels[..., 1]] if channels < 3 else [pixels[..., k] for k in range(3)]
    if channels in (2, 4):
        planes.append(pixels[..., 2])
    sample = from_pixels(np.stack(planes, -1))
    decoded = codec.decode(codec.encode(sample, {"rate": 50_000})).pixels
    assert decoded.shape == sample.pixels.shape
    assert decoded.dtype == np.uint8
    if channels in (2, 4):
        assert np.array_equal(decoded[..., -1], sample.pixels[..., -1])
    if min(size) > 60:
        assert psnr(decoded, sample.pixels) > 28


def test_same_input_same_bytes(codec: NeuralCodec, photo: NDArray[np.uint8]) -> None:
    sample = from_pixels(photo)
    data = codec.encode(sample, {"rate": 30_000})
    session = codec.session(sample)
    session({"rate": 60_000})
    assert data == codec.encode(from_pixels(photo.copy()), {"rate": 30_000}) == session({"rate": 30_000})
    assert np.array_equal(codec.decode(data).pixels, codec.decode(data).pixels)


@pytest.mark.parametrize("name", ["photo_coffee", "portrait_hopper"])
def test_rate_and_quality_rise_with_the_knob_and_bits_are_as_estimated(
    codec: NeuralCodec, model: LoadedModel, samples: Samples, name: str
) -> None:
    sample = codec.prepare(read(samples[name]))
    sample = from_pixels(sample.pixels[:256, :256, :3])
    session, encoder = codec.session(sample), ImageEncoder(model, sample)
    sizes, quality, coded, estimated = [], [], 0, 0.0
    for rate in RATES:
        data = session({"rate": rate})
        sizes.append(len(data))
        quality.append(psnr(codec.decode(data).pixels, sample.pixels))
        bits, estimate = 8 * sum(len(t.data) for t in streams(data)), estimate_bits(encoder, rate)
        assert bits == pytest.approx(estimate, rel=0.02)
        coded, estimated = coded + bits, estimated + estimate
    assert sizes == sorted(set(sizes))
    assert quality == sorted(set(quality))
    assert coded == pytest.approx(estimated, rel=0.01)


@pytest.mark.parametrize("kind", ["noise_uniform", "document_page", "chart_rates"])
def test_images_far_from_photographs_still_round_trip(codec: NeuralCodec, samples: Samples, kind: str) -> None:
    sample = codec.prepare(read(samples[kind]))
    sample = from_pixels(sample.pixels[:192, :256])
    low, high = (codec.decode(codec.encode(sample, {"rate": r})).pixels for r in (0, 65_535))
    assert psnr(high, sample.pixels) > psnr(low, sample.pixels)


def test_extreme_contrast_round_trips(codec: NeuralCodec) -> None:
    bits = np.random.default_rng(0).integers(0, 2, (128, 128, 3), dtype=np.uint8) * np.uint8(255)
    for rate in (0, 65_535):
        data = codec.encode(from_pixels(bits), {"rate": rate})
        assert codec.decode(data).pixels.shape == bits.shape


def test_gray_stays_gray(codec: NeuralCodec, samples: Samples) -> None:
    gray = read(samples["gray_camera"]).pixels[100:228, 200:360]
    one = codec.decode(codec.encode(from_pixels(gray), {"rate": 45_000})).pixels
    three = codec.decode(codec.encode(from_pixels(np.repeat(gray, 3, 2)), {"rate": 45_000})).pixels
    assert one.shape == (128, 160, 1)
    assert np.array_equal(three, np.repeat(one, 3, 2))


@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from(["constant", "ramp", "noise", "steps"]), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_alpha_planes_are_lossless(height: int, width: int, kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, x = np.indices((height, width))
    plane = {
        "constant": np.full((height, width), seed % 256),
        "ramp": 3 * x + 5 * y + seed % 256,
        "noise": rng.integers(0, 256, (height, width)),
        "steps": (x > width // 2) * 255,
    }[kind].astype(np.uint8)
    payload = alpha.encode(plane)
    assert np.array_equal(alpha.decode(payload, height, width), plane)
    for damaged in (payload[:-1], payload + b"\0", b"\x09" + payload[1:], b""):
        with pytest.raises(StreamError):
            alpha.decode(damaged, height, width)


def test_alpha_does_not_inflate_beyond_the_image() -> None:
    bomb = alpha.encode(np.arange(4096 * 64, dtype=np.uint32).astype(np.uint8).reshape(64, 4096))
    with pytest.raises(StreamError):
        alpha.decode(bomb, 2, 2)


@pytest.mark.parametrize("grid", [Grid(128, 128, 64), Grid(64, 64, 48), Grid(320, 64, 64), Grid(64, 256, 48)])
def test_tiles_agree_with_one_tile(codec: NeuralCodec, model: LoadedModel, photo: NDArray[np.uint8], grid: Grid) -> None:
    sample = from_pixels(photo)
    whole, tiled = ImageEncoder(model, sample), ImageEncoder(model, sample, grid)
    (latents,) = whole.analyse()
    places = [(y // 16, x // 16) for y in range(0, 256, grid.tile_height) for x in range(0, 320, grid.tile_width)]
    for part, (y, x) in zip(tiled.analyse(), places, strict=True):
        same = latents[y:, x:][: part.shape[0], : part.shape[1]]
        assert np.abs(part - same).max() < 0.01 * np.abs(latents).max()  # the analysis does not see tile borders
    one, many = whole.write([latents], 45_000), tiled.write(tiled.analyse(), 45_000)
    assert len(streams(many)) == len(places)
    a, b = codec.decode(one).pixels, codec.decode(many).pixels
    assert psnr(b, photo) == pytest.approx(psnr(a, photo), abs=0.1)
    # Only the prior sees borders: errors beside them are those of the one tile.
    beside = np.zeros((256, 320), np.bool_)
    for edges, side, axis in ((grid.tile_width, 320, beside), (grid.tile_height, 256, beside.T)):
        for edge in range(edges, side, edges):
            axis[:, edge - 8 : edge + 8] = True
    assert psnr(b[beside], photo[beside]) == pytest.approx(psnr(a[beside], photo[beside]), abs=0.25)


def test_large_images_are_tiled(model: LoadedModel) -> None:
    header = {"height": 70, "width": 65_535}
    encoder = ImageEncoder(model, from_pixels(np.zeros((header["height"], header["width"], 1), np.uint8)))
    assert container.tile_counts(encoder._header, encoder._grid) == (1, 64)


def test_metadata_and_record_leave_streams_alone(codec: NeuralCodec, photo: NDArray[np.uint8]) -> None:
    exif = b"II*\0\x08\0\0\0\0\0\0\0\0\0"
    data = codec.encode(from_pixels(photo[:64, :64], Metadata(exif=exif)), {"rate": 40_000})
    assert codec.read_xmp(data) is None
    assert codec.read_record(data) is None
    marked = codec.with_record(data, b'{"lane":"neural"}', XMP)
    assert codec.read_record(marked) == b'{"lane":"neural"}'
    assert codec.read_xmp(marked) == XMP
    assert streams(marked) == streams(data)
    decoded = codec.decode(marked)
    assert decoded.metadata == Metadata(exif=exif, xmp=XMP)
    assert np.array_equal(decoded.pixels, codec.decode(data).pixels)
    assert codec.read_xmp(codec.with_xmp(marked, b"<other/>")) == b"<other/>"


def test_a_stale_record_in_the_source_is_dropped(codec: NeuralCodec, photo: NDArray[np.uint8]) -> None:
    from router.containers.xmp import extract_record, merge_record

    data = codec.encode(from_pixels(photo[:64, :64]), {"rate": 0})
    marked = codec.with_record(data, b"{}", merge_record(XMP, b'{"old":1}'))
    xmp = codec.read_xmp(marked)
    assert xmp is None or extract_record(xmp) is None


def test_an_srgb_profile_is_dropped_and_an_unprepared_one_refused(codec: NeuralCodec, samples: Samples) -> None:
    sample = read(samples["photo_cat"])
    assert sample.metadata.icc
    with pytest.raises(CarryError) as caught:
        codec.encode(sample, {})
    assert caught.value.code is ReasonCode.CANNOT_CARRY_ICC
    assert codec.decode(codec.encode(codec.prepare(sample), {"rate": 0})).metadata.icc is None


def test_16_bits_are_refused(codec: NeuralCodec) -> None:
    with pytest.raises(CarryError) as caught:
        codec.encode(from_pixels(np.zeros((8, 8, 1), np.uint16)), {})
    assert caught.value.code is ReasonCode.CANNOT_CARRY_DEPTH


@pytest.mark.parametrize("bad", [{"rate": -1}, {"rate": 65_536}, {"rate": 1.5}, {"rate": True}, {"quality": 3}])
def test_bad_settings(codec: NeuralCodec, bad: dict[str, object]) -> None:
    with pytest.raises(UsageError) as caught:
        codec.encode(from_pixels(np.zeros((8, 8, 1), np.uint8)), bad)
    assert caught.value.code is ReasonCode.BAD_SETTING


@pytest.fixture(scope="module")
def small(codec: NeuralCodec, photo: NDArray[np.uint8]) -> bytes:
    return codec.encode(from_pixels(photo[:64, :64]), {"rate": 20_000})


def rewritten(data: bytes, **changes: object) -> bytes:
    """With fields changed and every CRC right."""
    return container.write(dataclasses.replace(container.parse(data), **changes))  # type: ignore[arg-type]


@given(bit=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_a_flipped_stream_bit_under_a_right_crc_never_gives_other_pixels(codec: NeuralCodec, small: bytes, bit: int) -> None:
    (tile,) = streams(small)
    stream = bytearray(tile.data)
    stream[bit // 8 % len(stream)] ^= 1 << bit % 8
    damaged = rewritten(small, tiles=(TileStream(tile.checksum, bytes(stream)),))
    if bit // 8 % len(stream) < len(stream) - 8:
        with pytest.raises(StreamError) as caught:
            codec.decode(damaged)
        assert caught.value.code in {ReasonCode.LATENT_MISMATCH, ReasonCode.DAMAGED_STREAM}
    else:  # the last words have bits that no symbol depends on
        with contextlib.suppress(StreamError):
            assert np.array_equal(codec.decode(damaged).pixels, codec.decode(small).pixels)


def test_streams_are_bound_to_size_rate_and_tiling(codec: NeuralCodec, small: bytes) -> None:
    file = container.parse(small)
    for changes in (
        {"header": dataclasses.replace(file.header, width=63)},
        {"model": dataclasses.replace(file.model, rate_index=20_001)},
        {"grid": dataclasses.replace(file.grid, halo=file.grid.halo ^ 16)},
    ):
        with pytest.raises(StreamError) as caught:
            codec.decode(rewritten(small, **changes))
        assert caught.value.code in {ReasonCode.LATENT_MISMATCH, ReasonCode.DAMAGED_STREAM}


def test_a_stream_with_more_or_less_than_its_symbols(codec: NeuralCodec, small: bytes) -> None:
    (tile,) = streams(small)
    for stream in (b"", tile.data[:-3], tile.data[:8], tile.data + b"\x01\x02\x03\x04" * 3):
        with pytest.raises(StreamError):
            codec.decode(rewritten(small, tiles=(TileStream(tile.checksum, stream),)))


def test_other_weights_and_unknown_models(codec: NeuralCodec, small: bytes) -> None:
    reference = container.parse(small).model
    for changed, code in (
        (dataclasses.replace(reference, sha256=bytes(32)), ReasonCode.MODEL_MISMATCH),
        (dataclasses.replace(reference, model_id="no.where"), ReasonCode.UNKNOWN_MODEL),
    ):
        with pytest.raises(ModelError) as caught:
            codec.decode(rewritten(small, model=changed))
        assert caught.value.code is code
        assert caught.value.hint


def test_limits_before_the_model(codec: NeuralCodec, small: bytes) -> None:
    with pytest.raises(LimitError):
        codec.decode(small, Limits(max_pixels=64 * 64 - 1))


def test_threads_share_one_codec(codec: NeuralCodec, photo: NDArray[np.uint8]) -> None:
    samples = [from_pixels(photo[64 * k : 64 * k + 64, :64]) for k in range(3)]
    expected = [codec.encode(s, {"rate": 30_000}) for s in samples]
    got: list[bytes] = [b""] * 3

    def work(k: int) -> None:
        got[k] = codec.encode(samples[k], {"rate": 30_000})

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == expected


def test_conformance(codec: NeuralCodec, photo: NDArray[np.uint8]) -> None:
    check_codec(codec, samples=[from_pixels(photo[:40, :65])], settings=[{"rate": 50_000}])


def test_configuration_round_trips(codec: NeuralCodec) -> None:
    assert NeuralCodec.from_config(codec.get_config()) == codec
    assert codec.get_config() == {"id": "ncr", "model": codec.model, "decoding": "fp32"}
    assert codec.unavailable() is None
    for other in (NeuralCodec(model="other.model"), NeuralCodec(decoding="exact")):
        assert other != codec
        assert NeuralCodec.from_config(other.get_config()) == other
    with pytest.raises(UsageError):
        NeuralCodec(decoding="fp7")


def test_importing_the_codec_does_not_import_torch() -> None:
    code = "import sys; from router.codecs.neural.codec import NeuralCodec; NeuralCodec(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
