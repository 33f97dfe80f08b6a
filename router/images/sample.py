"""ImageSample: one still image, upright, with the facts the policy may ask for. Immutable; pixels and facts are lazy."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

Mode = Literal["L", "LA", "RGB", "RGBA"]
Pixels = NDArray[np.uint8] | NDArray[np.uint16]

_MODES: dict[int, Mode] = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class Metadata:
    """What travels beside the pixels. `exif` is a TIFF block without the `Exif\\0\\0` prefix, orientation already 1."""

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None


@dataclass(frozen=True)
class Source:
    """Where the image came from.

    Attributes:
        format: lower-case container name ("jpeg", "png", "webp", "avif", "jxl", "gif", "bmp", "tiff", "ppm") or
            "array" / "pil" for pixels that came without a file.
        lossy: True, False, or None when the container does not tell.
        data: the file's bytes as given, or None for pixels that came without a file.
    """

    format: str
    lossy: bool | None
    data: bytes | None = field(repr=False, default=None)

    @property
    def size(self) -> int | None:
        """Bytes of the file, None for bare pixels."""
        return None if self.data is None else len(self.data)


class ImageSample:
    """One still image.

    Header facts (`width`, `height`, `channels`, `bits`) are known at once; `pixels` is decoded on first use and may raise
    `InputError`. Sizes are those of the upright image.
    """

    def __init__(
        self,
        *,
        width: int,
        height: int,
        channels: int,
        bits: Literal[8, 16],
        source: Source,
        metadata: Metadata,
        load: Callable[[], Pixels],
    ) -> None:
        self.width = width
        self.height = height
        self.channels = channels
        self.bits: Literal[8, 16] = bits
        self.source = source
        self.metadata = metadata
        self._load = load

    def __repr__(self) -> str:
        return f"ImageSample({self.width}x{self.height} {self.mode}, {self.bits} bit, from {self.source.format})"

    @property
    def mode(self) -> Mode:
        """ "L", "LA", "RGB" or "RGBA", whatever the depth."""
        return _MODES[self.channels]

    @property
    def has_alpha(self) -> bool:
        """Whether an alpha channel exists."""
        return self.channels in (2, 4)

    @cached_property
    def pixels(self) -> Pixels:
        """(H, W, C) uint8 or uint16, full range of the type, upright, C-contiguous, read-only. Raises InputError."""
        pixels = cast("Pixels", np.ascontiguousarray(self._load()))
        assert pixels.shape == (self.height, self.width, self.channels), "reader broke its contract"
        pixels.flags.writeable = False
        return pixels

    @cached_property
    def pixels_sha256(self) -> str:
        """SHA-256 over shape, type and samples: equal exactly when the images are equal."""
        return pixels_sha256(self.pixels)

    @cached_property
    def source_sha256(self) -> str:
        """SHA-256 of the file's bytes; of the pixels (see `pixels_sha256`) for bare pixels."""
        return self.pixels_sha256 if self.source.data is None else hashlib.sha256(self.source.data).hexdigest()

    @cached_property
    def is_gray(self) -> bool:
        """One or two channels, or colour channels that are equal everywhere."""
        if self.channels < 3:
            return True
        p = self.pixels
        return bool(np.array_equal(p[..., 0], p[..., 1]) and np.array_equal(p[..., 1], p[..., 2]))

    @cached_property
    def alpha_used(self) -> bool:
        """Whether any pixel is not fully opaque."""
        return self.has_alpha and bool((self.pixels[..., -1] != np.iinfo(self.pixels.dtype).max).any())

    @cached_property
    def colours(self) -> int:
        """Distinct colours among at most 65,536 evenly spaced pixels (alpha counted)."""
        flat = self.pixels.reshape(-1, self.channels)
        step = max(1, -(-len(flat) // 65536))
        if step > 1 and self.width % step == 0:
            step += 1  # a step that divides the width would sample the same columns in every row
        sampled = np.ascontiguousarray(flat[::step])
        return len(np.unique(sampled.view(np.dtype((np.void, sampled.dtype.itemsize * self.channels)))))

    def with_metadata(self, metadata: Metadata) -> ImageSample:
        """The same image with other metadata; pixels are shared and stay lazy."""
        return ImageSample(
            width=self.width,
            height=self.height,
            channels=self.channels,
            bits=self.bits,
            source=self.source,
            metadata=metadata,
            load=lambda: self.pixels,
        )

    def replace_pixels(self, pixels: Pixels, metadata: Metadata | None = None) -> ImageSample:
        """The same source with other pixels (a colour conversion, a dropped alpha); metadata replaced if given."""
        height, width, channels = pixels.shape
        return ImageSample(
            width=width,
            height=height,
            channels=channels,
            bits=16 if pixels.dtype == np.uint16 else 8,
            source=self.source,
            metadata=self.metadata if metadata is None else metadata,
            load=lambda: pixels,
        )


def pixels_sha256(pixels: Pixels) -> str:
    """SHA-256 over "HxWxC:dtype\\n" and the little-endian samples of an (H, W, C) array."""
    digest = hashlib.sha256(f"{'x'.join(map(str, pixels.shape))}:{pixels.dtype.name}\n".encode())
    digest.update(np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()
