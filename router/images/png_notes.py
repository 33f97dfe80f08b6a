"""PNG chunks that are neither pixels nor what their colours mean: texts, density, and what else can be kept (PNG, 11.3)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from router.containers import short_record
from router.containers.metadata import PixelDensity, Text
from router.containers.parts import Chunk, TooManyPartsError
from router.containers.png import walk_png
from router.errors import StreamError

XMP = b"XML:com.adobe.xmp"
_RAW_PROFILE = b"Raw profile type "
_MAX_TEXT = 16 << 20
"""Bytes that all texts of one file may inflate to."""
_MAX_TEXTS = 10_000
_MAX_WORK, _RATIO = 4 * _MAX_TEXT, 1032
"""Bytes that texts which do not go along may have been inflated to, and what deflate makes of one byte at most."""
_COLOUR = set(b"IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sRGB cICP".split())
_HINTS = {b"sBIT": "significant bits", b"bKGD": "background colour", b"hIST": "histogram", b"sPLT": "suggested palette"}
_HINTS |= {b"mDCV": "mastering display", b"mDCv": "mastering display", b"cLLI": "light levels", b"cLLi": "light levels"}
_FIXED = {b"sRGB": 1, b"gAMA": 4, b"cHRM": 32, b"cICP": 4, b"acTL": 8, b"fcTL": 26, b"IEND": 0}
_LARGEST_HINT = {b"sBIT": 4, b"bKGD": 6, b"hIST": 512, b"mDCV": 24, b"mDCv": 24, b"cLLI": 8, b"cLLi": 8, b"sPLT": 0}
"""Bytes of what a hint says; more than that, and the name of a palette, may say anything."""
_TRUECOLOUR = (b"\x02", b"\x06")
_ANIMATION = {b"acTL", b"fcTL", b"fdAT"}
_GAIN_MAP = {b"gmAP", b"gdAT"}
_MEASURES = {b"tIME": 7, b"oFFs": 9, b"sTER": 1, b"sCAL": None, b"pCAL": None}
_SINGLE = {*_MEASURES, *_HINTS} - {b"sPLT"}
_MAX_CHUNKS = 1000
_TURNS = {b"oFFs", b"sTER", b"sCAL"}
"""What names directions of the image as it is stored, and is no longer true when it has been turned."""


@dataclass(frozen=True)
class Notes:
    """What a file holds.

    Attributes:
        text, density, chunks: as in `Metadata`.
        exif, xmp: how many blocks and packets there are.
        gain_map, credentials, tail: there are chunks of an HDR gain map, of a C2PA manifest, bytes behind the end.
        many: there are more chunks than were looked at.
        hints: names of rendering hints that are not in `chunks`.
        others: names of everything else that is not.
        record: there is a short decision record.
    """

    text: tuple[Text, ...] = ()
    density: PixelDensity | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    exif: int = 0
    xmp: int = 0
    gain_map: bool = False
    credentials: bool = False
    tail: bool = False
    many: bool = False
    hints: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    record: bool = False


def read(data: bytes) -> Notes:
    """What the file holds; of a file that is cut short, what was found before. Raises StreamError for what is no PNG."""
    texts: list[Text] = []
    chunks: list[tuple[bytes, bytes]] = []
    hints, others = dict[str, None](), dict[str, None]()
    found, kept = {"exif": 0, "xmp": 0}, set[bytes]()
    gain_map = credentials = many = record = False
    density: PixelDensity | None = None
    layout = _layout(data)
    budget, work, end = _MAX_TEXT, _MAX_WORK, len(data)
    try:
        for chunk in walk_png(data):
            kind, content = chunk.type, data[chunk.payload : min(chunk.stop, chunk.payload + 96)]
            end = chunk.end
            if kind in (b"tEXt", b"zTXt", b"iTXt"):
                if kind == b"iTXt" and content.startswith(XMP + b"\x00"):
                    found["xmp"] += 1
                    continue
                text = _text(data, chunk, budget) if len(texts) < _MAX_TEXTS and work > 0 else None
                if text is None:
                    work -= 0 if kind == b"tEXt" else min(budget, _RATIO * (chunk.stop - chunk.payload))
                    others[_unreadable(content)] = None
                else:
                    texts.append(text)
                    budget -= len(text.text)
            elif kind == b"pHYs" and chunk.stop - chunk.payload == 9:
                density = density or _density(content)
            elif kind == b"eXIf":
                found["exif"] += 1
            elif kind in _GAIN_MAP:
                gain_map = True
            elif kind == b"caBX":
                credentials = True
            elif kind == b"PLTE" and data[25:26] in _TRUECOLOUR:  # not needed to show the picture: it may say anything
                others[_HINTS[b"sPLT"]] = None
            elif kind == short_record.PNG_CHUNK:
                record = True
            elif kind in _COLOUR or kind in _ANIMATION:
                if chunk.stop - chunk.payload > _largest(kind, data):
                    others["data behind the fields of a PNG chunk"] = None
            elif _stays(kind, chunk, layout) and not (kind in _SINGLE and kind in kept) and len(chunks) < _MAX_CHUNKS:
                kept.add(kind)
                chunks.append((kind, data[chunk.payload : chunk.stop]))
            elif kind in _HINTS:
                (hints if is_hint(kind, chunk.stop - chunk.payload) else others)[_HINTS[kind]] = None
            else:
                others[f"PNG chunk {kind.decode('ascii')}"] = None
    except TooManyPartsError:
        many, end = True, len(data)
    except StreamError:
        if end == len(data):
            raise
        end = len(data)
    return Notes(
        tuple(texts),
        density,
        tuple(chunks),
        found["exif"],
        found["xmp"],
        gain_map,
        credentials,
        bool(data[end:].strip(b"\x00")),
        many,
        tuple(hints),
        tuple(others),
        record,
    )


def turned(chunks: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[tuple[bytes, bytes], ...], tuple[str, ...]]:
    """The chunks that are still true of an image that was turned or mirrored, and names of those that are not."""
    kept = tuple(c for c in chunks if c[0] not in _TURNS)
    return kept, tuple(f"PNG chunk {kind.decode('ascii')}" for kind, _ in chunks if kind in _TURNS)


def chunk_name(kind: bytes) -> str:
    """How a chunk that is kept is called where it cannot be."""
    return _HINTS.get(kind, f"PNG chunk {kind.decode('ascii')}")


def is_hint(kind: bytes, size: int) -> bool:
    """Whether a chunk of so many bytes only helps to show the picture."""
    return kind in _HINTS and size <= _LARGEST_HINT[kind]


def _layout(data: bytes) -> tuple[int, int] | None:
    """Channels and bits of the pixels that readers give, where they are those of the file; else None."""
    bits, colour = data[24:25], data[25:26]
    channels = {b"\x00": 1, b"\x02": 3, b"\x04": 2, b"\x06": 4}.get(colour)
    return (channels, bits[0]) if channels and bits in (b"\x08", b"\x10") else None


def _largest(kind: bytes, data: bytes) -> int:
    """Bytes that a chunk of the picture has fields for."""
    if kind == b"tRNS":
        return {b"\x00": 2, b"\x02": 6}.get(data[25:26], 256)
    return 768 if kind == b"PLTE" else _FIXED.get(kind, len(data))


def _stays(kind: bytes, chunk: Chunk, layout: tuple[int, int] | None) -> bool:
    """Whether the chunk is true of the same pixels in a PNG that is written anew."""
    size = chunk.stop - chunk.payload
    if kind in _MEASURES:
        return _MEASURES[kind] in (None, size)
    if kind == b"sPLT" or kind in (b"mDCV", b"mDCv", b"cLLI", b"cLLi"):
        return True
    if kind == b"sBIT":
        return layout is not None and size == layout[0]
    if kind == b"bKGD":
        return layout is not None and size == (2 if layout[0] < 3 else 6)
    return kind not in _HINTS and kind[:1].islower() and kind[3:].islower()  # safe to copy, says the chunk itself (5.4)


def _unreadable(content: bytes) -> str:
    return "profiles in PNG text" if content.startswith(_RAW_PROFILE) else "PNG text that cannot be read"


def _text(data: bytes, chunk: Chunk, budget: int) -> Text | None:
    """The text, None for one that cannot go along: no text at all, too large, or bytes of another kind under a text's name."""
    keyword, found, rest = data[chunk.payload : chunk.stop].partition(b"\x00")
    if not found or not 1 <= len(keyword) <= 79 or keyword == XMP or keyword.startswith(_RAW_PROFILE):
        return None
    name = keyword.decode("latin-1")
    try:
        if chunk.type == b"tEXt":
            return Text(name, rest.decode("latin-1")) if len(rest) <= budget else None
        if chunk.type == b"zTXt":
            return Text(name, _inflated(rest[1:], budget).decode("latin-1")) if rest[:1] == b"\x00" else None
        language, _, tail = rest[2:].partition(b"\x00")
        translated, found, text = tail.partition(b"\x00")
        if not found or rest[:1] not in (b"\x00", b"\x01") or rest[1:2] != b"\x00":
            return None
        text = _inflated(text, budget) if rest[:1] == b"\x01" else text
        return (
            Text(name, text.decode("utf-8"), language.decode("ascii"), translated.decode("utf-8"))
            if len(text) <= budget
            else None
        )
    except (ValueError, zlib.error):
        return None


def _inflated(packed: bytes, budget: int) -> bytes:
    inflater = zlib.decompressobj()
    text = inflater.decompress(packed, budget + 1)
    if len(text) > budget or not inflater.eof:
        raise ValueError("too large, or cut short")
    return text


def _density(content: bytes) -> PixelDensity | None:
    x, y = int.from_bytes(content[:4], "big"), int.from_bytes(content[4:8], "big")
    if content[8] > 1 or not x or not y or (content[8] == 0 and x == y):
        return None
    return PixelDensity(x, y, "m" if content[8] else "")
