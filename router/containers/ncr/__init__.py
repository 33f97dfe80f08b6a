"""The `.ncr` file: write, parse, validate, without the arithmetic of the codec. docs/reference/format.md specifies it.

`layout.py`: what a file holds and its rules; `chunks.py`, `payloads.py`: its bytes; `reading.py`, `writing.py`.
"""

from router.containers.ncr.layout import (
    MAX_CHUNK,
    MAX_HALO,
    MAX_SIDE,
    MAX_TILE_PIXELS,
    MAX_TILES,
    MAX_UNKNOWN,
    MINOR,
    PADDING,
    SIGNATURE,
    VERSION,
    Arithmetic,
    Colour,
    Container,
    Grid,
    ModelReference,
    NcrHeader,
    TileStream,
    UnknownChunk,
    tile_counts,
)
from router.containers.ncr.payloads import (
    binding,
)
from router.containers.ncr.reading import (
    ancillary,
    check,
    identity,
    parse,
    read_reference,
)
from router.containers.ncr.writing import (
    replace,
    write,
)

__all__ = [
    "MAX_CHUNK",
    "MAX_HALO",
    "MAX_SIDE",
    "MAX_TILES",
    "MAX_TILE_PIXELS",
    "MAX_UNKNOWN",
    "MINOR",
    "PADDING",
    "SIGNATURE",
    "VERSION",
    "Arithmetic",
    "Colour",
    "Container",
    "Grid",
    "ModelReference",
    "NcrHeader",
    "TileStream",
    "UnknownChunk",
    "ancillary",
    "binding",
    "check",
    "identity",
    "parse",
    "read_reference",
    "replace",
    "tile_counts",
    "write",
]
