"""ImageSample: one still image, upright, with the facts the policy may ask for. Immutable; pixels and facts are lazy."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray

from router.containers.metadata import Metadata
from router.errors import InputError
from router.process.forks import Lock

if TYPE_CHECKING:
    from router.images.left_behind import ExtraPart

Mode = Literal["L", "LA", "RGB", "RGBA"]
Pixels = NDArray[np.uint8] | NDArray[np.uint16]

_MODES: dict[int, Mode] = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class Source:
    """Where the image came from.

    Attributes:
        format: lower-case container name ("jpeg", "png", "webp", "avif", "jxl", "gif", "bmp", "tiff", "ppm") or
            "array" / "pil" for pixels that came without a file.
        lossy: True, False, or None when the container does not tell.
        data: the file's bytes as given, or None for pixels that came without a file.
        hdr_transfer: the file states a PQ or HLG curve. Without an ICC profile that says so too, the samples would be
            shown wrongly in any format written here.
        further_images: the file holds more than the image that was read: frames or pages.
        dropped: names of metadata that reading had to drop because it is no longer true of the upright pixels.
        colour_faults: what was said about the colours and cannot be used, each with its reason, for a person to read: it is
            left out of whatever is written anew.
    """

    format: str
    lossy: bool | None
    data: bytes | None = field(repr=False, default=None)
    hdr_transfer: bool = False
    further_images: bool = False
    dropped: tuple[str, ...] = ()
    colour_faults: tuple[str, ...] = ()

    @property
    def size(self) -> int | None:
        """Bytes of the file, None for bare pixels."""
        return None if self.data is None else len(self.data)


_T = TypeVar("_T")


class _Once(Generic[_T]):
    """A property computed at most once per image, under that image's own lock.

    `functools.cached_property` has one lock for all instances in Python 3.11: two images could not be decoded side by side.
    """

    def __init__(self, compute: Callable[[Any], _T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, sample: None, owner: type) -> _Once[_T]: ...
    @overload
    def __get__(self, sample: ImageSample, owner: type) -> _T: ...
    def __get__(self, sample: ImageSample | None, owner: type) -> _Once[_T] | _T:
        if sample is None:
            return self
        with sample._lock:
            values = vars(sample)  # found there first from the next time on
            if self._name not in values:
                values[self._name] = self._compute(sample)
        return cast("_T", values[self._name])


class ImageSample:
    """One still image.

    Header facts (`width`, `height`, `channels`, `bits`) are known at once; `pixels` is decoded on first use and may raise
    `InputError`. Sizes are those of the upright image. May be shared between threads.

    `undecodable` says why nobody here can decode a file whose header could be read (another colour model, another depth, several
    frames); None for all others. Such a sample has facts, and only its file can go on: `pixels` raises that error.
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
        undecodable: InputError | None = None,
    ) -> None:
        """`load` gives (height, width, channels) pixels; nobody may write to them afterwards."""
        self.width = width
        self.height = height
        self.channels = channels
        self.bits: Literal[8, 16] = bits
        self.source = source
        self.metadata = metadata
        self.undecodable = undecodable
        self._load = load
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"ImageSample({self.width}x{self.height} {self.mode}, {self.bits} bit, from {self.source.format})"

    @property
    def mode(self) -> Mode:
        """The channels as "L", "LA", "RGB" or "RGBA", whatever the depth."""
        return _MODES[self.channels]

    @property
    def has_alpha(self) -> bool:
        """Whether an alpha channel exists."""
        return self.channels in (2, 4)

    @_Once
    def pixels(self) -> Pixels:
        """(H, W, C) uint8 or uint16, full range of the type, upright, C-contiguous, read-only. Raises InputError."""
        pixels = cast("Pixels", np.ascontiguousarray(self._load()))
        assert pixels.shape == (self.height, self.width, self.channels), "reader broke its contract"
        if pixels.flags.writeable:
            pixels = pixels.view()  # the array itself may belong to somebody: it is not frozen
            pixels.flags.writeable = False
        return pixels

    @property
    def is_decoded(self) -> bool:
        """Whether `pixels` is there already."""
        return "pixels" in vars(self)

    @_Once
    def pixels_sha256(self) -> str:
        """SHA-256 over shape, type and samples: equal exactly when the images are equal."""
        return pixels_sha256(self.pixels)

    @_Once
    def source_sha256(self) -> str:
        """SHA-256 of the file's bytes; of the pixels (see `pixels_sha256`) for bare pixels."""
        return self.pixels_sha256 if self.source.data is None else hashlib.sha256(self.source.data).hexdigest()

    @_Once
    def extra_parts(self) -> tuple[ExtraPart, ...]:
        """What the file holds beside the picture, see `left_behind.extra_parts`; nothing for bare pixels."""
        from router.images.left_behind import extra_parts

        return () if self.source.data is None else extra_parts(self.source.data, self.source.format)

    @property
    def has_gain_map(self) -> bool:
        """Whether an HDR gain map lies beside the image in the file."""
        return any(p.gain_map for p in self.extra_parts)

    @_Once
    def is_gray(self) -> bool:
        """One or two channels, or colour channels that are equal everywhere."""
        if self.channels < 3:
            return True
        p = self.pixels
        return bool(np.array_equal(p[..., 0], p[..., 1]) and np.array_equal(p[..., 1], p[..., 2]))

    @_Once
    def alpha_used(self) -> bool:
        """Whether any pixel is not fully opaque."""
        return self.has_alpha and bool((self.pixels[..., -1] != np.iinfo(self.pixels.dtype).max).any())

    @_Once
    def colours(self) -> int:
        """Distinct colours among at most 65,536 evenly spaced pixels (alpha counted)."""
        flat = self.pixels.reshape(-1, self.channels)
        step = max(1, -(-len(flat) // 65536))
        if step > 1 and self.width % step == 0:
            step += 1  # a step that divides the width would sample the same columns in every row
        sampled = np.ascontiguousarray(flat[::step])
        return len(np.unique(sampled.view(np.dtype((np.void, sampled.dtype.itemsize * self.channels)))))

    def with_metadata(self, metadata: Metadata, source: Source | None = None) -> ImageSample:
        """The same image with other metadata, and another account of where it came from if given; pixels stay shared and lazy."""
        return ImageSample(
            width=self.width,
            height=self.height,
            channels=self.channels,
            bits=self.bits,
            source=source or self.source,
            metadata=metadata,
            load=lambda: self.pixels,
            undecodable=self.undecodable,
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
    r"""SHA-256 over "HxWxC:dtype\n" and the little-endian samples of an (H, W, C) array."""
    digest = hashlib.sha256(f"{'x'.join(map(str, pixels.shape))}:{pixels.dtype.name}\n".encode())
    digest.update(np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("<")).data)
    return digest.hexdigest()
