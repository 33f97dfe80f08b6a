"""The samples of a TIFF page as they are stored, by tifffile and imagecodecs ([depth]): every layout, most compressions.

tifffile gets a directory with the tags that say how samples are stored and no others: those of makers of microscopes, which
change what it reads, stay out. Strips and tiles are decoded one by one; each has to be all there and to have the size that
the directory says, before memory is taken for it.
"""

from __future__ import annotations

import io
import re
import zlib
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from router.containers import tiff as tags
from router.containers.tiff import ImageDirectory, byte_order, is_big
from router.images.decoders import jpeg, jxl, png, webp
from router.images.decoders.header import damaged, format_refused, take

if TYPE_CHECKING:
    from tifffile import TiffPage

JPEG, JPEG_2000, LERC, PNG, WEBP, JPEG_XL = 7, 34712, 34887, 34933, 50001, 50002
NONE, PACKBITS, LZW, DEFLATE, OLD_DEFLATE, LZMA, ZSTD = 1, 32773, 5, 8, 32946, 34925, 50000
CCITT = frozenset((2, 3, 4))
_GROUP_3 = 3
_END_OF_LINE = re.compile(rb"\x00{11,}\x01")  # in bits; no code holds it
PREDICTED = frozenset((LZW, DEFLATE, OLD_DEFLATE, LZMA, ZSTD))
"""Compressions that a predictor may come before."""
PICTURES = frozenset((JPEG, JPEG_2000, LERC, PNG, WEBP, JPEG_XL))
"""Compressions whose strips and tiles are pictures of their own."""
READ = frozenset((NONE, PACKBITS)) | CCITT | PREDICTED | PICTURES

_PIECE = 1 << 20
_STORAGE = (
    tags.WIDTH,
    tags.HEIGHT,
    tags.BITS,
    tags.COMPRESSION,
    tags.PHOTOMETRIC,
    tags.FILL_ORDER,
    tags.STRIPS,
    tags.SAMPLES,
    tags.ROWS,
    tags.STRIP_SIZES,
    tags.PLANAR,
    tags.FAX3_OPTIONS,
    tags.FAX4_OPTIONS,
    tags.PREDICTOR,
    tags.TILE_WIDTH,
    tags.TILE_HEIGHT,
    tags.TILES,
    tags.TILE_SIZES,
    tags.EXTRA,
    tags.SAMPLE_FORMAT,
    tags.JPEG_TABLES,
    tags.SUBSAMPLING,
)


def check_segments(page: ImageDirectory) -> None:
    """Raise the InputError for strips or tiles that are left out, lie beyond the file's end, or are too few."""
    places, sizes = _segments(page)
    count = _expected(page)
    if places and not sizes and page.one(tags.COMPRESSION, 1) == NONE:
        return  # what is missing can be told from the rest, and Pillow does
    if len(places) != count or len(sizes) != count:
        raise damaged(f"TIFF with {min(len(places), len(sizes))} strips or tiles instead of {count}")
    if 0 in sizes:
        raise format_refused("TIFF with strips or tiles left out (StripByteCounts or TileByteCounts 0)")
    if any(place + size > len(page.data) for place, size in zip(places, sizes, strict=True)):
        raise damaged("TIFF that ends before its strips or tiles do")
    if page.one(tags.COMPRESSION, 1) == JPEG and not all(
        page.data[place : place + size].rstrip(b"\0\xff").endswith(b"\xff\xd9") for place, size in zip(places, sizes, strict=True)
    ):
        raise damaged("TIFF with a JPEG strip or tile that is cut off")


def check_sums(page: ImageDirectory) -> None:
    """Raise the InputError for Deflate strips or tiles that their own checksums do not fit: libtiff does not look at these.

    Each is inflated a piece at a time, and not further than a strip or tile of the picture can be.
    """
    if page.one(tags.COMPRESSION, 1) not in (DEFLATE, OLD_DEFLATE):
        return
    places, sizes = _segments(page)
    samples = page.one(tags.WIDTH, 0) * page.one(tags.HEIGHT, 0) * page.one(tags.SAMPLES, 1)
    most = 2 * samples * max(page.numbers(tags.BITS), default=1) // 8 // max(1, len(places)) + _PIECE
    for place, size in zip(places, sizes, strict=False):
        inflater, left, content = zlib.decompressobj(), most, page.data[place : place + size]
        try:
            while content and not inflater.eof and left > 0:
                left -= len(inflater.decompress(content, _PIECE))
                content = inflater.unconsumed_tail
        except zlib.error as error:
            raise damaged("TIFF with a strip or tile that does not fit its checksum", error) from error


def stored_samples(page: ImageDirectory) -> NDArray[Any]:
    """(H, W, S) samples, in the type that holds their bits; JPEG's as RGB where the page says YCbCr.

    The page's segments have passed `check_segments`. Raises InputError, and whatever the libraries raise.
    """
    import tifffile

    places, sizes = _segments(page)
    with tifffile.TiffFile(io.BytesIO(_directory_alone(page))) as file:
        first = cast("TiffPage", file.pages[0])
        if first.dtype is None:
            raise damaged(f"TIFF with {first.bitspersample} bits per sample")
        return _assembled(page, first, places, sizes)


def _assembled(page: ImageDirectory, first: TiffPage, places: tuple[int, ...], sizes: tuple[int, ...]) -> NDArray[Any]:
    height, width, count = page.one(tags.HEIGHT, 0), page.one(tags.WIDTH, 0), page.one(tags.SAMPLES, 1)
    planar = count > 1 and first.planarconfig == 2
    result = np.empty((height, width, count), np.uint8 if first.dtype == np.bool_ else first.dtype)
    tables = page.content(tags.JPEG_TABLES)
    for index, (place, size) in enumerate(zip(places, sizes, strict=True)):
        segment = page.data[place : place + size]
        _check_picture(page, segment)
        if page.one(tags.COMPRESSION, 1) in CCITT:
            _check_fax(page, first, segment, index)
        pixels, (plane, _, top, left, _), shape = first.decode(segment, index, jpegtables=tables)
        if pixels is None or pixels.ndim != 4 or pixels.shape[0] != 1:
            raise damaged("TIFF with a strip or tile that cannot be decoded")
        rows, columns = min(shape[1], height - top), min(shape[2], width - left)
        if pixels.shape[1] < rows or pixels.shape[2] < columns or pixels.shape[3] != (1 if planar else count):
            raise damaged(f"TIFF with a strip or tile of {pixels.shape} instead of {shape}")
        samples = slice(plane, plane + 1) if planar else slice(None)
        result[top : top + rows, left : left + columns, samples] = pixels[0, :rows, :columns]
    return result


def _check_fax(page: ImageDirectory, first: TiffPage, segment: bytes, index: int) -> None:
    """Raise InputError for CCITT data that ends before its rows do, which decoders fill up with white.

    Rows that are there do not depend on what comes behind them; missing ones are read from there. Group 3 marks its rows.
    """
    rows = np.asarray(first.decode(segment, index)[0])
    for behind in (segment, b"\xff" * 64, b"\xaa\x55\x31\xff" * 16):
        if not np.array_equal(rows, np.asarray(first.decode(segment + behind, index)[0])):
            raise damaged("TIFF with a CCITT strip or tile that is cut off")
    if page.one(tags.COMPRESSION, 1) == _GROUP_3:
        order: Literal["little", "big"] = "little" if page.one(tags.FILL_ORDER, 1) == 2 else "big"
        marks = len(_END_OF_LINE.findall(np.unpackbits(np.frombuffer(segment, np.uint8), bitorder=order).tobytes()))
        if 0 < marks < rows.shape[1]:
            raise damaged(f"TIFF with a CCITT strip or tile of {marks} rows instead of {rows.shape[1]}")


def _segments(page: ImageDirectory) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Places and sizes of the strips or tiles; more than belong to the picture are left out."""
    where = (tags.TILES, tags.TILE_SIZES) if tags.TILES in page.entries else (tags.STRIPS, tags.STRIP_SIZES)
    count = _expected(page)
    return page.numbers(where[0])[:count], page.numbers(where[1])[:count]


def _expected(page: ImageDirectory) -> int:
    height, width = page.one(tags.HEIGHT, 0), page.one(tags.WIDTH, 0)
    across, down = width, min(page.one(tags.ROWS, height) or height, height)
    if tags.TILES in page.entries:
        across, down = page.one(tags.TILE_WIDTH, 0), page.one(tags.TILE_HEIGHT, 0)
        if not across or not down or across * down > max(4 * height * width, 1 << 22):
            raise damaged(f"TIFF with tiles of {across}x{down}")
    planes = page.one(tags.SAMPLES, 1) if page.one(tags.PLANAR, 1) == 2 else 1
    return -(-height // down) * -(-width // across) * planes


def _check_picture(page: ImageDirectory, segment: bytes) -> None:
    """Raise InputError for a strip or tile that is a picture of its own and claims to be larger than its place."""
    size = _picture_size(page.one(tags.COMPRESSION, 1), segment)
    if size is None:
        return
    height, width = page.one(tags.HEIGHT, 0), page.one(tags.WIDTH, 0)
    room = (width, min(page.one(tags.ROWS, height) or height, height))
    if tags.TILES in page.entries:
        room = page.one(tags.TILE_WIDTH, 0), page.one(tags.TILE_HEIGHT, 0)
    if size[0] > room[0] or size[1] > room[1]:
        raise damaged(f"TIFF with a picture of {size[0]}x{size[1]} in a strip or tile of {room[0]}x{room[1]}")


def _picture_size(compression: int, segment: bytes) -> tuple[int, int] | None:
    probes = {JPEG: jpeg.probe, PNG: png.probe, WEBP: webp.probe, JPEG_XL: jxl.probe}
    if compression in probes:
        header = probes[compression](segment)
        return header.width, header.height
    if compression == JPEG_2000:
        start = segment.find(b"\xff\x4f\xff\x51")  # SOC and SIZ, behind the boxes of a JP2
        if start < 0:
            raise damaged("TIFF with a JPEG 2000 strip or tile without a size")
        x, y, left, top = (int.from_bytes(take(segment, start + 8 + 4 * i, 4), "big") for i in range(4))
        return x - left, y - top
    if compression == LERC:
        if not segment.startswith(b"Lerc2 "):
            raise format_refused("TIFF with compressed LERC (LercParameters), or an old LERC")
        version = int.from_bytes(take(segment, 6, 4), "little")
        rows = 10 + (4 if version >= 3 else 0)
        return int.from_bytes(take(segment, rows + 4, 4), "little"), int.from_bytes(take(segment, rows, 4), "little")
    return None


def _directory_alone(page: ImageDirectory) -> bytes:
    """A TIFF without strips or tiles that has the tags of `_STORAGE` and no others."""
    order, big = byte_order(page.data), is_big(page.data)
    count_size, entry_size, offset_size = (8, 20, 8) if big else (2, 12, 4)
    head = page.data[:8] if big else page.data[:4]
    start = len(head) + offset_size
    kept = [page.entries[tag] for tag in sorted(_STORAGE) if tag in page.entries]
    if page.one(tags.COMPRESSION, 1) == JPEG and page.one(tags.PLANAR, 1) == 2:
        # Each plane is a gray JPEG; tifffile looks for the colours of the page in it.
        kept = [entry for entry in kept if entry is not page.entries.get(tags.PHOTOMETRIC)]
    end = start + count_size + len(kept) * entry_size + offset_size
    directory, values = bytearray(len(kept).to_bytes(count_size, order)), bytearray()
    for entry in kept:
        raw = page.data[entry.place : entry.place + entry_size]
        if entry.size <= offset_size:
            directory += raw
        else:
            directory += raw[:-offset_size] + (end + len(values)).to_bytes(offset_size, order)
            values += page.data[entry.value : entry.value + entry.size]
    return head + start.to_bytes(offset_size, order) + bytes(directory) + bytes(offset_size) + bytes(values)
