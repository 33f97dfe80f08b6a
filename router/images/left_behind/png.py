"""PNG: chunks beside pixels and colours, and what follows the end."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from router.containers.png import walk_png
from router.errors import StreamError
from router.images import png_notes
from router.images.left_behind import extra_part as p
from router.images.left_behind.extra_part import ExtraPart

_PIECE = 1 << 20
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""First row and column, and steps down and across, of the passes of an interlaced picture."""


def extra_parts(data: bytes) -> Iterator[ExtraPart]:
    """See `left_behind.extra_parts`. Raises StreamError."""
    found = png_notes.read(data)
    if found.text:
        yield ExtraPart("texts", carried=True)
    for kind, content in found.chunks:
        yield ExtraPart(png_notes.chunk_name(kind), carried=True, harmless=png_notes.is_hint(kind, len(content)))
    yield from (p.EXIF, p.SECOND_EXIF)[: found.exif]
    yield from (p.XMP, p.SECOND_XMP)[: found.xmp]
    if found.gain_map:
        yield p.GAIN_MAP
    if found.credentials:
        yield p.CREDENTIALS
    if found.record:
        yield p.RECORD
    if found.tail:
        yield p.TAIL
    if found.many:
        yield p.MANY
    yield from (ExtraPart(name, harmless=True) for name in found.hints)
    yield from (ExtraPart(name) for name in found.others)


def hides(data: bytes) -> bool:
    """Whether IDAT chunks hold more than the rows of the picture: behind the last row, or behind the end of the deflate stream.

    Inflates the picture, a piece at a time. True behind a chunk that is damaged, where nobody knows; False where the deflate
    stream is damaged.
    """
    try:
        return _more_than_rows(data)
    except StreamError:
        return True


def _more_than_rows(data: bytes) -> bool:
    left, inflater = _size_of_rows(data), zlib.decompressobj()
    for chunk in walk_png(data):
        if chunk.type != b"IDAT":
            continue
        content = data[chunk.payload : chunk.stop]
        if inflater.eof and content.strip(b"\x00"):
            return True
        try:
            while content and not inflater.eof:
                left -= len(inflater.decompress(content, _PIECE))
                content = inflater.unconsumed_tail
                if left < 0:
                    return True
        except zlib.error:
            return False
        if inflater.unused_data.strip(b"\x00"):
            return True
    return False


def _size_of_rows(data: bytes) -> int:
    """Bytes of all rows, each with its filter, as IHDR describes them."""
    width, height, depth, colour = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"), data[24], data[25]
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 4)
    passes = _ADAM7 if data[28] else ((0, 0, 1, 1),)
    sizes = [(-(-(height - y) // down), -(-(width - x) // across)) for y, x, down, across in passes]
    return sum(rows * (1 + (columns * bits + 7) // 8) for rows, columns in sizes if rows > 0 and columns > 0)
