"""Properties put into AVIF files that Pillow wrote: no encoder here sets them."""

from __future__ import annotations

import struct

from router.containers.isobmff import iter_boxes


def with_properties(data: bytes, *properties: tuple[bytes, bytes]) -> bytes:
    """The file with further properties of its primary item (id 1): (type, content) each, applied in this order."""
    meta = next(b for b in iter_boxes(data) if b.type == b"meta")
    inside = {b.type: b for b in iter_boxes(data, meta.payload + 4, meta.end)}
    iprp = inside[b"iprp"]
    ipco, ipma = iter_boxes(data, iprp.payload, iprp.end)
    known = len(list(iter_boxes(data, ipco.payload, ipco.end)))
    boxes = b"".join(struct.pack(">I", 8 + len(content)) + kind + content for kind, content in properties)
    associations = bytearray(data[ipma.payload : ipma.end])
    assert associations[:10] == bytes(4) + b"\0\0\0" + associations[7:8] + b"\0\x01"  # version 0, the first entry is item 1
    count = associations[10]
    associations[10] = count + len(properties)
    associations[11 + count : 11 + count] = bytes(0x80 | (known + 1 + k) for k in range(len(properties)))
    made = _box(b"ipco", data[ipco.payload : ipco.end] + boxes) + _box(b"ipma", bytes(associations))
    parts = [
        _box(b"iprp", made) if b.type == b"iprp" else data[b.start : b.end] for b in iter_boxes(data, meta.payload + 4, meta.end)
    ]
    growth = len(made) - (iprp.end - iprp.payload)
    parts = [_moved(part, growth) if part[4:8] == b"iloc" else part for part in parts]
    whole = _box(b"meta", data[meta.payload : meta.payload + 4] + b"".join(parts))
    return data[: meta.start] + whole + data[meta.end :]


def clap(width: int, height: int, left: int, top: int, whole: tuple[int, int]) -> tuple[bytes, bytes]:
    """A clean aperture by its upper left corner, in a picture of `whole` (width, height)."""
    right, down = 2 * left + width - whole[0], 2 * top + height - whole[1]
    return b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, right, 2, down, 2)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def _moved(iloc: bytes, growth: int) -> bytes:
    """Version 0 with offsets and lengths of 4 bytes, one extent an item."""
    out = bytearray(iloc)
    assert out[12:14] == b"\x44\0"
    for at in range(16, len(out), 14):
        place = at + 6
        out[place : place + 4] = struct.pack(">I", struct.unpack_from(">I", out, place)[0] + growth)
    return bytes(out)
