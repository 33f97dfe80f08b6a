"""Pillow as a decoder: opened by plugin class, strict about truncation, its exceptions turned into ours.

A plugin's class is called directly, never `Image.open`: the decompression-bomb check then stays out of the way of explicit
limits without anybody changing Pillow's global, and no plugin but the one for the probed format sees the bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from router.errors import LimitError, RouterError
from router.images.decoders.header import damaged, depth_refused, mode_refused
from router.images.sample import Pixels
from router.process.memory import is_out_of_memory
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from PIL import Image

_LAYOUTS = {
    "1": (1, 8),
    "L": (1, 8),
    "LA": (2, 8),
    "La": (2, 8),
    "P": (3, 8),
    "PA": (4, 8),
    "RGB": (3, 8),
    "RGBX": (3, 8),
    "RGBA": (4, 8),
    "RGBa": (4, 8),
    "I;16": (1, 16),
    "I;16L": (1, 16),
    "I;16B": (1, 16),
    "I;16N": (1, 16),
    "I": (1, 16),
}
_CONVERSIONS = {"1": "L", "La": "LA", "PA": "RGBA", "RGBX": "RGB", "RGBa": "RGBA"}
_OTHER_MODELS = {"F": "floating-point samples", "LAB": "L*a*b* colour", "CMYK": "CMYK colour"}


class StrictFile(io.BytesIO):
    """A file in memory that fails at its end once `strict` is set.

    Pillow pads truncated images when any part of the process has set `ImageFile.LOAD_TRUNCATED_IMAGES`; it never gets the
    chance if reading at the end of the data raises.
    """

    strict = False

    def read(self, size: int | None = -1, /) -> bytes:
        """As BytesIO; OSError instead of b"" at the end while `strict`."""
        block = super().read(size)
        if self.strict and not block and size != 0:
            raise OSError("image file is truncated")
        return block


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Whatever a decoding library raises inside becomes InputError (DAMAGED_IMAGE), or LimitError (OUT_OF_MEMORY)."""
    try:
        yield
    except RouterError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise LimitError(f"not enough memory to decode this {name}", code=ReasonCode.OUT_OF_MEMORY, foreign=error) from error
        raise damaged(f"damaged {name}", error) from error


def load_strictly(image: Image.Image, file: StrictFile) -> None:
    """Decode the pixels of an opened image; OSError on truncation whatever Pillow's globals say."""
    file.strict = True
    image.load()


def layout(image: Image.Image) -> tuple[int, int]:
    """Channels and bits (8 or 16) that `to_array` gives. Raises InputError (MODE_NOT_SUPPORTED) for other colour models."""
    if image.mode not in _LAYOUTS:
        raise mode_refused(f"{_OTHER_MODELS.get(image.mode, f'mode {image.mode}')} cannot be read")
    channels, bits = _LAYOUTS[image.mode]
    if "transparency" in image.info and image.mode in ("1", "L", "P", "RGB"):
        channels = {1: 2, 3: 4}[channels]
    return channels, bits


def to_array(image: Image.Image) -> Pixels:
    """(H, W, C) uint8 or uint16 of a loaded image, as `layout` says; a fresh array.

    Raises InputError: MODE_NOT_SUPPORTED, or DEPTH_NOT_SUPPORTED for 32-bit samples outside 0 to 65535.
    """
    channels, bits = layout(image)
    if image.mode == "I":
        wide = np.asarray(image)
        if wide.min() < 0 or wide.max() > 65535:
            raise depth_refused(f"samples from {wide.min()} to {wide.max()} do not fit 16 bits")
        return wide.astype(np.uint16)[..., None]
    if bits == 16:
        return np.array(image).astype(np.uint16)[..., None]
    with_alpha = channels in (2, 4)
    if image.mode == "P":
        image = image.convert("RGBA" if with_alpha else "RGB")
    elif "transparency" in image.info and image.mode in ("1", "L", "RGB"):
        image = image.convert("L" if image.mode == "1" else image.mode).convert("LA" if channels == 2 else "RGBA")
    else:
        image = image.convert(_CONVERSIONS.get(image.mode, image.mode))
    array = np.array(image, dtype=np.uint8)
    return array.reshape(image.height, image.width, channels)


def expect(pixels: Pixels, height: int, width: int, channels: int) -> Pixels:
    """`pixels` if they are what the header promised. Raises InputError (DAMAGED_IMAGE)."""
    if pixels.shape != (height, width, channels):
        raise damaged(f"header says {width}x{height} with {channels} channels, the pixels are {pixels.shape}")
    return pixels


def info_bytes(image: Image.Image, key: str) -> bytes | None:
    """An `info` entry as bytes; None when missing, empty or of another type."""
    value = image.info.get(key)
    if isinstance(value, str):
        value = value.encode("utf-8")
    return value if isinstance(value, bytes) and value else None
