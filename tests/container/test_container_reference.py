"""Reading which model a file needs: without reading the file, and with every checksum compared."""

from __future__ import annotations

import io
import tracemalloc
import zlib

import pytest

from router.containers import ncr as container
from router.containers.ncr import Colour, Container, Grid, ModelReference, NcrHeader, TileStream
from router.errors import LimitError, RouterError, StreamError
from router.limits import DEFAULT_LIMITS, Limits


def file_of(tile_bytes: int, **metadata: bytes) -> bytes:
    header, model, grid = NcrHeader(130, 70, 4, Colour.SRGB), ModelReference("a.b", bytes(range(32)), 40_000), Grid(128, 64, 64)
    tiles = tuple(TileStream(1000 + i, bytes([i]) * tile_bytes) for i in range(4))
    return container.write(Container(header, model, grid, tiles, alpha=b"\0", **metadata))


DATA = file_of(4, record=b"{}", xmp=b"<x/>")
LARGE = file_of(500_000, exif=bytes(50_000))
FULL = container.parse(DATA)


def chunk(kind: bytes, payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "little") + kind + payload + zlib.crc32(kind + payload).to_bytes(4, "little")


def piece(kind: bytes) -> bytes:
    """The one chunk of this type in DATA."""
    start = DATA.index(kind) - 4
    return DATA[start : start + 12 + int.from_bytes(DATA[start : start + 4], "little")]


class CountingFile(io.BytesIO):
    """A file that knows how much was read from it."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


def reference(data: bytes, limits: Limits = DEFAULT_LIMITS) -> tuple[container.NcrHeader, container.ModelReference]:
    return container.read_reference(io.BytesIO(data), limits)


def checked(data: bytes) -> tuple[container.NcrHeader, container.ModelReference]:
    return container.check(io.BytesIO(data))


def code(data: bytes) -> str:
    with pytest.raises(StreamError) as refused:
        reference(data)
    return refused.value.code


def test_it_is_what_the_whole_file_says() -> None:
    for data in (DATA, LARGE):
        whole = container.parse(data)
        assert reference(data) == checked(data) == (whole.header, whole.model)


def test_it_reads_a_few_kilobytes_of_any_file() -> None:
    file = CountingFile(LARGE)
    file.seek(1234)
    assert container.read_reference(file)[1] == FULL.model
    assert file.count <= 5000 < len(LARGE)


def test_every_cut_is_seen() -> None:
    assert {code(DATA[:n]) for n in range(len(DATA))} == {"TRUNCATED"}
    assert {code(LARGE[:n]) for n in range(len(LARGE) - 1, 8, -9973)} == {"TRUNCATED"}


def test_damage_of_what_is_read_has_the_code_that_the_whole_file_has() -> None:
    assert DATA.startswith(container.SIGNATURE + piece(b"HEAD") + piece(b"MODL"))
    for at in range(len(container.SIGNATURE + piece(b"HEAD") + piece(b"MODL"))):
        for bit in (0, 5, 7):
            bad = bytearray(DATA)
            bad[at] ^= 1 << bit
            with pytest.raises(RouterError) as whole:
                container.parse(bytes(bad))
            assert code(bytes(bad)) == whole.value.code, f"bit {bit} of byte {at}"


def test_damage_of_what_is_not_read_is_not_seen() -> None:
    bad = bytearray(LARGE)
    bad[len(LARGE) // 2] ^= 1
    with pytest.raises(StreamError):
        container.parse(bytes(bad))
    assert reference(bytes(bad))[1] == FULL.model


def test_a_check_sees_what_the_whole_file_shows() -> None:
    """Every byte altered, every cut, and chunks in another order: the same code as from the reader that keeps everything."""
    order = [b"HEAD", b"MODL", b"GRID", b"recd", b"xmpp", b"ALPH", b"ENDS"]
    damaged = [DATA[:at] + bytes([DATA[at] ^ 32]) + DATA[at + 1 :] for at in range(len(DATA))]
    damaged += [DATA[:at] for at in range(len(DATA))]
    damaged += [DATA.replace(piece(kind), b"") for kind in order if kind.isupper()]
    damaged += [DATA.replace(piece(kind), piece(kind) * 2) for kind in order]
    damaged += [DATA + b"more", DATA.replace(piece(b"GRID"), piece(b"GRID") + chunk(b"NEWS", b""))]
    for bad in damaged:
        with pytest.raises(StreamError) as whole:
            container.parse(bad)
        with pytest.raises(StreamError) as refused:
            checked(bad)
        assert (refused.value.code, refused.value.message) == (whole.value.code, whole.value.message)
    with_news = DATA.replace(piece(b"GRID"), piece(b"GRID") + chunk(b"news", bytes(99)))
    assert checked(with_news) == reference(DATA)


def test_a_check_holds_one_chunk_at_a_time() -> None:
    file = io.BytesIO(LARGE)
    tracemalloc.start()
    container.check(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 500_000 < peak < 1_200_000 < len(LARGE)  # one and the next, of four


def test_a_newer_version_and_other_formats() -> None:
    newer = chunk(b"HEAD", (container.VERSION + 1).to_bytes(2, "little") + bytes(30))
    assert code(DATA.replace(piece(b"HEAD"), newer)) == "UNSUPPORTED_VERSION"
    assert code(b"\x89PNG\r\n\x1a\n" + DATA[8:]) == "UNKNOWN_STREAM"
    assert code(b"") == "TRUNCATED"
    assert code(DATA + b"more") == "TRUNCATED"  # it does not end with its last chunk


def test_a_large_chunk_before_the_reference_is_read_within_limits() -> None:
    late = DATA.replace(piece(b"xmpp"), b"").replace(piece(b"MODL"), chunk(b"xmpp", bytes(9000)) + piece(b"MODL"))
    assert container.parse(late).model == FULL.model
    assert reference(late) == (FULL.header, FULL.model)
    assert code(DATA.replace(piece(b"MODL"), b"")) == "DAMAGED_STREAM"
    with pytest.raises(LimitError) as refused:
        reference(late, Limits(max_file_bytes=5000))
    assert refused.value.code == "FILE_TOO_LARGE"


def test_no_limit_of_the_image_applies() -> None:
    assert reference(DATA, Limits(max_pixels=1, max_side=1, max_file_bytes=1)) == (FULL.header, FULL.model)
