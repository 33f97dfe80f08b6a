"""What metadata says of an image's orientation, size and places in it, put right once its pixels have been turned.

EXIF (CIPA DC-008) is changed in place, so that MakerNotes and all that points into the block stay where they are. What cannot be
put right is taken out and named.
"""

from __future__ import annotations

from dataclasses import replace

from router.containers import tiff as ifd
from router.containers import xmp_packet as packet
from router.containers.metadata import Metadata, PixelDensity
from router.containers.xmp_packet import Name
from router.errors import StreamError
from router.images import png_notes
from router.images.orientation import orientation_of, with_upright_tag

_TIFF, _EXIF, _XMP = "http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/exif/1.0/", "http://ns.adobe.com/xap/1.0/"
_ORIENTATION: Name = (_TIFF, "Orientation")
_SIZES: tuple[tuple[Name, Name], ...] = (
    ((_TIFF, "ImageWidth"), (_TIFF, "ImageLength")),
    ((_EXIF, "PixelXDimension"), (_EXIF, "PixelYDimension")),
)
_PAIRS: tuple[tuple[Name, Name], ...] = (
    ((_TIFF, "XResolution"), (_TIFF, "YResolution")),
    ((_EXIF, "FocalPlaneXResolution"), (_EXIF, "FocalPlaneYResolution")),
)
_PLACES: dict[Name, str] = {
    (_XMP, "Thumbnails"): "thumbnail in XMP",
    ("http://www.metadataworkinggroup.com/schemas/regions/", "Regions"): "regions in XMP",
    ("http://ns.microsoft.com/photo/1.2/", "RegionInfo"): "regions in XMP",
    (_EXIF, "SubjectArea"): "regions in XMP",
    (_EXIF, "SubjectLocation"): "regions in XMP",
}
_LOOKED_AT = {_ORIENTATION, *(name for pair in (*_SIZES, *_PAIRS) for name in pair), *_PLACES}

_EXIF_IFD, _INTEROP_IFD, _GPS_IFD = 0x8769, 0xA005, 0x8825
_THUMBNAIL, _THUMBNAIL_SIZE = 0x0201, 0x0202
_SUBJECT_AREA, _SUBJECT_LOCATION = 0x9214, 0xA214


def upright(metadata: Metadata, code: int, width: int, height: int) -> tuple[Metadata, tuple[str, ...]]:
    """The metadata of an image that was stored with orientation `code` and is `width` x `height` now that it is upright.

    And the names of what is no longer true and had to go.
    """
    stated = orientation_of(metadata.exif)
    if code == 1 and stated == 1:
        return metadata, ()
    exif, dropped = _exif(metadata.exif, code, width, height) if metadata.exif is not None else (None, ())
    xmp, regions = _xmp(metadata.xmp, code, width, height) if metadata.xmp is not None else (None, ())
    if code == 1:
        return replace(metadata, exif=exif, xmp=xmp), (*dropped, *regions)
    chunks, marks = png_notes.turned(metadata.chunks)
    density = metadata.density
    if density is not None and code >= 5:
        density = PixelDensity(density.y, density.x, density.unit)
    return replace(metadata, exif=exif, xmp=xmp, density=density, chunks=chunks), (*dropped, *regions, *marks)


def _exif(exif: bytes, code: int, width: int, height: int) -> tuple[bytes, tuple[str, ...]]:
    exif = with_upright_tag(exif) or exif
    block = ifd.block(exif)
    first = None if block is None else block.directory(block.first)
    if block is None or first is None or code == 1:
        return exif, ()
    out = bytearray(exif)
    exif_ifd = _inner(block, first, _EXIF_IFD)
    interop = None if exif_ifd is None else _inner(block, exif_ifd, _INTEROP_IFD)
    if code >= 5:
        _put(out, block, first, 0x0100, width)
        _put(out, block, first, 0x0101, height)
        _exchange(out, first, 0x011A, 0x011B)
        if exif_ifd is not None:
            _put(out, block, exif_ifd, 0xA002, width)
            _put(out, block, exif_ifd, 0xA003, height)
            _exchange(out, exif_ifd, 0xA20E, 0xA20F)
        if interop is not None:
            _put(out, block, interop, 0x1001, width)
            _put(out, block, interop, 0x1002, height)
    if exif_ifd is not None:
        for tag in (_SUBJECT_AREA, _SUBJECT_LOCATION):
            _turn_place(out, block, exif_ifd, tag, code, width, height)
    thumbnail = block.directory(first.next)
    if thumbnail is None:
        return bytes(out), ()
    out[first.next_at : first.next_at + 4] = bytes(4)
    start, size = (thumbnail.entries.get(tag) for tag in (_THUMBNAIL, _THUMBNAIL_SIZE))
    if start is not None and size is not None:
        _cut(out, block, (first, exif_ifd, interop, _inner(block, first, _GPS_IFD)), block.numbers(start), block.numbers(size))
    return bytes(out), ("EXIF thumbnail",)


def _cut(
    out: bytearray, block: ifd.TiffBlock, directories: tuple[ifd.Directory | None, ...], starts: list[int], sizes: list[int]
) -> None:
    """Take the thumbnail's bytes out, if nothing else uses them: cut where they are the block's end, else overwritten."""
    if not starts or not sizes:
        return
    start, stop = starts[0], min(starts[0] + sizes[0], len(out))
    used = [(8, 8)]
    for directory in (d for d in directories if d is not None):
        used.append((min((e.place for e in directory.entries.values()), default=0), directory.next_at + 4))
        used += [(e.value, e.value + e.size) for e in directory.entries.values()]
    if start >= stop or any(a < stop and start < b for a, b in used):
        return
    if stop == len(out) and all(b <= start for _, b in used):
        del out[start:]
    else:
        out[start:stop] = bytes(stop - start)


def _inner(block: ifd.TiffBlock, directory: ifd.Directory, tag: int) -> ifd.Directory | None:
    entry = directory.entries.get(tag)
    offsets = [] if entry is None else block.numbers(entry)
    return block.directory(offsets[0]) if offsets else None


def _put(out: bytearray, block: ifd.TiffBlock, directory: ifd.Directory, tag: int, value: int) -> None:
    entry = directory.entries.get(tag)
    if entry is not None and entry.count == 1 and entry.kind in (3, 4) and value < 1 << 8 * entry.size:
        out[entry.value : entry.value + entry.size] = value.to_bytes(entry.size, block.order)


def _exchange(out: bytearray, directory: ifd.Directory, tag: int, other: int) -> None:
    a, b = directory.entries.get(tag), directory.entries.get(other)
    if a is not None and b is not None and (a.kind, a.count) == (b.kind, b.count) == (5, 1):
        first, second = out[a.value : a.value + 8], out[b.value : b.value + 8]
        out[a.value : a.value + 8], out[b.value : b.value + 8] = second, first


def _turn_place(
    out: bytearray, block: ifd.TiffBlock, directory: ifd.Directory, tag: int, code: int, width: int, height: int
) -> None:
    """A point (x, y), circle (x, y, diameter) or rectangle around (x, y) with its width and height, in stored pixels."""
    entry = directory.entries.get(tag)
    if entry is None or entry.kind != 3 or not 2 <= entry.count <= 4:
        return
    x, y, *extent = block.numbers(entry)
    if code >= 5:
        x, y, extent = y, x, extent[::-1]
    if code in (3, 4, 7, 8):
        y = height - 1 - y
    if code in (2, 3, 6, 7):
        x = width - 1 - x
    numbers = (max(0, x), max(0, y), *extent)
    out[entry.value : entry.value + entry.size] = b"".join(n.to_bytes(2, block.order) for n in numbers)


def _xmp(xmp: bytes, code: int, width: int, height: int) -> tuple[bytes, tuple[str, ...]]:
    try:
        found = packet.read(xmp, lambda name: name in _LOOKED_AT)
        text = packet.with_values(found, _values(found, code, width, height))
        dropped: tuple[str, ...] = ()
        if code != 1:
            found = packet.read(text, lambda name: name in _LOOKED_AT)
            names = {e.name for e in found.elements} | {a.name for e in found.elements for a in e.attributes}
            dropped = tuple(dict.fromkeys(title for name, title in _PLACES.items() if name in names))
            text = packet.without(found, lambda name: name in _PLACES)
        return (xmp if text in xmp else text), dropped  # unchanged: as it came, padding and all
    except StreamError:
        return xmp, ()  # what cannot be read is not taken along either


def _values(found: packet.Packet, code: int, width: int, height: int) -> dict[Name, str]:
    values = {_ORIENTATION: "1"}
    if code >= 5:
        for wide, high in _SIZES:
            values |= {wide: str(width), high: str(height)}
        for a, b in _PAIRS:
            first, second = packet.values_of(found, a), packet.values_of(found, b)
            if len(first) == len(second) == 1:
                values |= {a: second[0].strip(), b: first[0].strip()}
    return values
