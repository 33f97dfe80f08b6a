"""TIFF: tags of the first directory that readers here do not take along, and further directories."""

from __future__ import annotations

from collections.abc import Iterator

from router.containers.tiff import SUBFILE, ImageDirectory, first_offset, first_page, later_pages
from router.images.decoders.tiff import DESCRIPTIVE
from router.images.left_behind import extra_part as p
from router.images.left_behind.extra_part import ExtraPart

_STORAGE = {
    *(
        254,
        255,
        256,
        257,
        258,
        259,
        262,
        263,
        264,
        265,
        266,
        273,
        274,
        277,
        278,
        279,
        280,
        281,
        284,
        288,
        289,
        290,
        291,
        292,
        293,
    ),
    *(301, 317, 318, 319, 320, 322, 323, 324, 325, 326, 327, 328, 338, 339, 340, 341, 342, 347, 512, 513, 514, 515, 517, 518),
    *(519, 520, 521, 529, 530, 531, 532, 559, 50674, 50675, 50838, 50839, 34675),
}
_CARRIED = {*DESCRIPTIVE, 700, 34665, 34853}
_NAMED = {
    33723: "IPTC",
    34377: "Photoshop resources (IPTC)",
    37724: "Photoshop layers",
    33550: "GeoTIFF tags",
    33922: "GeoTIFF tags",
    34264: "GeoTIFF tags",
    34735: "GeoTIFF tags",
    34736: "GeoTIFF tags",
    34737: "GeoTIFF tags",
    33920: "GeoTIFF tags",
    42112: "GDAL metadata",
    42113: "GDAL no-data value",
    50909: "GeoTIFF tags",
    50844: "RPC coefficients",
    52545: "C2PA manifest",
    330: "sub-images",
    332: "ink set",
    333: "ink names",
    334: "ink names",
}
_HINTS = {301, 318, 319, 532}
"""Colour statements that no reader here acts on; a TIFF that needs them has a profile."""
_SHOWN = 5
_REDUCED, _MASK = 1, 4


def extra_parts(data: bytes) -> Iterator[ExtraPart]:
    """See `left_behind.extra_parts`. Raises InputError."""
    page = first_page(data)
    tags = sorted(page.entries.keys() - _STORAGE)
    yield from (ExtraPart("EXIF" if tag != 700 else "XMP", carried=True) for tag in tags if tag in _CARRIED)
    yield from (ExtraPart(_NAMED[tag]) for tag in tags if tag in _NAMED)
    private = [str(tag) for tag in tags if tag not in _CARRIED and tag not in _NAMED]
    if private:
        more = f" and {len(private) - _SHOWN} more" if len(private) > _SHOWN else ""
        yield ExtraPart(f"TIFF tags {', '.join(private[:_SHOWN])}{more}")
    if _HINTS & page.entries.keys():
        yield ExtraPart("colour calibration tags", harmless=True)
    yield from _further(data, page)


def _further(data: bytes, page: ImageDirectory) -> Iterator[ExtraPart]:
    """Directories behind the first: pages are refused or asked for, what is no page goes without a word otherwise."""
    last, seen = page, {first_offset(data)}
    for later in later_pages(data, page):
        seen.add(last.next)
        last = later
        flags = later.one(SUBFILE, 0)
        if flags & _REDUCED:
            yield p.PREVIEW
        elif flags & _MASK:
            yield ExtraPart("transparency mask", shows=True)
        else:
            yield ExtraPart("further page", shows=True)
    if last.next and last.next not in seen:
        yield ExtraPart("further page that cannot be read", shows=True)
