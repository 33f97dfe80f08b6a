"""EXIF blocks: an orientation is found or not, and set upright without any other change."""

from __future__ import annotations

from router.images.orientation import orientation_of, tiff_block, with_upright_tag
from training.fuzz.target import FuzzTarget

_ENTRY = b"\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"
_LITTLE = b"II*\x00\x08\x00\x00\x00\x01\x00" + _ENTRY + bytes(4)
_BIG = b"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00" + bytes(4)


def _run(data: bytes) -> None:
    block = tiff_block(data)
    assert 1 <= orientation_of(block) <= 8, "no orientation"
    upright = with_upright_tag(block)
    assert orientation_of(upright) == 1, "not upright"
    assert len(upright or b"") == len(block or b""), "another length"


TARGET = FuzzTarget(
    _run,
    seeds=(_LITTLE, _BIG, b"Exif\0\0" + _LITTLE, _LITTLE + bytes(200), b"II*\x00\x08\x00\x00\x00\xff\xff" + _ENTRY * 300),
    words=(b"II*\0", b"MM\0*", _ENTRY, b"\xff\xff", b"\x08\0\0\0"),
)
