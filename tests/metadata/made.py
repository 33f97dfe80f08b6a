"""Small files, each with one thing beside its picture."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
HDRGM = "http://ns.adobe.com/hdr-gain-map/1.0/"
APPLE = "urn:com:apple:photo:2020:aux:hdrgainmap"


def picture(height: int = 24, width: int = 40, seed: int = 0) -> np.ndarray:
    """Smooth colours with noise, (H, W, 3) uint8: more than a palette's worth, and no two corners alike."""
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([120 + 80 * np.sin(x / 7), 110 + 70 * np.cos(x / 9 + y / 5), 100 + 90 * np.sin((x + y) / 11)], -1)
    return (waves.clip(0, 250).astype(np.uint8) ^ np.random.default_rng(seed).integers(0, 4, waves.shape).astype(np.uint8)).copy()


def save(kind: str, pixels: np.ndarray | Image.Image | None = None, **options: Any) -> bytes:
    """Encoded by Pillow."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(picture() if pixels is None else pixels)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def packet(inner: str = "", spaces: str = "", attributes: str = "") -> bytes:
    """An XMP packet with one description."""
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about="" {spaces} {attributes}>'
        f"{inner}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def segment(marker: int, payload: bytes) -> bytes:
    """A JPEG segment."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def jpeg(*segments: bytes, behind: bytes = b"", pixels: np.ndarray | None = None) -> bytes:
    """A JPEG with these segments behind JFIF."""
    data = save("JPEG", pixels, quality=95)
    end = 4 + int.from_bytes(data[4:6], "big")
    return data[:end] + b"".join(segments) + data[end:] + behind


def xmp_segment(xmp: bytes) -> bytes:
    """An XMP segment of a JPEG."""
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00" + xmp)


def indexed(second: bytes, *segments: bytes, code: int = 0) -> bytes:
    """A JPEG with a multi-picture index, and `second` behind it (CIPA DC-007)."""

    def index(size: int, offset: int) -> bytes:
        entries = struct.pack(">IIIHH", 0x030000, size, 0, 0, 0) + struct.pack(">IIIHH", code, len(second), offset, 0, 0)
        directory = struct.pack(">H", 3) + struct.pack(">HHI4s", 0xB000, 7, 4, b"0100") + struct.pack(">HHII", 0xB001, 4, 1, 2)
        directory += struct.pack(">HHII", 0xB002, 7, 32, 50) + struct.pack(">I", 0)
        return segment(0xE2, b"MPF\x00MM\x00*\x00\x00\x00\x08" + directory + entries)

    size = len(jpeg(*segments, index(0, 0)))
    base = jpeg(*segments, index(size, 0)).index(b"MPF\x00") + 4
    return jpeg(*segments, index(size, size - base)) + second


def chunk(kind: bytes, payload: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png(*chunks: bytes, behind: bytes = b"") -> bytes:
    """A PNG with these chunks behind its header."""
    data = save("PNG")
    return data[:33] + b"".join(chunks) + data[33:] + behind


def png_with_xmp(xmp: bytes) -> bytes:
    """A PNG with this packet."""
    return png(chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + xmp))


def webp(*chunks: tuple[bytes, bytes], behind: bytes = b"") -> bytes:
    """A lossless WebP with these chunks last."""
    data = bytearray(save("WEBP", lossless=True, xmp=b"<x/>"))
    data[20] &= ~0x04  # the flag of the XMP that is left out here; it was there to get the extended layout
    added = b"".join(kind + struct.pack("<I", len(c)) + c + b"\0" * (len(c) & 1) for kind, c in chunks)
    body = bytes(data[8 : data.index(b"XMP ")]) + added
    return b"RIFF" + struct.pack("<I", len(body)) + body + behind


def box(kind: bytes, payload: bytes) -> bytes:
    """An ISO box."""
    return struct.pack(">I", len(payload) + 8) + kind + payload


def jxl(*boxes: bytes) -> bytes:
    """A lossless JPEG XL container with these boxes last."""
    import pillow_jxl  # noqa: F401 - registers the plugin

    data = save("JXL", lossless=True)
    if data.startswith(b"\xff\x0a"):
        head = b"\x00\x00\x00\x0cJXL \r\n\x87\n\x00\x00\x00\x14ftypjxl \x00\x00\x00\x00jxl "
        data = head + box(b"jxlc", data)
    return data + b"".join(boxes)


def gif(*blocks: bytes, behind: bytes = b"") -> bytes:
    """A GIF with these blocks before its image."""
    data = save("GIF", Image.fromarray(picture()).quantize(64))
    table = 3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0
    return data[: 13 + table] + b"".join(blocks) + data[13 + table :] + behind


def gif_application(name: bytes, content: bytes) -> bytes:
    """A GIF application extension."""
    return b"\x21\xff\x0b" + name + bytes([len(content)]) + content + b"\x00"


def tiff(**options: Any) -> bytes:
    """A TIFF by tifffile."""
    import tifffile

    buffer = io.BytesIO()
    tifffile.imwrite(buffer, picture(), photometric="rgb", **options)
    return buffer.getvalue()


def avif(**options: Any) -> bytes:
    """An AVIF by Pillow."""
    return save("AVIF", quality=90, **options)


def avif_with_item(kind: bytes, *, urn: bytes = b"", reference: bytes = b"", content_type: bytes = b"") -> bytes:
    """An AVIF to which an item without data was added: of this type, with an auxiliary type, referring to the picture."""
    data = avif()
    meta = data.index(b"meta") - 4
    size = int.from_bytes(data[meta : meta + 4], "big")
    new = bytearray(data[meta : meta + size])

    def grow(name: bytes, added: bytes, *, count: tuple[int, int] | None = None) -> None:
        at = new.index(name) - 4
        length = int.from_bytes(new[at : at + 4], "big")
        new[at + length : at + length] = added
        new[at : at + 4] = (length + len(added)).to_bytes(4, "big")
        if count is not None:
            where, width = at + count[0], count[1]
            new[where : where + width] = (int.from_bytes(new[where : where + width], "big") + 1).to_bytes(width, "big")

    grow(
        b"iinf",
        box(b"infe", bytes([2, 0, 0, 0]) + struct.pack(">HH", 77, 0) + kind + b"\x00" + content_type + b"\x00"),
        count=(12, 2),
    )
    if urn:
        entries = sum(1 for _ in _boxes(new, new.index(b"ipco") + 4, _end(new, b"ipco")))
        grow(b"ipco", box(b"auxC", bytes(4) + urn + b"\x00"))
        _widen(new, b"iprp", len(box(b"auxC", bytes(4) + urn + b"\x00")))
        association = struct.pack(">HBB", 77, 1, entries + 1)
        grow(b"ipma", association, count=(12, 4))
        _widen(new, b"iprp", len(association))
    if reference:
        link = box(reference, struct.pack(">HHH", 77, 1, 1))
        if b"iref" in new:
            grow(b"iref", link)
        else:
            new += box(b"iref", bytes(4) + link)
    new[0:4] = len(new).to_bytes(4, "big")
    moved = len(new) - size
    locations = new.index(b"iloc") - 4
    _move(new, locations, moved)
    return data[:meta] + bytes(new) + data[meta + size :]


def _boxes(data: bytearray, start: int, end: int) -> list[int]:
    found = []
    while start < end:
        found.append(start)
        start += int.from_bytes(data[start : start + 4], "big")
    return found


def _end(data: bytearray, name: bytes) -> int:
    at = data.index(name) - 4
    return at + int.from_bytes(data[at : at + 4], "big")


def _widen(data: bytearray, name: bytes, by: int) -> None:
    at = data.index(name) - 4
    data[at : at + 4] = (int.from_bytes(data[at : at + 4], "big") + by).to_bytes(4, "big")


def _move(meta: bytearray, iloc: int, by: int) -> None:
    """Every extent of an iloc box of version 0 with offsets of 4 bytes moves."""
    assert meta[iloc + 8] == 0
    assert meta[iloc + 12 : iloc + 14] == b"\x44\x00"
    position = iloc + 16
    for _ in range(int.from_bytes(meta[iloc + 14 : iloc + 16], "big")):
        extents = int.from_bytes(meta[position + 4 : position + 6], "big")
        position += 6
        for _ in range(extents):
            offset = int.from_bytes(meta[position : position + 4], "big")
            meta[position : position + 4] = (offset + by).to_bytes(4, "big")
            position += 8


def text_chunk(keyword: str, text: str, *, packed: bool = False) -> bytes:
    """A tEXt or zTXt chunk."""
    if packed:
        return chunk(b"zTXt", keyword.encode("latin-1") + b"\x00\x00" + zlib.compress(text.encode("latin-1")))
    return chunk(b"tEXt", keyword.encode("latin-1") + b"\x00" + text.encode("latin-1"))


def notes(**texts: str) -> PngInfo:
    """Texts for Pillow."""
    info = PngInfo()
    for keyword, text in texts.items():
        info.add_text(keyword, text)
    return info
