"""Payloads of the fixed chunks: from objects to bytes and back, checked."""

from __future__ import annotations

import struct

from router.containers.ncr.layout import (
    MINOR,
    VERSION,
    Arithmetic,
    Colour,
    Grid,
    ModelReference,
    NcrHeader,
    damaged,
    validate_grid,
    validate_header,
    validate_model,
)
from router.errors import StreamError
from router.reasons import ReasonCode

HEAD = struct.Struct("<HIIBBBB")
MODL = struct.Struct("<H32s")
GRID = struct.Struct("<IIH")
TILE = struct.Struct("<II")
BIND = struct.Struct("<H16s")


def binding(header: NcrHeader, model: ModelReference, grid: Grid) -> bytes:
    """The head, model and grid payloads as written: what every tile's checksum starts with.

    It ties the streams to the size, the weights, the rate and the tiling, so that a tile of another file, or an edited
    header, fails the checksum even where its own CRC is right.
    """
    return pack_head(header) + pack_model(model) + pack_grid(grid)


def pack_head(h: NcrHeader) -> bytes:
    """The payload of `HEAD`."""
    return HEAD.pack(h.version, h.width, h.height, h.channels, h.depth, h.colour, h.arithmetic)


def unpack_head(payload: bytes) -> NcrHeader:
    """What a `HEAD` holds. Raises StreamError."""
    # The version alone decides how the rest is laid out, so it is judged before the length.
    if len(payload) >= 2 and (version := int.from_bytes(payload[:2], "little")) != VERSION:
        raise StreamError(
            f"format version {version}; this reader knows {VERSION}",
            code=ReasonCode.UNSUPPORTED_VERSION,
            hint="Update codec-router" if version else "Decode it with the experimental build that wrote it",
            version=version,
        )
    if len(payload) != HEAD.size:
        raise damaged(f"HEAD chunk has {len(payload)} bytes, not {HEAD.size}")
    version, width, height, channels, depth, colour, arithmetic = HEAD.unpack(payload)
    try:
        header = NcrHeader(width, height, channels, Colour(colour), depth, Arithmetic(arithmetic), version)
    except ValueError as error:
        raise damaged("HEAD chunk: a colour or arithmetic of unknown kind") from error
    validate_header(header)
    return header


def pack_model(m: ModelReference) -> bytes:
    """The payload of `MODL`."""
    return MODL.pack(m.rate_index, m.sha256) + m.model_id.encode("ascii")


def unpack_model(payload: bytes) -> ModelReference:
    """What a `MODL` holds. Raises StreamError."""
    if len(payload) < MODL.size:
        raise damaged("MODL chunk is shorter than its fixed part")
    rate_index, sha256 = MODL.unpack_from(payload)
    model = ModelReference(payload[MODL.size :].decode("ascii", "replace"), sha256, rate_index)
    validate_model(model)
    return model


def pack_grid(g: Grid) -> bytes:
    """The payload of `GRID`."""
    return GRID.pack(g.tile_width, g.tile_height, g.halo)


def unpack_grid(payload: bytes) -> Grid:
    """What a `GRID` holds. Raises StreamError."""
    if len(payload) != GRID.size:
        raise damaged(f"GRID chunk has {len(payload)} bytes, not {GRID.size}")
    grid = Grid(*GRID.unpack(payload))
    validate_grid(grid)
    return grid


def unpack_binding(payload: bytes) -> bytes:
    """The digest that a `bind` holds. Raises StreamError."""
    if len(payload) < BIND.size:
        raise damaged("bind chunk is shorter than its fixed part")
    minor, bound = BIND.unpack_from(payload)
    if minor < 1 or (minor == MINOR and len(payload) != BIND.size):
        raise damaged(f"bind chunk of {len(payload)} bytes for minor version {minor}")
    return bytes(bound)
