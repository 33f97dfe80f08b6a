"""The `.ncr` container: round trip, every rule of the format, damage of every kind."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.containers import ncr as container
from router.containers.ncr import Colour, Container, Grid, ModelReference, NcrHeader, TileStream, UnknownChunk
from router.errors import LimitError, StreamError, UsageError
from router.limits import DEFAULT_LIMITS, Limits
from router.reasons import ReasonCode

FORMAT = Path(__file__).parents[2] / "docs" / "reference" / "format.md"

FULL = Container(
    NcrHeader(130, 70, 4, Colour.SRGB),
    ModelReference("photo-9.test1", bytes(range(32)), 40_000),
    Grid(128, 64, 64),
    tuple(TileStream(1000 + i, bytes([i]) * (4 * i)) for i in range(4)),
    alpha=b"\x00\xff",
    record=b'{"lane":"neural"}',
    icc=b"profile",
    exif=b"II*\0",
    xmp=b"<x/>",
    unknown=(UnknownChunk(b"priv", b"kept"),),
)
DATA = container.write(FULL)


def chunks(data: bytes) -> list[tuple[int, bytes, int]]:
    """(start, type, end) of every chunk, by an independent walk."""
    found, at = [], 8
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "little")
        found.append((at, data[at + 4 : at + 8], end))
        at = end
    return found


def chunk(kind: bytes, payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "little") + kind + payload + zlib.crc32(kind + payload).to_bytes(4, "little")


def pieces(data: bytes = DATA) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for start, kind, end in chunks(data):
        found.setdefault(kind, []).append(data[start:end])
    return found


def reason(data: bytes, limits: Limits = DEFAULT_LIMITS) -> ReasonCode:
    with pytest.raises(StreamError) as caught:
        container.parse(data, limits)
    return caught.value.code


def test_everything_comes_back() -> None:
    assert container.parse(DATA) == FULL


@given(
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    channels=st.integers(1, 4),
    rate=st.integers(0, 65_535),
    tile=st.sampled_from([(64, 64), (128, 64), (448, 448)]),
    texts=st.tuples(*[st.none() | st.binary(max_size=40)] * 4),
    draw=st.data(),
)
@settings(max_examples=40, deadline=None)
def test_any_container_comes_back(width, height, channels, rate, tile, texts, draw) -> None:
    header = NcrHeader(width, height, channels, Colour.NEUTRAL if channels < 3 else draw.draw(st.sampled_from(Colour)))
    grid = Grid(*tile, 64)
    rows, columns = container.tile_counts(header, grid)
    stream = draw.draw(st.binary(max_size=12))
    tiles = tuple(TileStream(zlib.crc32(bytes([i % 256])), stream) for i in range(rows * columns))
    record, icc, exif, xmp = texts
    alpha = draw.draw(st.binary(max_size=9)) if channels in (2, 4) else None
    model = ModelReference("a.b", bytes(32), rate)
    whole = Container(header, model, grid, tiles, alpha, record, icc, exif, xmp)
    data = container.write(whole)
    assert container.parse(data) == whole
    assert container.write(container.parse(data)) == data


def test_replace_touches_nothing_else() -> None:
    before, data = pieces(), container.replace(DATA, record=b"new", xmp=None)
    after = pieces(data)
    assert after[b"recd"] == [chunk(b"recd", b"new")]
    assert b"xmpp" not in after
    assert {k: v for k, v in after.items() if k != b"recd"} == {k: v for k, v in before.items() if k not in (b"recd", b"xmpp")}
    with pytest.raises(TypeError):
        container.replace(DATA, tiles=b"")


@pytest.mark.parametrize("end", range(len(DATA)))
def test_cut_anywhere_is_truncated(end: int) -> None:
    assert reason(DATA[:end]) is ReasonCode.TRUNCATED


@pytest.mark.parametrize(
    ("last", "missing"), [(b"MODL", "GRID"), (b"GRID", "TILE 0 (of 4)"), (b"TILE", "ALPH"), (b"ALPH", "ENDS")]
)
def test_cut_at_a_border_names_what_is_missing(last: bytes, missing: str) -> None:
    end = max(end for _, kind, end in chunks(DATA) if kind == last)
    with pytest.raises(StreamError, match=re.escape(missing)):
        container.parse(DATA[:end])


def test_cut_inside_a_chunk_names_it() -> None:
    start = next(start for start, kind, _ in chunks(DATA) if kind == b"GRID")
    with pytest.raises(StreamError, match=r"GRID.*cut off: \d+ bytes"):
        container.parse(DATA[: start + 10])


@given(st.integers(8 * 8, 8 * len(DATA) - 1))
@settings(max_examples=300, deadline=None)
def test_a_flipped_bit_is_an_error(bit: int) -> None:
    damaged = bytearray(DATA)
    damaged[bit // 8] ^= 1 << bit % 8
    assert reason(bytes(damaged)) in {ReasonCode.CHECKSUM_MISMATCH, ReasonCode.TRUNCATED, ReasonCode.DAMAGED_STREAM}


def test_a_flipped_payload_bit_is_a_checksum_mismatch_that_names_the_chunk() -> None:
    for start, kind, end in chunks(DATA):
        if end - start > 12:
            damaged = bytearray(DATA)
            damaged[start + 8] ^= 4
            with pytest.raises(StreamError, match=kind.decode()) as caught:
                container.parse(bytes(damaged))
            assert caught.value.code is ReasonCode.CHECKSUM_MISMATCH
            assert caught.value.details["chunk"] == kind.decode()


@given(st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_noise_after_the_signature_is_an_error(noise: bytes) -> None:
    assert isinstance(reason(container.SIGNATURE + noise), ReasonCode)


@given(st.lists(st.sampled_from([p for v in pieces().values() for p in v]), max_size=14))
@settings(max_examples=150, deadline=None)
def test_chunks_in_any_order_are_refused_or_complete(parts: list[bytes]) -> None:
    data = container.SIGNATURE + b"".join(parts)
    try:
        parsed = container.parse(data)
    except StreamError:
        return
    assert len(parsed.tiles) == 4
    assert parsed.alpha is not None


def test_signature() -> None:
    assert reason(b"") is ReasonCode.TRUNCATED
    assert reason(b"\x89PNG\r\n\x1a\n" + DATA[8:]) is ReasonCode.UNKNOWN_STREAM
    assert reason(DATA.replace(b"\r\n", b"\n", 1)) is ReasonCode.DAMAGED_STREAM
    assert reason(b"\x0b" + DATA[1:]) is ReasonCode.DAMAGED_STREAM


@pytest.mark.parametrize("version", [0, 2, 7, 65_535])
def test_another_version_is_said_before_anything_else(version: int) -> None:
    """Newer ones, and the experimental version 0."""
    other = chunk(b"HEAD", version.to_bytes(2, "little") + b"laid out in another way")
    with pytest.raises(StreamError, match=f"version {version}; ") as caught:
        container.parse(container.SIGNATURE + other + chunk(b"NEWX", b""))
    assert caught.value.code is ReasonCode.UNSUPPORTED_VERSION
    assert ("experimental" in caught.value.hint) == (version == 0)


def test_other_arithmetic_is_damage() -> None:
    (old,) = pieces()[b"HEAD"]
    for arithmetic in (0, 2):
        assert reason(DATA.replace(old, chunk(b"HEAD", old[8:-5] + bytes([arithmetic])))) is ReasonCode.DAMAGED_STREAM


def insert(kind: bytes, before: bytes, payload: bytes = b"") -> bytes:
    start = next(start for start, k, _ in chunks(DATA) if k == before)
    return DATA[:start] + chunk(kind, payload) + DATA[start:]


def test_unknown_chunks() -> None:
    assert reason(insert(b"NEWX", b"GRID")) is ReasonCode.UNKNOWN_CRITICAL_CHUNK
    parsed = container.parse(insert(b"newX", b"ALPH", b"!"))
    assert parsed.unknown == (UnknownChunk(b"priv", b"kept"), UnknownChunk(b"newX", b"!"))
    assert container.parse(container.replace(insert(b"newX", b"ALPH", b"!"), record=None)).unknown == parsed.unknown


def critical(data: bytes) -> bytes:
    """The binding of docs/reference/format.md, by an independent walk."""
    found = [
        data[start : start + 4] + kind + data[start + 8 : end - 4]
        for wanted in (b"HEAD", b"MODL", b"GRID", b"TILE", b"ALPH")
        for start, kind, end in chunks(data)
        if kind == wanted
    ]
    return hashlib.sha256(b"".join(found)).digest()[:16]


def unbound(data: bytes = DATA) -> bytes:
    """As a writer of minor version 0 leaves it."""
    (bind,) = pieces(data)[b"bind"]
    return data.replace(bind, b"")


def test_pieces_are_bound() -> None:
    (bind,) = pieces()[b"bind"]
    assert bind == chunk(b"bind", b"\1\0" + critical(DATA))
    assert pieces(container.replace(DATA, record=b"new", icc=None, exif=None, xmp=None))[b"bind"] == [bind]


@pytest.mark.parametrize("kind", [b"HEAD", b"MODL", b"GRID", b"TILE", b"ALPH"])
def test_a_piece_of_another_file_is_seen(kind: bytes) -> None:
    """Every CRC is right, and the file without its binding would be read."""
    changed = {
        b"HEAD": {"header": dataclasses.replace(FULL.header, width=129)},
        b"MODL": {"model": dataclasses.replace(FULL.model, rate_index=7)},
        b"GRID": {"grid": dataclasses.replace(FULL.grid, halo=48)},
        b"TILE": {"tiles": tuple(TileStream(t.checksum ^ 1, t.data) for t in FULL.tiles)},
        b"ALPH": {"alpha": b"\x00\x7f"},
    }[kind]
    other = pieces(container.write(dataclasses.replace(FULL, **changed)))[kind]  # type: ignore[arg-type]
    for own, foreign in zip(pieces()[kind], other, strict=True):
        mixed = DATA.replace(own, foreign)
        assert reason(mixed) is ReasonCode.BINDING_MISMATCH
        with pytest.raises(StreamError) as caught:
            container.check(io.BytesIO(mixed))
        assert caught.value.code is ReasonCode.BINDING_MISMATCH
        for read in (container.ancillary, container.identity, container.replace):
            with pytest.raises(StreamError):
                read(mixed)
        container.parse(unbound(mixed))


def test_files_of_minor_version_0_stay_what_they_are() -> None:
    old = unbound()
    assert container.parse(old) == FULL
    edited = container.replace(old, record=b"new")
    assert b"bind" not in pieces(edited)
    assert container.replace(edited, record=FULL.record) == old
    assert container.identity(old) == container.identity(DATA)


def test_a_claim_of_a_binding_must_hold() -> None:
    (bind,) = pieces()[b"bind"]
    right = bind[8:-4]
    for payload in (b"", b"\1\0", right[:-1], b"\0\0" + right[2:], right + b"\0"):
        assert reason(DATA.replace(bind, chunk(b"bind", payload))) is ReasonCode.DAMAGED_STREAM
    assert reason(DATA.replace(bind, bind * 2)) is ReasonCode.DAMAGED_STREAM
    newer = chunk(b"bind", b"\2\0" + right[2:] + b"more")
    assert container.parse(DATA.replace(bind, newer)) == FULL
    wrong = chunk(b"bind", b"\2\0" + bytes(16) + b"more")
    assert reason(DATA.replace(bind, wrong)) is ReasonCode.BINDING_MISMATCH


def test_the_binding_may_stand_anywhere_and_does_not_depend_on_the_order() -> None:
    """An editor of minor version 0 puts it in front of the tiles; another writer may put `GRID` before `MODL`."""
    (bind,) = pieces()[b"bind"]
    for _, kind, end in chunks(unbound()):
        if kind != b"ENDS":
            assert container.parse(unbound()[:end] + bind + unbound()[end:]) == FULL
    (model,), (grid,) = pieces()[b"MODL"], pieces()[b"GRID"]
    swapped = DATA.replace(model + grid, grid + model)
    assert container.parse(swapped) == FULL
    assert container.replace(swapped, record=None) == swapped.replace(pieces()[b"recd"][0], b"")


def test_floods_of_empty_chunks_are_refused() -> None:
    """Work is counted: what is read of the file before it is given up."""

    class Counting(io.BytesIO):
        calls = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.calls += 1
            return super().read(size)

    start = next(start for start, kind, _ in chunks(DATA) if kind == b"TILE")
    flood = DATA[:start] + chunk(b"nowt", b"") * 100_000 + DATA[start:]
    assert reason(flood) is ReasonCode.DAMAGED_STREAM
    file = Counting(flood)
    with pytest.raises(StreamError, match="unknown types"):
        container.check(file)
    assert file.calls < 1000
    with pytest.raises(UsageError):
        container.write(dataclasses.replace(FULL, unknown=(UnknownChunk(b"nowt", b""),) * 257))
    many = DATA[:start] + chunk(b"nowt", b"") * 255 + DATA[start:]
    assert len(container.parse(many).unknown) == 256
    head, grid = pieces()[b"HEAD"][0], pieces()[b"GRID"][0]
    endless = DATA.replace(head, chunk(b"HEAD", head[8:10] + b"\0\0\0\1" * 2 + head[18:-4]))
    endless = endless.replace(grid, chunk(b"GRID", b"\x40\0\0\0" * 2 + b"\0\0"))
    for read in (lambda data: container.check(io.BytesIO(data)), container.identity, container.ancillary):
        with pytest.raises(StreamError, match="grid of"):
            read(endless)


def test_four_gigabytes_are_not_taken() -> None:
    for length, code in ((0xFFFFFFFF, ReasonCode.DAMAGED_STREAM), (0x7FFFFFFF, ReasonCode.TRUNCATED)):
        for start, _, _ in chunks(DATA):
            assert reason(DATA[:start] + length.to_bytes(4, "little") + DATA[start + 4 :]) is code


@pytest.mark.parametrize("kind", [b"HEAD", b"MODL", b"GRID", b"ALPH", b"recd", b"iccp", b"exif", b"xmpp"])
def test_twice_is_damaged(kind: bytes) -> None:
    (one,) = pieces()[kind]
    end = next(end for _, k, end in chunks(DATA) if k == kind)
    assert reason(DATA[:end] + one + DATA[end:]) is ReasonCode.DAMAGED_STREAM


@pytest.mark.parametrize("kind", [b"HEAD", b"MODL", b"GRID", b"ALPH", b"TILE"])
def test_missing_is_damaged(kind: bytes) -> None:
    start, end = next((s, e) for s, k, e in chunks(DATA) if k == kind)
    assert reason(DATA[:start] + DATA[end:]) is ReasonCode.DAMAGED_STREAM


def test_tiles_out_of_order_and_too_many() -> None:
    parts = pieces()
    head = container.SIGNATURE + b"".join(parts[k][0] for k in (b"HEAD", b"MODL", b"GRID"))
    tiles, tail = parts[b"TILE"], parts[b"ALPH"][0] + parts[b"ENDS"][0]
    container.parse(head + b"".join(tiles) + tail)
    for wrong in ([tiles[1], tiles[0], *tiles[2:]], [*tiles, tiles[3]], [tiles[0], *tiles]):
        assert reason(head + b"".join(wrong) + tail) is ReasonCode.DAMAGED_STREAM
    extra = chunk(b"TILE", (4).to_bytes(4, "little") + bytes(4))
    assert reason(head + b"".join(tiles) + extra + tail) is ReasonCode.DAMAGED_STREAM


def test_bytes_after_the_end() -> None:
    assert reason(DATA + b"\0") is ReasonCode.DAMAGED_STREAM
    assert reason(DATA + DATA) is ReasonCode.DAMAGED_STREAM


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 0},
        {"height": 1 << 31},
        {"channels": 5},
        {"channels": 2},
        {"depth": 16},
        {"version": 0},
        {"version": 2},
    ],
)
def test_a_header_that_a_reader_refuses_is_not_written(changes: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        container.write(dataclasses.replace(FULL, header=dataclasses.replace(FULL.header, **changes)))


@pytest.mark.parametrize("grid", [Grid(0, 64, 0), Grid(100, 64, 0), Grid(128, 64, 80), Grid(128, 64, 7), Grid(4096, 4096, 64)])
def test_a_grid_out_of_bounds_is_refused_both_ways(grid: Grid) -> None:
    with pytest.raises(UsageError):
        container.write(dataclasses.replace(FULL, grid=grid))
    payload = b"".join(v.to_bytes(n, "little") for v, n in ((grid.tile_width, 4), (grid.tile_height, 4), (grid.halo, 2)))
    (old,) = pieces()[b"GRID"]
    assert reason(DATA.replace(old, chunk(b"GRID", payload))) is ReasonCode.DAMAGED_STREAM


@pytest.mark.parametrize("model_id", ["", "../evil", "a..b", "A", "a/b", "x" * 65, "é"])
def test_a_model_id_is_a_plain_name(model_id: str) -> None:
    payload = bytes(34) + model_id.encode("latin-1")
    (old,) = pieces()[b"MODL"]
    assert reason(DATA.replace(old, chunk(b"MODL", payload))) is ReasonCode.DAMAGED_STREAM
    with pytest.raises(UsageError):
        container.write(dataclasses.replace(FULL, model=ModelReference(model_id, bytes(32), 0)))


def test_limits_come_from_the_header() -> None:
    (old,) = pieces()[b"HEAD"]
    huge = bytearray(old[8:-4])
    huge[2:10] = (60_000).to_bytes(4, "little") * 2
    data = DATA.replace(old, chunk(b"HEAD", bytes(huge)))
    with pytest.raises(LimitError) as caught:
        container.parse(data)
    assert caught.value.code is ReasonCode.TOO_MANY_PIXELS
    with pytest.raises(LimitError):
        container.parse(DATA, Limits(max_side=129))
    with pytest.raises(LimitError):
        container.parse(DATA, Limits(max_file_bytes=len(DATA) - 1))


def test_the_specification_holds_a_readable_file() -> None:
    """The worked example of docs/reference/format.md, byte for byte."""
    dump = re.findall(r"^[0-9a-f]{4}  ((?:[0-9a-f]{2} ?)+)", FORMAT.read_text("utf-8"), re.MULTILINE)
    parsed = container.parse(bytes.fromhex("".join(dump)))
    assert (parsed.header.width, parsed.header.height, parsed.header.channels) == (1, 1, 2)
    assert parsed.record == b'{"lane":"neural"}'
    assert parsed.alpha == b"\x00\xff"


def test_reading_needs_neither_torch_nor_numpy() -> None:
    code = "import sys; from router.containers import ncr; assert not {'torch', 'numpy'} & set(sys.modules), 'heavy import'"
    subprocess.run([sys.executable, "-c", code], check=True)
