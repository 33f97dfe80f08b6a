"""Files of very many tiny parts: walkers give up after a number that files of people never reach. Work is counted, not timed."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from image_builders import chunk as png_chunk
from image_builders import photo, png
from image_builders import save as encoded

import router
from router.containers import isobmff as boxes
from router.containers import jxl
from router.containers.fields import Fields
from router.containers.gif import walk_gif
from router.containers.jpeg import walk_jpeg
from router.containers.parts import TooManyPartsError, most_parts
from router.containers.png import walk_png
from router.containers.webp import walk_webp
from router.errors import InputError, StreamError
from router.images.decoders import avif, gif, jpeg
from router.images.png_notes import read as read_notes
from router.images.probe import probe

PIXELS = photo(24, 40)


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def segments(count: int, payload: bytes = b"") -> bytes:
    data = encoded(PIXELS, "JPEG")
    return data[:2] + (b"\xff\xe5" + struct.pack(">H", 2 + len(payload)) + payload) * count + data[2:]


def avif_with_boxes(count: int) -> bytes:
    data = encoded(PIXELS, "AVIF")
    first = int.from_bytes(data[:4], "big")
    return data[:first] + b"\0\0\0\x08free" * count + data[first:]


FLOODS: dict[str, tuple[Callable[[bytes], Iterator[object]], Callable[[int], bytes]]] = {
    "png": (walk_png, lambda n: png(PIXELS, extra=png_chunk(b"prVt", b"") * n)),
    "webp": (walk_webp, lambda n: riff(encoded(PIXELS, "WEBP")[12:], b"PADD\0\0\0\0" * n)),
    "jpeg": (walk_jpeg, segments),
    "boxes": (boxes.iter_boxes, avif_with_boxes),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_walkers_count(kind: str) -> None:
    walk, make = FLOODS[kind]
    assert len(list(walk(make(3000)))) > 3000
    seen = 0
    data = make(60_000)

    def count() -> None:
        nonlocal seen
        for _ in walk(data):
            seen += 1

    with pytest.raises(StreamError, match="more than"):
        count()
    assert seen == most_parts(len(data)) < 20_000


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_is_refused_before_anything_is_decoded(kind: str) -> None:
    with pytest.raises(InputError):
        router.compress(FLOODS[kind][1](60_000), policy="web")


def test_gif_sub_blocks() -> None:
    data = encoded(PIXELS[..., 0], "GIF")
    screen = 13 + (3 << (data[10] & 7) + 1)
    for count, extra in ((3000, b"\x21\xfe" + b"\x01x" * 3000 + b"\0"), (3000, b"\x21\xfe\0" * 3000)):
        header = probe(data[:screen] + extra + data[screen:])
        assert (header.width, header.height) == (40, 24), count
    for extra in (b"\x21\xfe" + b"\x01x" * 60_000 + b"\0", b"\x21\xfe\0" * 60_000):
        with pytest.raises(InputError, match="sub-blocks"):
            gif.probe(data[:screen] + extra + data[screen:])


def test_gif_sub_blocks_behind_the_first_image() -> None:
    data = encoded(PIXELS[..., 0], "GIF")[:-1]
    assert len(list(walk_gif(data + b"\x21\xfe" + b"\x01x" * 3000 + b"\0;"))) > 1
    for extra in (b"\x21\xfe" + b"\x01x" * 60_000 + b"\0;", b"\x21\xfe\0" * 60_000 + b";"):
        with pytest.raises(StreamError, match="more than"):
            list(walk_gif(data + extra))


def test_png_texts_are_tried_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 500 texts that are each too large, a few are inflated, not all."""
    packed = zlib.compress(bytes(17 << 20))
    data = png(PIXELS, extra=png_chunk(b"zTXt", b"Comment\0\0" + packed) * 500)
    begun = 0
    real = zlib.decompressobj

    def counting() -> object:
        nonlocal begun
        begun += 1
        return real()

    monkeypatch.setattr(zlib, "decompressobj", counting)
    read_notes(data)
    assert begun <= 10


def test_exif_in_many_segments_is_joined() -> None:
    data = encoded(PIXELS, "JPEG")
    block = b"II*\0" + struct.pack("<I", 8) + b"\0\0" + bytes(6000)
    pieces = [block[i : i + 2] for i in range(0, len(block), 2)]
    segment = b"".join(b"\xff\xe1" + struct.pack(">H", 8 + len(piece)) + b"Exif\0\0" + piece for piece in pieces)
    assert jpeg.metadata(data[:2] + segment + data[2:]).exif == block


def test_avif_items_do_not_claim_bytes_twice() -> None:
    """The EXIF item's one extent, a hundred times: more bytes than the file has."""
    exif = b"II*\0" + struct.pack("<I", 8) + b"\0\0" + bytes(2000)
    data = encoded(PIXELS, "AVIF", exif=exif)
    location = next(b for b in boxes.iter_boxes(data, data.index(b"meta") + 8, len(data)) if b.type == b"iloc")
    table = data[location.payload : location.end]
    start, length = data.index(b"Exif\0\0" + exif) if b"Exif\0\0" + exif in data else data.index(exif), len(exif)
    entry = table[8:10]  # the first item that the table names gets the claims
    claims = struct.pack(">II", start, length) * 100
    flood = b"\0\0\0\0\x44\0\0\1" + entry + b"\0\0" + struct.pack(">H", 100) + claims
    grown = data[: location.start] + struct.pack(">I", len(flood) + 8) + b"iloc" + flood + data[location.end :]
    meta = grown.index(b"meta") - 4
    size = int.from_bytes(grown[meta : meta + 4], "big") + len(flood) - len(table)
    grown = grown[:meta] + struct.pack(">I", size) + grown[meta + 4 :]
    with pytest.raises(InputError, match="again and again"):
        avif.probe(grown)


def test_avif_tables_are_counted() -> None:
    fields = Fields(bytes(1_000_000))
    with pytest.raises(TooManyPartsError):
        [fields.uint(1) for _ in range(1_000_000)]
    assert fields.position < 200_000


def test_jxl_boxes_behind_the_picture_are_kept_in_order() -> None:
    data = jxl.with_xmp(encoded_jxl(), b"<x/>")
    many = data + b"\0\0\0\x0dnote" + b"12345" + b"\0\0\0\x0cxml <y/>" + b"\0\0\0\x08free" * 2000
    again = jxl.with_xmp(many, b"<z/>")
    kinds = [box.type for box in boxes.iter_boxes(again)]
    assert kinds.count(b"xml ") == 1
    assert kinds[-1] == b"xml "
    assert kinds.count(b"free") == 2000
    assert jxl.read_xmp(again) == b"<z/>"


def encoded_jxl() -> bytes:
    return router.compress(np.ascontiguousarray(PIXELS), codec="jxl-lossless").data
