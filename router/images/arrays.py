"""Pixels without a file: arrays and Pillow images in, Pillow images out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from router.containers.metadata import Metadata
from router.errors import InputError
from router.images.decoders.header import depth_refused, mode_refused
from router.images.decoders.pillow import decoding, info_bytes, to_array
from router.images.orientation import apply_orientation, orientation_of, tiff_block
from router.images.profile import usable
from router.images.sample import ImageSample, Pixels, Source
from router.images.turning import upright
from router.limits import DEFAULT_LIMITS, NO_LIMITS, Limits
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from PIL import Image

_NATIVE = "Pass (H, W) or (H, W, C) with 1 to 4 channels, uint8 or uint16, values over the full range of the type"


def from_pixels(pixels: NDArray[Any], metadata: Metadata | None = None, source_format: str = "array") -> ImageSample:
    """A sample of a copy of `pixels`: (H, W) or (H, W, C), C from 1 to 4, uint8 or uint16, upright.

    `metadata` is taken as it is: its pixels are upright, so its EXIF orientation must be 1. Raises InputError (BAD_ARRAY).
    """
    return _sample(_checked(pixels, NO_LIMITS), metadata or Metadata(), source_format)


def from_array(array: NDArray[Any], limits: Limits = DEFAULT_LIMITS) -> ImageSample:
    """As `from_pixels`, within limits. Raises InputError (BAD_ARRAY) and LimitError."""
    return _sample(_checked(array, limits), Metadata(), "array")


def from_pil(image: Image.Image, limits: Limits = DEFAULT_LIMITS, first_frame: bool = False) -> ImageSample:
    """A sample of a Pillow image as it stands: its current frame, turned upright by the EXIF in `image.info`.

    Raises InputError (ANIMATED unless `first_frame`, MODE_NOT_SUPPORTED, DEPTH_NOT_SUPPORTED, DAMAGED_IMAGE), LimitError.
    """
    limits.check_size(*image.size)
    if not min(image.size):
        raise InputError("the image has no pixels", code=ReasonCode.BAD_ARRAY)
    with decoding("image"):
        if not first_frame and image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
            raise InputError(
                "this Pillow image has several frames",
                code=ReasonCode.ANIMATED,
                hint="Pass first_frame=True for the frame it stands at, or a copy() of that frame",
            )
        _refuse_halved_depth(image)
        _refuse_misread(image)
        image.load()
        pixels = to_array(image)
        exif = tiff_block(info_bytes(image, "exif"))
        icc, faults = usable(info_bytes(image, "icc_profile"), pixels.shape[2])
        metadata = Metadata(icc, exif, info_bytes(image, "xmp"))
    code = orientation_of(exif)
    pixels = apply_orientation(pixels, code)
    metadata, dropped = upright(metadata, code, pixels.shape[1], pixels.shape[0])
    return _sample(pixels, metadata, "pil", dropped, faults)


def to_pil(pixels: Pixels, metadata: Metadata | None = None) -> Image.Image:
    """A Pillow image of (H, W, C) pixels: L, LA, RGB or RGBA for uint8, "I;16" for one channel of uint16.

    The profile, EXIF and XMP lie in `info` under Pillow's own keys. Raises InputError: DEPTH_NOT_SUPPORTED for other 16-bit
    pixels, for which Pillow has no mode; BAD_ARRAY.
    """
    from PIL import Image

    checked = _checked(pixels, NO_LIMITS)
    channels = checked.shape[2]
    if checked.dtype == np.uint16 and channels > 1:
        raise depth_refused(f"Pillow has no mode for {channels} channels of 16 bits", "Pass as_array=True to get an array")
    image = Image.fromarray(checked[..., 0] if channels == 1 else checked)
    if metadata is not None:
        exif = None if metadata.exif is None else b"Exif\x00\x00" + metadata.exif
        entries = {"icc_profile": metadata.icc, "exif": exif, "xmp": metadata.xmp}
        image.info.update({key: value for key, value in entries.items() if value is not None})
    return image


def _sample(
    pixels: Pixels, metadata: Metadata, source_format: str, dropped: tuple[str, ...] = (), faults: tuple[str, ...] = ()
) -> ImageSample:
    height, width, channels = pixels.shape
    bits: Literal[8, 16] = 16 if pixels.dtype == np.uint16 else 8
    return ImageSample(
        width=width,
        height=height,
        channels=channels,
        bits=bits,
        source=Source(source_format, lossy=None, dropped=dropped, colour_faults=faults),
        metadata=metadata,
        load=lambda: pixels,
    )


def _checked(array: NDArray[Any], limits: Limits) -> Pixels:
    """A fresh (H, W, C) array in native byte order."""
    if array.dtype.kind != "u" or array.dtype.itemsize > 2:
        raise _bad(f"an array of {array.dtype}", _ADVICE.get(array.dtype.kind, _NATIVE))
    if array.ndim not in (2, 3) or (array.ndim == 3 and not 1 <= array.shape[2] <= 4):
        raise _bad(f"an array of shape {array.shape}", _NATIVE)
    if not array.size:
        raise _bad(f"an empty array of shape {array.shape}", _NATIVE)
    limits.check_size(array.shape[1], array.shape[0])
    copy = np.array(array, dtype=array.dtype.newbyteorder("="), order="C", copy=True)
    return cast("Pixels", copy[..., None] if copy.ndim == 2 else copy)


_ADVICE = {
    "b": "Turn the mask into 0 and 255: (mask * 255).astype(numpy.uint8)",
    "f": "Scale it to 0 to 255 and round: numpy.clip(x * 255, 0, 255).round().astype(numpy.uint8) for values from 0 to 1",
    "i": "Convert it to uint8 or uint16 yourself, after looking at its range",
    "u": "Convert it to uint16 yourself, after looking at its range",
}


def _bad(what: str, hint: str) -> InputError:
    return InputError(f"{what} is not an image", code=ReasonCode.BAD_ARRAY, hint=hint)


def _refuse_halved_depth(image: Image.Image) -> None:
    """Pillow opens 16-bit colour as 8 bits; before it has decoded, its tiles still tell."""
    if image.mode.startswith(("I", "F")):
        return
    for tile in getattr(image, "tile", None) or []:
        raw = tile[3] if isinstance(tile[3], str) else next(iter(tile[3] or ()), "")
        if isinstance(raw, str) and ";16" in raw and not raw.startswith("BGR"):
            raise depth_refused(f"Pillow would cut these 16-bit samples to 8 ({raw})", "Pass the path or the bytes instead")


def _refuse_misread(image: Image.Image) -> None:
    """Some TIFFs are misread by Pillow; before it has decoded, their file still tells."""
    file = getattr(image, "fp", None)
    if image.format != "TIFF" or file is None or not getattr(image, "tile", None) or getattr(image, "tell", lambda: 0)():
        return
    from router.images.decoders import tiff

    position = file.tell()
    file.seek(0)
    data = file.read()
    file.seek(position)
    if tiff.pillow_misreads(data):
        raise mode_refused("a TIFF that Pillow does not read right", "Pass the path or the bytes instead")
