"""What a container's header says, and the refusals that all containers share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from router.containers.metadata import Metadata
from router.errors import InputError, StreamError
from router.images.sample import Pixels
from router.reasons import ReasonCode

_T = TypeVar("_T")

_ZEROS = 128
"""Flat pictures of 24 MP, with and without loss, hold at most 2 zeros in a row in VP8L, 16 in AV1."""


@dataclass(frozen=True)
class ImageHeader:
    """Facts from the first bytes of a file; nothing is decoded for them.

    Attributes:
        format: "jpeg", "png", "webp", "avif", "jxl", "gif", "bmp", "tiff" or "ppm".
        width, height: size as stored, in pixels, before any orientation is applied.
        bits: bits per sample as stored (palette images: of the index).
        mode: "1", "L", "LA", "RGB", "RGBA", "P", "CMYK", "YCCK", "LAB", "F" (floating point), or "" where it takes a decoder
            to tell.
        lossy: whether the container's coding loses something; None when it does not tell.
        animated: more than one image in a row (animation, sequence, pages); phone JPEGs with embedded pictures are not.
        frames: how many where that is written down, else None.
        orientation: the container's own orientation (JPEG XL codestream, AVIF irot/imir, TIFF tag) as an EXIF code, 1 to 8.
        cicp: colour primaries and transfer characteristics of ITU-T H.273 where the container states them.
    """

    format: str
    width: int
    height: int
    bits: int
    mode: str
    lossy: bool | None
    animated: bool = False
    frames: int | None = 1
    orientation: int = 1
    cicp: tuple[int, int] | None = None


@dataclass(frozen=True)
class ReadPlan:
    """What reading a file will give.

    Attributes:
        width, height: size of what `load` returns.
        channels: 1 to 4.
        bits: 8 or 16.
        load: decodes: (height, width, channels) uint8 or uint16. Thread-safe: every call starts from the file's bytes.
        metadata: as stored; the EXIF orientation tag is still the file's.
        orientation: EXIF code still to be applied to what `load` returns.
        colour_faults: see `Source`; a profile in `metadata` is looked at later.
    """

    width: int
    height: int
    channels: int
    bits: int
    load: Callable[[], Pixels]
    metadata: Metadata = field(default_factory=Metadata)
    orientation: int = 1
    colour_faults: tuple[str, ...] = ()


def damaged(what: str, foreign: BaseException | str = "") -> InputError:
    """The bytes contradict their format or end too early. `foreign`: what a library said of them."""
    return InputError(what, code=ReasonCode.DAMAGED_IMAGE, hint="Get the file again from where it came from", foreign=foreign)


def depth_refused(what: str, hint: str = "") -> InputError:
    """More (or other) bits per sample than can be read without changing values."""
    hint = hint or "Convert it to 8 bits per sample yourself if the loss is acceptable"
    return InputError(what, code=ReasonCode.DEPTH_NOT_SUPPORTED, hint=hint)


def mode_refused(what: str, hint: str = "") -> InputError:
    """A colour model that is not gray or RGB, with or without alpha."""
    hint = hint or "Convert it to RGB first, through its colour profile"
    return InputError(what, code=ReasonCode.MODE_NOT_SUPPORTED, hint=hint)


def format_refused(name: str) -> InputError:
    """A known format that is not read."""
    return InputError(
        f"{name} is not read",
        code=ReasonCode.FORMAT_NOT_SUPPORTED,
        hint="Convert it to PNG, TIFF, JPEG, WebP, AVIF or JPEG XL first",
        format=name,
    )


@contextlib.contextmanager
def damage_of(name: str) -> Iterator[None]:
    """Within it, the StreamError of a parser of `containers` becomes InputError (DAMAGED_IMAGE)."""
    try:
        yield
    except StreamError as error:
        raise damaged(f"damaged {name}: {error.message}") from error


def parts(walk: Iterator[_T], name: str) -> Iterator[_T]:
    """What a walker of `containers` gives; its StreamError becomes InputError (DAMAGED_IMAGE)."""
    with damage_of(name):
        yield from walk


def refuse_filled_up(data: bytes, start: int, stop: int, name: str) -> None:
    """Raise InputError (DAMAGED_IMAGE) for coded data that ends in a run of zeros that its coder never writes.

    A file that was copied in part and filled up to its length decodes without complaint in such formats. For coders that never
    write more than a few zeros in a row, and files that hold nothing else between `start` and `stop`.
    """
    if stop - start > _ZEROS and not any(data[stop - _ZEROS : stop]):
        raise damaged(f"{name} whose coded data ends in zeros: it was cut off and filled up")


def take(data: bytes, start: int, count: int) -> bytes:
    """`data[start:start + count]`, all of it. Raises InputError (DAMAGED_IMAGE) if the data ends before."""
    if start < 0 or start + count > len(data):
        raise damaged(f"file ends at byte {len(data)}, inside its header")
    return data[start : start + count]
