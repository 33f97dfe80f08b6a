"""Reading outputs: within limits, and with a typed answer for everything that is no output."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sample_set import Samples

import router
from router.errors import InputError, LimitError, NoRecordError, StreamError, UsageError
from router.limits import Limits
from router.reasons import ReasonCode

PIXELS = np.arange(48 * 64 * 3, dtype=np.uint32).reshape(48, 64, 3).astype(np.uint8)


def written(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, kind)
    return buffer.getvalue()


class Endless(io.RawIOBase):
    def read(self, size: int = -1) -> bytes:
        return bytes(1 << 20 if size < 0 else size)


def test_an_endless_source_stops_at_the_limit() -> None:
    limits = Limits(max_file_bytes=1 << 22)
    for call in (router.decompress, router.inspect, router.restore):
        with pytest.raises(LimitError) as caught:
            call(Endless(), limits=limits)
        assert caught.value.code == ReasonCode.FILE_TOO_LARGE


@pytest.mark.parametrize("call", [router.decompress, router.inspect, router.restore])
def test_what_cannot_be_read_from(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for source in (None, 5, io.StringIO("text")):
        with pytest.raises(UsageError) as usage:
            call(source)
        assert usage.value.code == ReasonCode.BAD_ARGUMENT
    for path, code in (
        (tmp_path, ReasonCode.NOT_A_FILE),
        (tmp_path / "none", ReasonCode.NOT_FOUND),
        ("a\0b", ReasonCode.NOT_FOUND),
    ):
        with pytest.raises(InputError) as missing:
            call(path)
        assert missing.value.code == code
    with pytest.raises(StreamError) as empty:
        call(b"")
    assert empty.value.code == ReasonCode.EMPTY_INPUT


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "BMP", "PPM"])
def test_a_passed_through_source_decodes_and_has_no_record(kind: str) -> None:
    data = written(kind)
    assert router.decompress(data).size == (64, 48)
    with pytest.raises(NoRecordError):
        router.inspect(data)
    with pytest.raises(StreamError) as caught:
        router.inspect(b"neither an image nor an output")
    assert caught.value.code == ReasonCode.UNKNOWN_STREAM


def test_restore_looks_at_the_size_before_it_decodes(samples: Samples) -> None:
    encoded = router.compress(samples["photo_astronaut"], codec="jxl-transcode")
    with pytest.raises(LimitError):
        router.restore(encoded.data, limits=Limits(max_pixels=1000))
    assert router.restore(encoded.data) == samples["photo_astronaut"].read_bytes()


def test_a_transcode_is_the_same_image_only_if_its_file_comes_back(samples: Samples) -> None:
    from router.codecs import registry

    codec = registry.get("jxl-transcode")
    data = router.compress(samples["photo_astronaut"], codec="jxl-transcode").data
    other = router.compress(samples["oriented_coffee"], codec="jxl-transcode").data
    assert codec.same_image(data, codec.with_xmp(data, b"<x/>"))
    assert not codec.same_image(data, other)


def test_a_neural_stream_is_the_same_image_only_with_the_same_streams() -> None:
    from router.codecs import registry

    codec = registry.get("ncr")
    coarse, fine = (
        router.compress(PIXELS, codec="ncr", quality=1, settings={"rate": r}, on_guard_fail="release") for r in (0, 60_000)
    )
    assert codec.same_image(coarse.data, codec.with_record(coarse.data, b"{}", None))
    assert not codec.same_image(coarse.data, fine.data)
    assert struct.unpack_from("<H", fine.data, fine.data.index(b"MODL") + 4) == (60_000,)


def test_what_is_whole_and_cannot_be_decoded_is_not_called_damaged() -> None:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).convert("CMYK").save(buffer, "JPEG")
    kept = router.compress(buffer.getvalue(), policy="archival")
    assert kept.data == buffer.getvalue()
    for data, code in (
        (kept.data, ReasonCode.MODE_NOT_SUPPORTED),
        (kept.data[: len(kept.data) // 2], ReasonCode.MODE_NOT_SUPPORTED),
        (written("JPEG")[:600], ReasonCode.DAMAGED_STREAM),
    ):
        with pytest.raises(StreamError) as caught:
            router.decompress(data)
        assert caught.value.code == code
