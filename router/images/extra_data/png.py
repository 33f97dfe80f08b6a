"""PNG: chunks beside pixels and colours, and what follows the end."""

from __future__ import annotations

from collections.abc import Iterator

from router.images import png_notes
from router.images.extra_data import passenger as p
from router.images.extra_data.passenger import Passenger


def passengers(data: bytes) -> Iterator[Passenger]:
    """See `extra_data.passengers`. Raises StreamError."""
    found = png_notes.read(data)
    if found.text:
        yield Passenger("texts", carried=True)
    for kind, _ in found.chunks:
        yield Passenger(png_notes.chunk_name(kind), carried=True, harmless=png_notes.is_hint(kind))
    yield from (p.EXIF, p.SECOND_EXIF)[: found.exif]
    yield from (p.XMP, p.SECOND_XMP)[: found.xmp]
    if found.gain_map:
        yield p.GAIN_MAP
    if found.credentials:
        yield p.CREDENTIALS
    if found.tail:
        yield p.TAIL
    if found.many:
        yield p.MANY
    yield from (Passenger(name, harmless=True) for name in found.hints)
    yield from (Passenger(name) for name in found.others)
