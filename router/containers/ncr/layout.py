"""What an `.ncr` file holds, and the rules that its parts obey; docs/reference/format.md is the specification."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from router.errors import StreamError
from router.reasons import ReasonCode

SIGNATURE = b"\x8bNCR\r\n\x1a\n"
VERSION = 1
"""The format version that this module reads and writes. Version 0 was experimental: only the build that wrote it reads it."""
MINOR = 1
"""What is written within that version: 1 adds the `bind` chunk. Readers of minor 0 read such files; this one reads both."""
MAX_CHUNK = (1 << 31) - 1
TILE_FIELDS = 8
"""Bytes in front of a tile's stream: its number and its checksum."""
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

ANCILLARY = {b"recd": "record", b"iccp": "icc", b"exif": "exif", b"xmpp": "xmp"}
KNOWN = (*ANCILLARY, b"bind")


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
class NcrHeader:
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
class UnknownChunk:
    """A chunk that this version does not know and may ignore."""

    type: bytes
    payload: bytes


@dataclass(frozen=True)
class Container:
    r"""Everything in a file but its `bind` chunk, which `write` makes anew.

    Tiles in raster order; `exif` without the `Exif\0\0` prefix; `unknown`: ancillary chunks kept.
    """

    header: NcrHeader
    model: ModelReference
    grid: Grid
    tiles: tuple[TileStream, ...]
    alpha: bytes | None = None
    record: bytes | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    unknown: tuple[UnknownChunk, ...] = ()


def tile_counts(header: NcrHeader, grid: Grid) -> tuple[int, int]:
    """(rows, columns) of the tile grid over the padded image."""
    return -(-_padded(header.height) // grid.tile_height), -(-_padded(header.width) // grid.tile_width)


def validate(c: Container) -> None:
    """Raise StreamError (DAMAGED_STREAM) for what no reader would take."""
    validate_header(c.header)
    validate_model(c.model)
    validate_grid(c.grid)
    rows, columns = tile_counts(c.header, c.grid)
    if len(c.tiles) != rows * columns:
        raise damaged(f"{len(c.tiles)} tiles for a grid of {rows} x {columns}")
    if c.header.has_alpha != (c.alpha is not None):
        raise damaged("alpha stream and channel count do not agree")
    if len(c.tiles) > MAX_TILES or len(c.unknown) > MAX_UNKNOWN:
        raise damaged("too many chunks")
    for u in c.unknown:
        if len(u.type) != 4 or not (u.type.isalpha() and u.type.isascii() and u.type[0] & 0x20) or u.type in KNOWN:
            raise damaged(f"{u.type!r} is not the type of an unknown ancillary chunk")
    payloads = [t.data for t in c.tiles] + [u.payload for u in c.unknown]
    payloads += [p for p in (c.alpha, c.record, c.icc, c.exif, c.xmp) if p is not None]
    if any(len(p) > MAX_CHUNK - TILE_FIELDS for p in payloads):
        raise damaged("a chunk is too long")


def validate_header(h: NcrHeader) -> None:
    """Raise StreamError (DAMAGED_STREAM)."""
    if h.version != VERSION:
        raise damaged(f"HEAD chunk: version {h.version}")
    if not (1 <= h.width <= MAX_SIDE and 1 <= h.height <= MAX_SIDE):
        raise damaged(f"HEAD chunk: size {h.width}x{h.height}")
    if not 1 <= h.channels <= 4:
        raise damaged(f"HEAD chunk: {h.channels} channels")
    if h.channels < 3 and h.colour is not Colour.NEUTRAL:
        raise damaged("HEAD chunk: an image of one or two channels must be neutral")
    if h.depth != 8:
        raise damaged(f"HEAD chunk: {h.depth} bits per sample")


def validate_model(m: ModelReference) -> None:
    """Raise StreamError (DAMAGED_STREAM)."""
    if len(m.model_id) > _MAX_MODEL_ID or _MODEL_ID.fullmatch(m.model_id) is None:
        raise damaged("MODL chunk: the model id is malformed")
    if len(m.sha256) != 32 or not 0 <= m.rate_index <= 0xFFFF:
        raise damaged("MODL chunk: hash or rate index out of range")


def validate_grid(g: Grid) -> None:
    """Raise StreamError (DAMAGED_STREAM)."""
    sides = (g.tile_width, g.tile_height)
    if any(s < PADDING or s % PADDING for s in sides) or g.tile_width * g.tile_height > MAX_TILE_PIXELS:
        raise damaged(f"GRID chunk: tiles of {g.tile_width}x{g.tile_height}")
    if not 0 <= g.halo <= min(MAX_HALO, *sides) or g.halo % 16:
        raise damaged(f"GRID chunk: halo of {g.halo}")


def _padded(side: int) -> int:
    return -(-side // PADDING) * PADDING


def type_name(kind: bytes) -> str:
    """A chunk type for a message."""
    return kind.decode("ascii", "backslashreplace")


def damaged(message: str) -> StreamError:
    """A rule of the format is broken."""
    return StreamError(message, code=ReasonCode.DAMAGED_STREAM, hint="Fetch the file again")
