"""The `.ncr` file: write, parse, validate. `docs/FORMAT.md` is the specification; this module holds no arithmetic of the codec.

Layout: an 8-byte signature, then chunks of u32 length, 4-letter type, payload, CRC-32 over type and payload. All integers are
little-endian. A capital first letter marks a chunk that a reader must understand.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

from router.errors import StreamError, UsageError
from router.limits import DEFAULT_LIMITS, NO_LIMITS, Limits
from router.reasons import ReasonCode

SIGNATURE = b"\x8bNCR\r\n\x1a\n"
VERSION = 1
"""The format version that this module reads and writes. Version 0 was experimental: only the build that wrote it reads it."""
MINOR = 1
"""What is written within that version: 1 adds the `bind` chunk. Readers of minor 0 read such files; this one reads both."""
MAX_CHUNK = (1 << 31) - 1
MAX_TILE_PIXELS = 1 << 22
"""A tile's core may not be larger, so that one tile bounds a decoder's memory."""
MAX_HALO = 256
MAX_SIDE = (1 << 31) - 1
PADDING = 64
"""Image sides are padded to a multiple of it before they are divided into tiles."""
MAX_UNKNOWN = 256
"""Chunks of unknown types in one file: an empty one takes 12 bytes of a file, and many times that in memory."""
MAX_TILES = 1 << 20
"""Tiles in one file: the smallest ones over 65,535 x 65,535 pixels."""

_MODEL_ID = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_MAX_MODEL_ID = 64

_START = 4096
"""Bytes in which our own writer's `HEAD` and `MODL` lie, whatever else a file holds."""

_HEAD = struct.Struct("<HIIBBBB")
_MODL = struct.Struct("<H32s")
_GRID = struct.Struct("<IIH")
_TILE = struct.Struct("<II")
_BIND = struct.Struct("<H16s")
_ANCILLARY = {b"recd": "record", b"iccp": "icc", b"exif": "exif", b"xmpp": "xmp"}
_KNOWN = (*_ANCILLARY, b"bind")


class Colour(IntEnum):
    """What the coded colour channels mean."""

    SRGB = 0
    """Three independent channels, IEC 61966-2-1."""
    NEUTRAL = 1
    """One gray value per pixel, repeated over the colour channels of the output."""


class Arithmetic(IntEnum):
    """How the entropy path was computed."""

    INTEGER = 1
    """Integers: every conforming reader obtains the same latents. (0, floating point, ended with version 0.)"""


@dataclass(frozen=True)
class Header:
    """Size and sample layout: `channels` 1 to 4 (L, LA, RGB, RGBA), `depth` bits per sample."""

    width: int
    height: int
    channels: int
    colour: Colour
    depth: int = 8
    arithmetic: Arithmetic = Arithmetic.INTEGER
    version: int = VERSION

    @property
    def has_alpha(self) -> bool:
        """Whether an alpha chunk must follow."""
        return self.channels in (2, 4)


@dataclass(frozen=True)
class ModelReference:
    """Which weights decode the tiles, and at which of 65,536 rate positions they were written."""

    model_id: str
    sha256: bytes
    rate_index: int


@dataclass(frozen=True)
class Grid:
    """Tile core size and halo in pixels. Cores tile the padded image from the top left; the last ones may be smaller."""

    tile_width: int
    tile_height: int
    halo: int


@dataclass(frozen=True)
class TileStream:
    """One tile's entropy-coded stream, and the checksum over the latent integers that it decodes to."""

    checksum: int
    data: bytes


@dataclass(frozen=True)
class Chunk:
    """A chunk that this version does not know and may ignore."""

    type: bytes
    payload: bytes


@dataclass(frozen=True)
class Container:
    """Everything in a file but its `bind` chunk, which `write` makes anew.

    Tiles in raster order; `exif` without the `Exif\\0\\0` prefix; `unknown`: ancillary chunks kept.
    """

    header: Header
    model: ModelReference
    grid: Grid
    tiles: tuple[TileStream, ...]
    alpha: bytes | None = None
    record: bytes | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    unknown: tuple[Chunk, ...] = ()


def tile_counts(header: Header, grid: Grid) -> tuple[int, int]:
    """(rows, columns) of the tile grid over the padded image."""
    return -(-_padded(header.height) // grid.tile_height), -(-_padded(header.width) // grid.tile_width)


def binding(header: Header, model: ModelReference, grid: Grid) -> bytes:
    """The head, model and grid payloads as written: what every tile's checksum starts with.

    It ties the streams to the size, the weights, the rate and the tiling, so that a tile of another file, or an edited
    header, fails the checksum even where its own CRC is right.
    """
    return _pack_head(header) + _pack_model(model) + _pack_grid(grid)


def write(container: Container) -> bytes:
    """The file. Raises UsageError (BAD_ARGUMENT) for a container that a reader would refuse."""
    c = container
    try:
        _validate(c)
    except StreamError as error:
        raise UsageError(f"cannot be written: {error.message}", code=ReasonCode.BAD_ARGUMENT) from error
    pieces = _Pieces()
    parts = [SIGNATURE]

    def add(kind: bytes, payload: bytes) -> None:
        pieces.add(kind, payload)
        parts.append(_chunk(kind, payload))

    add(b"HEAD", _pack_head(c.header))
    add(b"MODL", _pack_model(c.model))
    add(b"GRID", _pack_grid(c.grid))
    parts += _metadata({name: getattr(c, name) for name in _ANCILLARY.values()})
    parts += [_chunk(u.type, u.payload) for u in c.unknown]
    for i, t in enumerate(c.tiles):
        add(b"TILE", _TILE.pack(i, t.checksum) + t.data)
    if c.alpha is not None:
        add(b"ALPH", c.alpha)
    parts.append(_chunk(b"bind", _BIND.pack(MINOR, pieces.digest()[: _BIND.size - 2])))
    parts.append(_chunk(b"ENDS", b""))
    return b"".join(parts)


def parse(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Container:
    """Read and validate a file; nothing is decoded, and no more memory is taken than the file itself has.

    Raises:
        StreamError: UNKNOWN_STREAM (not this format), TRUNCATED, CHECKSUM_MISMATCH, UNSUPPORTED_VERSION,
            UNKNOWN_CRITICAL_CHUNK, BINDING_MISMATCH (a piece belongs to another file), DAMAGED_STREAM (a rule of the format
            is broken).
        LimitError: the file, or the image that its header announces, is larger than `limits`.
    """
    limits.check_bytes(len(data))
    reader = _Reader(limits)
    for kind, payload in _walk(io.BytesIO(data)):
        reader.take(kind, payload)
    return reader.finish()


def check(file: BinaryIO) -> tuple[Header, ModelReference]:
    """Which model a file needs, and that all of it is whole: every rule of the container and every CRC, as `parse` has them.

    `file` is seekable. Nothing is decoded, so neither limits nor the model matter; the memory is that of the largest chunk.

    Raises StreamError as `parse`; OSError as `file` does.
    """
    reader = _checked(file)
    assert reader.header is not None
    assert reader.model is not None
    return reader.header, reader.model


def ancillary(data: bytes) -> dict[str, bytes]:
    """`record`, `icc`, `exif` and `xmp` of a file, where it has them; no limit on the image applies, and no stream is kept.

    Raises StreamError as `parse`.
    """
    return _checked(io.BytesIO(data)).ancillary


def identity(data: bytes) -> bytes:
    """SHA-256 over all that decides the pixels: two files with the same one decode alike. Raises StreamError as `parse`."""
    return _checked(io.BytesIO(data)).pieces.digest()


def _checked(file: BinaryIO) -> _Reader:
    reader = _Reader(NO_LIMITS, keep=False)
    for kind, payload in _walk(file):
        reader.take(kind, payload)
    reader.finish()
    return reader


def read_reference(file: BinaryIO, limits: Limits = DEFAULT_LIMITS) -> tuple[Header, ModelReference]:
    """Which model a file needs: its first two critical chunks are read, and its end; no stream, no metadata, no pixel.

    `file` is seekable. What lies between `MODL` and the end is not looked at, and the size of the image is not limited: nothing
    is decoded. Only a file that holds much in front of `MODL`, as our writer makes none, is read whole.

    Raises StreamError as `parse` does for what is read (TRUNCATED too if the file does not end with its `ENDS` chunk); LimitError
    for a file that must be read whole and is larger than `limits`; OSError as `file` does.
    """
    end = _chunk(b"ENDS", b"")
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - len(end)))
    tail = file.read()
    file.seek(0)
    start = file.read(_START)
    try:
        found = _reference(start)
    except StreamError as error:
        if error.code is not ReasonCode.TRUNCATED or size <= len(start):
            raise
        limits.check_bytes(size)
        found = _reference(start + file.read())
    if tail != end:
        raise StreamError(
            "the file does not end with its ENDS chunk", code=ReasonCode.TRUNCATED, hint="Fetch the file again", chunk="ENDS"
        )
    return found


def _reference(data: bytes) -> tuple[Header, ModelReference]:
    reader = _Reader(NO_LIMITS, keep=False)
    for kind, payload in _walk(io.BytesIO(data)):
        reader.take(kind, payload)
        if reader.header is not None and reader.model is not None:
            return reader.header, reader.model
    raise reader.ends_early()


def replace(data: bytes, **changes: bytes | None) -> bytes:
    """`data` with `record`, `icc`, `exif` or `xmp` set (None removes); every other chunk stays byte for byte.

    What was replaced or set stands, with the rest of these four, in front of the first tile. A file of minor 0 stays one: nothing
    here knows that its pieces belong together.

    Raises StreamError as `parse`. Image size limits do not apply: no pixel is touched.
    """
    if unknown := changes.keys() - set(_ANCILLARY.values()):
        raise TypeError(f"not an ancillary chunk: {', '.join(sorted(unknown))}")
    if any(payload is not None and len(payload) > MAX_CHUNK for payload in changes.values()):
        raise UsageError("cannot be written: a chunk is too long", code=ReasonCode.BAD_ARGUMENT)
    reader = _Reader(NO_LIMITS, keep=False)
    front, at = 0, len(SIGNATURE)
    kept: list[tuple[int, int]] = []
    for kind, payload in _walk(io.BytesIO(data)):
        reader.take(kind, payload)
        start, at = at, at + len(payload) + 12
        if kind in (b"HEAD", b"MODL", b"GRID"):
            front = at
        if kind in _ANCILLARY:
            continue
        if kept and kept[-1][1] == start and start != front:
            kept[-1] = kept[-1][0], at
        else:
            kept.append((start, at))
    reader.finish()
    view = memoryview(data)
    before = [view[start:end] for start, end in kept if end <= front]
    after = [view[start:end] for start, end in kept if end > front]
    return b"".join([SIGNATURE, *before, *_metadata({**reader.ancillary, **changes}), *after])


def _metadata(payloads: Mapping[str, bytes | None]) -> list[bytes]:
    """The chunks that hold these, in the order of the format's table."""
    found = ((kind, payloads.get(name)) for kind, name in _ANCILLARY.items())
    return [_chunk(kind, payload) for kind, payload in found if payload is not None]


class _Pieces:
    """A hash over the critical chunks: `HEAD`, `MODL`, `GRID`, every `TILE`, `ALPH`, each with length and type.

    They are hashed in this order, whatever the order of `MODL` and `GRID` in a file.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._front: dict[bytes, bytes] = {}

    def add(self, kind: bytes, payload: bytes) -> None:
        """The next critical chunk but `ENDS`."""
        if kind in (b"HEAD", b"MODL", b"GRID"):
            self._front[kind] = payload
            return
        self._close_front()
        self._take(kind, payload)

    def digest(self) -> bytes:
        """32 bytes; `bind` holds the first 16 of them."""
        self._close_front()
        return self._hash.digest()

    def _close_front(self) -> None:
        if self._front:
            for kind in (b"HEAD", b"MODL", b"GRID"):
                if kind in self._front:
                    self._take(kind, self._front[kind])
            self._front.clear()

    def _take(self, kind: bytes, payload: bytes) -> None:
        self._hash.update(len(payload).to_bytes(4, "little") + kind)
        self._hash.update(payload)


class _Reader:
    """Collects chunks in order and enforces order and multiplicity."""

    def __init__(self, limits: Limits, *, keep: bool = True) -> None:
        """`keep`: False to judge tiles, alpha and unknown chunks without holding them."""
        self.limits = limits
        self.keep = keep
        self.header: Header | None = None
        self.model: ModelReference | None = None
        self.grid: Grid | None = None
        self.tiles: list[TileStream] = []
        self.taken = 0
        self.tile_count = 0
        self.alpha: bytes | None = None
        self.ancillary: dict[str, bytes] = {}
        self.unknown: list[Chunk] = []
        self.unknown_count = 0
        self.bound: bytes | None = None
        self.pieces = _Pieces()
        self.ended = False

    def take(self, kind: bytes, payload: bytes) -> None:
        if self.header is None:
            if kind != b"HEAD":
                raise _damaged(f"the first chunk is {_name(kind)}, not HEAD")
            self.header = _unpack_head(payload)
            self.limits.check_size(self.header.width, self.header.height)
        elif kind == b"MODL":
            self._once(kind, self.model is not None)
            self.model = _unpack_model(payload)
        elif kind == b"GRID":
            self._once(kind, self.grid is not None)
            self.grid = _unpack_grid(payload)
            rows, columns = tile_counts(self.header, self.grid)
            self.tile_count = rows * columns
            if self.tile_count > MAX_TILES:
                raise _damaged(f"a grid of {rows} x {columns} tiles")
        elif kind == b"TILE":
            self._take_tile(payload)
        elif kind == b"ALPH":
            self._once(kind, self.alpha is not None)
            if not self.header.has_alpha:
                raise _damaged("ALPH chunk in an image without alpha")
            self._after_tiles(kind)
            self.alpha = payload if self.keep else b""
        elif kind == b"ENDS":
            if payload:
                raise _damaged("ENDS chunk is not empty")
            self._after_tiles(kind)
            if self.header.has_alpha and self.alpha is None:
                raise _damaged("ALPH chunk is missing")
            self._check_binding()
            self.ended = True
        elif name := _ANCILLARY.get(kind):
            self._once(kind, name in self.ancillary)
            self.ancillary[name] = payload
        elif kind == b"HEAD":
            raise _damaged("second HEAD chunk")
        elif kind == b"bind":
            self._once(kind, self.bound is not None)
            self.bound = _unpack_binding(payload)
        elif kind[0] & 0x20:
            self._take_unknown(kind, payload)
        else:
            raise StreamError(
                f"unknown critical chunk {_name(kind)}",
                code=ReasonCode.UNKNOWN_CRITICAL_CHUNK,
                hint="The file was written by a newer or a different writer",
                chunk=_name(kind),
            )
        if not (kind[0] & 0x20 or self.ended):
            self.pieces.add(kind, payload)

    def finish(self) -> Container:
        """What was kept. Raises StreamError (TRUNCATED)."""
        if not self.ended or self.header is None or self.model is None or self.grid is None:
            raise self.ends_early()
        return Container(
            header=self.header,
            model=self.model,
            grid=self.grid,
            tiles=tuple(self.tiles),
            alpha=self.alpha,
            unknown=tuple(self.unknown),
            **self.ancillary,
        )

    def ends_early(self) -> StreamError:
        return StreamError(
            f"the file ends before its {self._next()} chunk", code=ReasonCode.TRUNCATED, hint="Fetch the file again"
        )

    def _take_tile(self, payload: bytes) -> None:
        if self.model is None or self.grid is None:
            raise _damaged(f"TILE chunk before {'MODL' if self.model is None else 'GRID'}")
        if len(payload) < _TILE.size:
            raise _damaged("TILE chunk is shorter than its fixed part")
        index, checksum = _TILE.unpack_from(payload)
        if index != self.taken or index >= self.tile_count or self.alpha is not None:
            raise _damaged(f"TILE chunk {index} where {self._next()} belongs")
        self.taken += 1
        if self.keep:
            self.tiles.append(TileStream(checksum, payload[_TILE.size :]))

    def _take_unknown(self, kind: bytes, payload: bytes) -> None:
        self.unknown_count += 1
        if self.unknown_count > MAX_UNKNOWN:
            raise _damaged(f"more than {MAX_UNKNOWN} chunks of unknown types")
        if self.keep:
            self.unknown.append(Chunk(kind, payload))

    def _check_binding(self) -> None:
        if self.bound is not None and self.bound != self.pieces.digest()[: len(self.bound)]:
            raise StreamError(
                "the pieces of the file do not belong together",
                code=ReasonCode.BINDING_MISMATCH,
                hint="It was put together from several files: fetch it again",
                chunk="bind",
            )

    def _once(self, kind: bytes, seen: bool) -> None:
        if seen:
            raise _damaged(f"second {_name(kind)} chunk")

    def _after_tiles(self, kind: bytes) -> None:
        if self.model is None or self.grid is None or self.taken < self.tile_count:
            raise _damaged(f"{_name(kind)} chunk where {self._next()} belongs")

    def _next(self) -> str:
        if self.header is None:
            return "HEAD"
        if self.model is None:
            return "MODL"
        if self.grid is None:
            return "GRID"
        if self.taken < self.tile_count:
            return f"TILE {self.taken} (of {self.tile_count})"
        return "ALPH" if self.header.has_alpha and self.alpha is None else "ENDS"


def _check_signature(head: bytes) -> None:
    if head == SIGNATURE:
        return
    if SIGNATURE.startswith(head):
        raise StreamError("the signature is cut off", code=ReasonCode.TRUNCATED, hint="Fetch the file again")
    if head[1:4] == SIGNATURE[1:4]:
        raise _damaged("the signature was altered in transfer (line endings or a 7-bit channel)")
    raise StreamError("not an .ncr file", code=ReasonCode.UNKNOWN_STREAM)


def _walk(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """(type, payload) of every chunk up to ENDS, signature, each length and CRC checked first; one payload is held at a time."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    _check_signature(file.read(len(SIGNATURE)))
    position = len(SIGNATURE)
    while position < size:
        if size - position < 8:
            raise StreamError(f"chunk header cut off at byte {position}", code=ReasonCode.TRUNCATED, hint="Fetch the file again")
        head = file.read(8)
        length, kind = int.from_bytes(head[:4], "little"), head[4:]
        if not (kind.isalpha() and kind.isascii()):
            raise _damaged(f"{kind!r} at byte {position} is no chunk type")
        if length > MAX_CHUNK:
            raise _damaged(f"{_name(kind)} chunk claims {length} bytes, more than the {MAX_CHUNK} of any chunk")
        end = position + 8 + length
        if end + 4 > size:
            raise StreamError(
                f"{_name(kind)} chunk at byte {position} is cut off: {end + 4 - size} bytes are missing",
                code=ReasonCode.TRUNCATED,
                hint="Fetch the file again",
                chunk=_name(kind),
            )
        payload = file.read(length)
        if int.from_bytes(file.read(4), "little") != zlib.crc32(payload, zlib.crc32(kind)):
            raise StreamError(
                f"CRC of the {_name(kind)} chunk at byte {position} does not match",
                code=ReasonCode.CHECKSUM_MISMATCH,
                hint="The file is damaged: fetch it again",
                chunk=_name(kind),
            )
        yield kind, payload
        position = end + 4
        if kind == b"ENDS":
            break
    if position < size:
        raise _damaged(f"{size - position} bytes after the ENDS chunk")


def _chunk(kind: bytes, payload: bytes) -> bytes:
    crc = zlib.crc32(payload, zlib.crc32(kind))
    return b"".join((len(payload).to_bytes(4, "little"), kind, payload, crc.to_bytes(4, "little")))


def _pack_head(h: Header) -> bytes:
    return _HEAD.pack(h.version, h.width, h.height, h.channels, h.depth, h.colour, h.arithmetic)


def _unpack_head(payload: bytes) -> Header:
    # The version alone decides how the rest is laid out, so it is judged before the length.
    if len(payload) >= 2 and (version := int.from_bytes(payload[:2], "little")) != VERSION:
        raise StreamError(
            f"format version {version}; this reader knows {VERSION}",
            code=ReasonCode.UNSUPPORTED_VERSION,
            hint="Update codec-router" if version else "Decode it with the experimental build that wrote it",
            version=version,
        )
    if len(payload) != _HEAD.size:
        raise _damaged(f"HEAD chunk has {len(payload)} bytes, not {_HEAD.size}")
    version, width, height, channels, depth, colour, arithmetic = _HEAD.unpack(payload)
    try:
        header = Header(width, height, channels, Colour(colour), depth, Arithmetic(arithmetic), version)
    except ValueError as error:
        raise _damaged("HEAD chunk: a colour or arithmetic of unknown kind") from error
    _validate_header(header)
    return header


def _pack_model(m: ModelReference) -> bytes:
    return _MODL.pack(m.rate_index, m.sha256) + m.model_id.encode("ascii")


def _unpack_model(payload: bytes) -> ModelReference:
    if len(payload) < _MODL.size:
        raise _damaged("MODL chunk is shorter than its fixed part")
    rate_index, sha256 = _MODL.unpack_from(payload)
    model = ModelReference(payload[_MODL.size :].decode("ascii", "replace"), sha256, rate_index)
    _validate_model(model)
    return model


def _pack_grid(g: Grid) -> bytes:
    return _GRID.pack(g.tile_width, g.tile_height, g.halo)


def _unpack_grid(payload: bytes) -> Grid:
    if len(payload) != _GRID.size:
        raise _damaged(f"GRID chunk has {len(payload)} bytes, not {_GRID.size}")
    grid = Grid(*_GRID.unpack(payload))
    _validate_grid(grid)
    return grid


def _unpack_binding(payload: bytes) -> bytes:
    if len(payload) < _BIND.size:
        raise _damaged("bind chunk is shorter than its fixed part")
    minor, bound = _BIND.unpack_from(payload)
    if minor < 1 or (minor == MINOR and len(payload) != _BIND.size):
        raise _damaged(f"bind chunk of {len(payload)} bytes for minor version {minor}")
    return bytes(bound)


def _validate(c: Container) -> None:
    _validate_header(c.header)
    _validate_model(c.model)
    _validate_grid(c.grid)
    rows, columns = tile_counts(c.header, c.grid)
    if len(c.tiles) != rows * columns:
        raise _damaged(f"{len(c.tiles)} tiles for a grid of {rows} x {columns}")
    if c.header.has_alpha != (c.alpha is not None):
        raise _damaged("alpha stream and channel count do not agree")
    if len(c.tiles) > MAX_TILES or len(c.unknown) > MAX_UNKNOWN:
        raise _damaged("too many chunks")
    for u in c.unknown:
        if len(u.type) != 4 or not (u.type.isalpha() and u.type.isascii() and u.type[0] & 0x20) or u.type in _KNOWN:
            raise _damaged(f"{u.type!r} is not the type of an unknown ancillary chunk")
    payloads = [t.data for t in c.tiles] + [u.payload for u in c.unknown]
    payloads += [p for p in (c.alpha, c.record, c.icc, c.exif, c.xmp) if p is not None]
    if any(len(p) > MAX_CHUNK - _TILE.size for p in payloads):
        raise _damaged("a chunk is too long")


def _validate_header(h: Header) -> None:
    if h.version != VERSION:
        raise _damaged(f"HEAD chunk: version {h.version}")
    if not (1 <= h.width <= MAX_SIDE and 1 <= h.height <= MAX_SIDE):
        raise _damaged(f"HEAD chunk: size {h.width}x{h.height}")
    if not 1 <= h.channels <= 4:
        raise _damaged(f"HEAD chunk: {h.channels} channels")
    if h.channels < 3 and h.colour is not Colour.NEUTRAL:
        raise _damaged("HEAD chunk: an image of one or two channels must be neutral")
    if h.depth != 8:
        raise _damaged(f"HEAD chunk: {h.depth} bits per sample")


def _validate_model(m: ModelReference) -> None:
    if len(m.model_id) > _MAX_MODEL_ID or _MODEL_ID.fullmatch(m.model_id) is None:
        raise _damaged("MODL chunk: the model id is malformed")
    if len(m.sha256) != 32 or not 0 <= m.rate_index <= 0xFFFF:
        raise _damaged("MODL chunk: hash or rate index out of range")


def _validate_grid(g: Grid) -> None:
    sides = (g.tile_width, g.tile_height)
    if any(s < PADDING or s % PADDING for s in sides) or g.tile_width * g.tile_height > MAX_TILE_PIXELS:
        raise _damaged(f"GRID chunk: tiles of {g.tile_width}x{g.tile_height}")
    if not 0 <= g.halo <= min(MAX_HALO, *sides) or g.halo % 16:
        raise _damaged(f"GRID chunk: halo of {g.halo}")


def _padded(side: int) -> int:
    return -(-side // PADDING) * PADDING


def _name(kind: bytes) -> str:
    return kind.decode("ascii", "backslashreplace")


def _damaged(message: str) -> StreamError:
    return StreamError(message, code=ReasonCode.DAMAGED_STREAM, hint="Fetch the file again")
