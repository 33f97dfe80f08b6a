"""Reading `.ncr` files: whole, or only what a question needs."""

from __future__ import annotations

import hashlib
import io
import os
from typing import BinaryIO

from router.containers.ncr.chunks import chunk, iter_chunks
from router.containers.ncr.layout import (
    ANCILLARY,
    MAX_TILES,
    MAX_UNKNOWN,
    Container,
    Grid,
    ModelReference,
    NcrHeader,
    TileStream,
    UnknownChunk,
    damaged,
    tile_counts,
    type_name,
)
from router.containers.ncr.payloads import TILE, unpack_binding, unpack_grid, unpack_head, unpack_model
from router.errors import StreamError
from router.limits import DEFAULT_LIMITS, NO_LIMITS, Limits
from router.reasons import ReasonCode

_START = 4096
"""Bytes in which our own writer's `HEAD` and `MODL` lie, whatever else a file holds."""


def parse(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Container:
    """Read and validate a file; nothing is decoded, and no more memory is taken than the file itself has.

    Raises:
        StreamError: UNKNOWN_STREAM (not this format), TRUNCATED, CHECKSUM_MISMATCH, UNSUPPORTED_VERSION,
            UNKNOWN_CRITICAL_CHUNK, BINDING_MISMATCH (a piece belongs to another file), DAMAGED_STREAM (a rule of the format
            is broken).
        LimitError: the file, or the image that its header announces, is larger than `limits`.
    """
    limits.check_bytes(len(data))
    reader = Reader(limits)
    for kind, payload in iter_chunks(io.BytesIO(data)):
        reader.take(kind, payload)
    return reader.finish()


def check(file: BinaryIO) -> tuple[NcrHeader, ModelReference]:
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


def _checked(file: BinaryIO) -> Reader:
    reader = Reader(NO_LIMITS, keep=False)
    for kind, payload in iter_chunks(file):
        reader.take(kind, payload)
    reader.finish()
    return reader


def read_reference(file: BinaryIO, limits: Limits = DEFAULT_LIMITS) -> tuple[NcrHeader, ModelReference]:
    """Which model a file needs: its first two critical chunks are read, and its end; no stream, no metadata, no pixel.

    `file` is seekable. What lies between `MODL` and the end is not looked at, and the size of the image is not limited: nothing
    is decoded. Only a file that holds much in front of `MODL`, as our writer makes none, is read whole.

    Raises StreamError as `parse` does for what is read (TRUNCATED too if the file does not end with its `ENDS` chunk); LimitError
    for a file that must be read whole and is larger than `limits`; OSError as `file` does.
    """
    end = chunk(b"ENDS", b"")
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


def _reference(data: bytes) -> tuple[NcrHeader, ModelReference]:
    reader = Reader(NO_LIMITS, keep=False)
    for kind, payload in iter_chunks(io.BytesIO(data)):
        reader.take(kind, payload)
        if reader.header is not None and reader.model is not None:
            return reader.header, reader.model
    raise reader.ends_early()


class Pieces:
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


class Reader:
    """Collects chunks in order and enforces order and multiplicity."""

    def __init__(self, limits: Limits, *, keep: bool = True) -> None:
        """`keep`: False to judge tiles, alpha and unknown chunks without holding them."""
        self.limits = limits
        self.keep = keep
        self.header: NcrHeader | None = None
        self.model: ModelReference | None = None
        self.grid: Grid | None = None
        self.tiles: list[TileStream] = []
        self.taken = 0
        self.tile_count = 0
        self.alpha: bytes | None = None
        self.ancillary: dict[str, bytes] = {}
        self.unknown: list[UnknownChunk] = []
        self.unknown_count = 0
        self.bound: bytes | None = None
        self.pieces = Pieces()
        self.ended = False

    def take(self, kind: bytes, payload: bytes) -> None:
        """The next chunk. Raises StreamError, LimitError."""
        if self.header is None:
            if kind != b"HEAD":
                raise damaged(f"the first chunk is {type_name(kind)}, not HEAD")
            self.header = unpack_head(payload)
            self.limits.check_size(self.header.width, self.header.height)
        elif kind == b"MODL":
            self._once(kind, self.model is not None)
            self.model = unpack_model(payload)
        elif kind == b"GRID":
            self._once(kind, self.grid is not None)
            self.grid = unpack_grid(payload)
            rows, columns = tile_counts(self.header, self.grid)
            self.tile_count = rows * columns
            if self.tile_count > MAX_TILES:
                raise damaged(f"a grid of {rows} x {columns} tiles")
        elif kind == b"TILE":
            self._take_tile(payload)
        elif kind == b"ALPH":
            self._once(kind, self.alpha is not None)
            if not self.header.has_alpha:
                raise damaged("ALPH chunk in an image without alpha")
            self._after_tiles(kind)
            self.alpha = payload if self.keep else b""
        elif kind == b"ENDS":
            if payload:
                raise damaged("ENDS chunk is not empty")
            self._after_tiles(kind)
            if self.header.has_alpha and self.alpha is None:
                raise damaged("ALPH chunk is missing")
            self._check_binding()
            self.ended = True
        elif name := ANCILLARY.get(kind):
            self._once(kind, name in self.ancillary)
            self.ancillary[name] = payload
        elif kind == b"HEAD":
            raise damaged("second HEAD chunk")
        elif kind == b"bind":
            self._once(kind, self.bound is not None)
            self.bound = unpack_binding(payload)
        elif kind[0] & 0x20:
            self._take_unknown(kind, payload)
        else:
            raise StreamError(
                f"unknown critical chunk {type_name(kind)}",
                code=ReasonCode.UNKNOWN_CRITICAL_CHUNK,
                hint="The file was written by a newer or a different writer",
                chunk=type_name(kind),
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
        """TRUNCATED, with the chunk that is missing."""
        return StreamError(
            f"the file ends before its {self._next()} chunk", code=ReasonCode.TRUNCATED, hint="Fetch the file again"
        )

    def _take_tile(self, payload: bytes) -> None:
        if self.model is None or self.grid is None:
            raise damaged(f"TILE chunk before {'MODL' if self.model is None else 'GRID'}")
        if len(payload) < TILE.size:
            raise damaged("TILE chunk is shorter than its fixed part")
        index, checksum = TILE.unpack_from(payload)
        if index != self.taken or index >= self.tile_count or self.alpha is not None:
            raise damaged(f"TILE chunk {index} where {self._next()} belongs")
        self.taken += 1
        if self.keep:
            self.tiles.append(TileStream(checksum, payload[TILE.size :]))

    def _take_unknown(self, kind: bytes, payload: bytes) -> None:
        self.unknown_count += 1
        if self.unknown_count > MAX_UNKNOWN:
            raise damaged(f"more than {MAX_UNKNOWN} chunks of unknown types")
        if self.keep:
            self.unknown.append(UnknownChunk(kind, payload))

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
            raise damaged(f"second {type_name(kind)} chunk")

    def _after_tiles(self, kind: bytes) -> None:
        if self.model is None or self.grid is None or self.taken < self.tile_count:
            raise damaged(f"{type_name(kind)} chunk where {self._next()} belongs")

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
