"""A small .ncr file with every kind of chunk, and ways to damage it; with right CRCs where a test is about what lies behind."""

from __future__ import annotations

import functools
import hashlib
import struct
import zlib

import numpy as np
from images.image_builders import chunk as png_chunk
from images.image_builders import exif, photo, png

import router

SIGNATURE = 8
KINDS = ("HEAD", "MODL", "GRID", "recd", "exif", "xmpp", "TILE", "ALPH", "bind", "ENDS")
"""Chunk types of `stream()`, in order."""
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:d="http://d/" d:t="kept"/></rdf:RDF></x:xmpmeta>'
)


@functools.cache
def source() -> bytes:
    """A PNG of 40 x 24 RGBA with EXIF and XMP."""
    itxt = b"XML:com.adobe.xmp\0\0\0\0\0" + XMP
    return png(photo(24, 40, 4), extra=png_chunk(b"eXIf", exif(1)) + png_chunk(b"iTXt", itxt))


@functools.cache
def stream() -> bytes:
    """The source in the neural lane."""
    return router.compress(source(), codec="ncr", settings={"rate": 40_000}, on_guard_fail="release").data


@functools.cache
def pixels() -> np.ndarray:
    """What `stream()` decodes to."""
    return router.decompress(stream(), as_array=True)


def spans() -> dict[str, tuple[int, int]]:
    """Start and end, in `stream()`, of every chunk by type."""
    found: dict[str, tuple[int, int]] = {}
    position = SIGNATURE
    data = stream()
    while position < len(data):
        end = position + 12 + int.from_bytes(data[position : position + 4], "little")
        found[data[position + 4 : position + 8].decode()] = (position, end)
        position = end
    return found


def ncr_chunk(kind: bytes, payload: bytes) -> bytes:
    """A chunk with its right CRC."""
    return struct.pack("<I", len(payload)) + kind + payload + struct.pack("<I", zlib.crc32(kind + payload))


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """(type, payload) of every chunk."""
    found, position = [], SIGNATURE
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "little")
        found.append((data[position + 4 : position + 8], data[position + 8 : position + 8 + length]))
        position += 12 + length
    return found


def assembled(parts: list[tuple[bytes, bytes]]) -> bytes:
    """A file of these chunks with right CRCs; the binding is what they say."""
    return stream()[:SIGNATURE] + b"".join(ncr_chunk(kind, payload) for kind, payload in parts)


def rebound(data: bytes) -> bytes:
    """The file with a binding of the pieces that it has; all CRCs right."""
    parts = chunks(data)
    critical = [
        struct.pack("<I", len(payload)) + kind + payload
        for wanted in (b"HEAD", b"MODL", b"GRID", b"TILE", b"ALPH")
        for kind, payload in parts
        if kind == wanted
    ]
    binding = b"\1\0" + hashlib.sha256(b"".join(critical)).digest()[:16]
    return assembled([(kind, binding if kind == b"bind" else payload) for kind, payload in parts])


def cut(kind: str, where: str) -> bytes:
    """The stream up to a place in a chunk: its "start", the middle of its "head", its "middle", or its "last" byte missing."""
    start, end = spans()[kind]
    return stream()[: {"start": start, "head": start + 6, "middle": (start + end) // 2, "last": end - 1}[where]]


def flipped(kind: str, where: str) -> bytes:
    """The stream with one bit of a chunk flipped, in its "length", "type", "payload" or "crc"."""
    start, end = spans()[kind]
    data = bytearray(stream())
    data[{"length": start, "type": start + 5, "payload": start + 8 + (end - start - 12) // 2, "crc": end - 2}[where]] ^= 1
    return bytes(data)


def edited(kind: str, **changes: bytes) -> bytes:
    """The stream with bytes of one payload replaced, `at_<offset>=bytes`, and the CRC made right."""
    start, end = spans()[kind]
    payload = bytearray(stream()[start + 8 : end - 4])
    for place, value in changes.items():
        offset = int(place.removeprefix("at_"))
        payload[offset : offset + len(value)] = value
    return rebound(stream()[:start] + ncr_chunk(kind.encode(), bytes(payload)) + stream()[end:])


def with_payload(kind: str, payload: bytes) -> bytes:
    """The stream with the whole payload of one chunk replaced."""
    start, end = spans()[kind]
    return rebound(stream()[:start] + ncr_chunk(kind.encode(), payload) + stream()[end:])


def before(kind: str, extra: bytes) -> bytes:
    """The stream with bytes put in front of a chunk."""
    start = spans()[kind][0]
    return stream()[:start] + extra + stream()[start:]
