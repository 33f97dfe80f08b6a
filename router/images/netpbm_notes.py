"""Comments in the header of a Netpbm file, and where its samples end."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(rb"\s*(?:#([^\r\n]*)[\r\n]|(\S+))")
_HEAD = 4096
_CHANNELS = {b"P4": 1, b"P5": 1, b"P6": 3}


@dataclass(frozen=True)
class NetpbmNotes:
    """`comments` without their `#`; `end` of the samples, None for plain formats, whose samples are text."""

    comments: tuple[bytes, ...]
    end: int | None


def read(data: bytes) -> NetpbmNotes:
    """What the header holds."""
    head = data[:_HEAD]
    comments: list[bytes] = []
    fields: list[bytes] = []
    position = 0
    wanted = 3 if head[:2] in (b"P1", b"P4") else 4
    while len(fields) < wanted and (found := _TOKEN.match(head, position)) is not None:
        position = found.end()
        if found[2] is None:
            comments.append(found[1].strip())
        else:
            fields.append(found[2])
    channels = _CHANNELS.get(head[:2])
    if channels is None or len(fields) < wanted or not all(f.isdigit() and len(f) < 11 for f in fields[1:]):
        return NetpbmNotes(tuple(c for c in comments if c), None)
    width, height = int(fields[1]), int(fields[2])
    row = (width + 7) // 8 if head[:2] == b"P4" else width * channels * (2 if int(fields[3]) > 255 else 1)
    return NetpbmNotes(tuple(c for c in comments if c), position + 1 + row * height)
