"""GIF: comments, application extensions, plain text, and what follows the trailer."""

from __future__ import annotations

from collections.abc import Iterator

from router.containers.gif import walk_gif
from router.images.left_behind import extra_part as p
from router.images.left_behind.extra_part import ExtraPart
from router.images.notes import MAX_COMMENTS

_LOOPING = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_ASPECT_AT, _CONTROL = 12, 0xF9


def extra_parts(data: bytes) -> Iterator[ExtraPart]:
    """See `left_behind.extra_parts`. Raises StreamError."""
    end, xmp, comments = 13, 0, 0
    if len(data) > _ASPECT_AT and data[_ASPECT_AT] not in (0, 49):  # 49 says square too
        yield ExtraPart("pixel aspect ratio", carried=True, harmless=True)
    for block in walk_gif(data):
        end = block.end
        if block.label == 0xFE:
            comments += 1
            yield p.COMMENT if comments <= MAX_COMMENTS else p.COMMENTS
        elif block.label == 0x01:
            yield ExtraPart("plain-text extension", shows=True)
        elif block.label == 0xFF:
            name = data[block.first + 1 : block.first + 12]
            if name == b"XMP DataXMP":
                xmp += 1
                yield p.XMP if xmp == 1 else p.SECOND_XMP
            elif name == b"ICCRGBG1012":
                yield ExtraPart("colour profile (GIF extension)")
            elif name not in _LOOPING:
                yield ExtraPart("GIF application extension")
        elif block.label not in (_CONTROL, None):
            yield ExtraPart("GIF extension of unknown kind")
    if end == 13:
        end += 0 if len(data) < 11 or not data[10] & 0x80 else 3 << (data[10] & 7) + 1
    if data[end:].strip(b"\x00").removeprefix(b";").strip(b"\x00"):
        yield p.TAIL
