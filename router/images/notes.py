"""Texts and density that files hold outside EXIF and XMP: read here for every format that has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from router.containers import gif as gif_blocks
from router.containers.jpeg import walk_jpeg
from router.containers.metadata import Metadata, PixelDensity, Text
from router.containers.short_record import is_comment
from router.errors import StreamError
from router.images import netpbm_notes, png_notes

_COMMENT = "Comment"
MAX_COMMENTS = 1000
"""Comments of one file that are read."""
_UNITS = {0: "", 1: "inch", 2: "cm"}


def with_notes(metadata: Metadata, data: bytes, file_format: str) -> Metadata:
    """`metadata` with the texts, the density and the chunks of the file; of a damaged file, what can be read."""
    reader = _READERS.get(file_format)
    if reader is None:
        return metadata
    try:
        text, density, chunks = reader(data)
    except StreamError:
        return metadata
    if not (text or density or chunks):
        return metadata
    return Metadata(metadata.icc, metadata.exif, metadata.xmp, text, density, chunks)


_Notes = tuple[tuple[Text, ...], PixelDensity | None, tuple[tuple[bytes, bytes], ...]]


def _png(data: bytes) -> _Notes:
    found = png_notes.read(data)
    return found.text, found.density, found.chunks


def _jpeg(data: bytes) -> _Notes:
    comments: list[bytes] = []
    density: PixelDensity | None = None
    with suppress(StreamError):
        for segment in walk_jpeg(data):
            if segment.marker == 0xFE and len(comments) < MAX_COMMENTS:
                content = data[segment.payload : segment.end]
                comments += [] if is_comment(content) else [content]
            elif segment.marker == 0xE0 and data.startswith(b"JFIF\x00", segment.payload) and segment.end - segment.payload >= 14:
                fields = data[segment.payload + 7 : segment.payload + 12]
                x, y = int.from_bytes(fields[1:3], "big"), int.from_bytes(fields[3:5], "big")
                density = density or _stated(x, y, fields[0])
    return _comments(comments), density, ()


def _gif(data: bytes) -> _Notes:
    comments: list[bytes] = []
    with suppress(StreamError):
        for block in gif_blocks.walk_gif(data):
            if block.label == 0xFE and len(comments) < MAX_COMMENTS:
                comments.append(gif_blocks.content(data, block))
    aspect = data[12]  # (aspect + 15) / 64 is width by height of a pixel
    density = PixelDensity(64, aspect + 15, "") if aspect not in (0, 49) else None
    return _comments(comments), density, ()


def _bmp(data: bytes) -> _Notes:
    if int.from_bytes(data[14:18], "little") < 40:
        return (), None, ()
    x, y = int.from_bytes(data[38:42], "little", signed=True), int.from_bytes(data[42:46], "little", signed=True)
    return (), PixelDensity(x, y, "m") if x > 0 and y > 0 else None, ()


def _netpbm(data: bytes) -> _Notes:
    return _comments(netpbm_notes.read(data).comments), None, ()


def _stated(x: int, y: int, unit: int) -> PixelDensity | None:
    if unit not in _UNITS or not x or not y or (unit == 0 and x == y):
        return None
    return PixelDensity(x, y, _UNITS[unit])  # type: ignore[arg-type]


def _comments(found: Iterable[bytes]) -> tuple[Text, ...]:
    texts: list[Text] = []
    for raw in found:
        raw = raw.rstrip(b"\x00")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
        if text:
            texts.append(Text(_COMMENT, text))
    return tuple(texts)


_READERS: dict[str, Callable[[bytes], _Notes]] = {"png": _png, "jpeg": _jpeg, "gif": _gif, "bmp": _bmp, "ppm": _netpbm}
