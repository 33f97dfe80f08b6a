"""WebP: RIFF chunks, and what stands behind the RIFF."""

from __future__ import annotations

from collections.abc import Iterator

from router.containers.short_record import WEBP_CHUNK
from router.containers.webp import walk_webp
from router.images.left_behind import extra_part as p
from router.images.left_behind.extra_part import ExtraPart, letters

_IMAGES = {b"VP8 ", b"VP8L"}
_PICTURE = {b"VP8X", b"ALPH", b"ANIM", b"ANMF"}
_ONCE = {b"ICCP": (None, p.SECOND_PROFILE), b"EXIF": (p.EXIF, p.SECOND_EXIF), b"XMP ": (p.XMP, p.SECOND_XMP)}


def extra_parts(data: bytes) -> Iterator[ExtraPart]:
    """See `left_behind.extra_parts`. Raises StreamError."""
    seen: set[bytes] = set()
    shown = False
    for chunk in walk_webp(data):
        if chunk.type in _ONCE:
            who = _ONCE[chunk.type][chunk.type in seen]
            seen.add(chunk.type)
            if who is not None:
                yield who
        elif chunk.type in _IMAGES:
            if shown:
                yield p.PICTURE
            shown = True
        elif chunk.type == WEBP_CHUNK:
            yield p.RECORD
        elif chunk.type not in _PICTURE:
            yield p.CREDENTIALS if chunk.type == b"C2PA" else ExtraPart(f"WebP chunk {letters(chunk.type)}")
    if data[8 + int.from_bytes(data[4:8], "little") :].strip(b"\x00"):
        yield p.TAIL
