"""Reading: whatever holds one still image becomes an ImageSample."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias, Union, cast

import numpy as np
from numpy.typing import NDArray

from router.containers.metadata import Metadata
from router.errors import InputError, UsageError
from router.files.named import read_named, read_stream, to_rewind
from router.images.arrays import from_array, from_pil
from router.images.cicp import is_hdr_transfer
from router.images.decoders import avif, bmp, gif, jpeg, jxl, png, ppm, tiff, webp
from router.images.decoders.header import ImageHeader, ReadPlan
from router.images.notes import with_notes
from router.images.orientation import apply_orientation, orientation_of, upright_size
from router.images.probe import probe
from router.images.profile import usable
from router.images.sample import ImageSample, Pixels, Source
from router.images.turning import upright
from router.limits import DEFAULT_LIMITS, Limits
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from PIL import Image

ImageSource: TypeAlias = Union[
    str, "os.PathLike[str]", bytes, bytearray, memoryview, BinaryIO, "Image.Image", NDArray[np.uint8], NDArray[np.uint16]
]
"""What `read` takes."""

_PLANS: dict[str, Callable[[bytes, ImageHeader], ReadPlan]] = {
    "avif": avif.plan,
    "bmp": bmp.plan,
    "gif": gif.plan,
    "jpeg": jpeg.plan,
    "jxl": jxl.plan,
    "png": png.plan,
    "ppm": ppm.plan,
    "tiff": tiff.plan,
    "webp": webp.plan,
}


_METADATA: dict[str, Callable[[bytes], Metadata]] = {
    "avif": avif.metadata,
    "jpeg": jpeg.metadata,
    "jxl": jxl.metadata,
    "png": png.metadata,
    "tiff": tiff.metadata,
    "webp": webp.metadata,
}
"""Told from a file's structure alone."""
_TURNED_BY_CONTAINER = ("avif", "jxl", "tiff")
_NOT_DECODED_HERE = (
    ReasonCode.ANIMATED,
    ReasonCode.DEPTH_NOT_SUPPORTED,
    ReasonCode.FORMAT_NOT_SUPPORTED,
    ReasonCode.MODE_NOT_SUPPORTED,
)
_CHANNELS = {"1": 1, "L": 1, "F": 1, "LA": 2, "RGBA": 4}

_DECODING = 14
"""Bytes a pixel that decoding takes at its highest beside the pixels themselves, at 8 bits (a progressive JPEG)."""


def read(
    src: ImageSource, *, limits: Limits = DEFAULT_LIMITS, first_frame: bool = False, undecodable: bool = False
) -> ImageSample:
    """One still image, upright, from a path or an address, bytes, a binary file object (read to its end), Pillow image or array.

    Arrays are (H, W) or (H, W, C) with 1 to 4 channels of uint8 or uint16. The file's size and the image's are checked before
    either is read into memory; pixels are decoded on first use, and a damaged image may be found out only then.
    `first_frame` takes the first image of an animation or a multi-page file instead of refusing it. `undecodable` gives a sample
    with `ImageSample.undecodable` set, instead of an error, for a file whose header can be read and whose picture cannot.

    Raises:
        InputError: NOT_FOUND, NOT_A_FILE, UNREADABLE, EMPTY_INPUT, NOT_AN_IMAGE, FORMAT_NOT_SUPPORTED, DAMAGED_IMAGE,
            BAD_ARRAY, MODE_NOT_SUPPORTED, DEPTH_NOT_SUPPORTED, ANIMATED; of an address also TIMED_OUT.
        LimitError: SIDE_TOO_LONG, TOO_MANY_PIXELS, FILE_TOO_LARGE; when pixels are asked for, MEMORY_LIMIT and OUT_OF_MEMORY.
        UsageError: BAD_ARGUMENT, `src` is none of these.
    """
    if isinstance(src, np.ndarray):
        return from_array(src, limits)
    if _is_pil(src):
        return from_pil(cast("Image.Image", src), limits, first_frame)
    data = _bytes(src, limits)
    header = probe(data)
    limits.check_size(header.width, header.height)
    plan, refusal = _plan(data, header, first_frame, undecodable)
    width, height = upright_size(plan.width, plan.height, plan.orientation)
    # Decoders of JPEG XL turn the pixels themselves; what the metadata says of them is no less out of date.
    turned = header.orientation if header.format == "jxl" and plan.orientation == 1 else plan.orientation
    metadata, dropped = upright(with_notes(plan.metadata, data, header.format), turned, width, height)
    bits: Literal[8, 16] = 16 if plan.bits == 16 else 8
    several = header.animated and refusal is None
    # What is not decoded here is not written anew either.
    icc, faults = usable(metadata.icc, plan.channels) if refusal is None else (metadata.icc, ())

    def load() -> Pixels:
        own = width * height * plan.channels * bits // 8
        limits.check_memory(own + _DECODING * width * height * bits // 8, f"decoding {width}x{height} pixels")
        return apply_orientation(plan.load(), plan.orientation)

    return ImageSample(
        width=width,
        height=height,
        channels=plan.channels,
        bits=bits,
        source=Source(
            format=header.format,
            lossy=header.lossy,
            data=data,
            hdr_transfer=is_hdr_transfer(header.cicp),
            further_images=several,
            dropped=dropped,
            colour_faults=plan.colour_faults + faults,
        ),
        metadata=replace(metadata, icc=icc),
        load=load,
        undecodable=refusal,
    )


def _plan(data: bytes, header: ImageHeader, first_frame: bool, undecodable: bool) -> tuple[ReadPlan, InputError | None]:
    """How the file is read, and why its picture is not decoded here if `undecodable` files are taken. Raises InputError."""
    try:
        if header.animated and not first_frame:
            raise InputError(
                f"this {header.format} holds more than one image",
                code=ReasonCode.ANIMATED,
                hint="Pass first_frame=True, or --first-frame, to take the first one",
                frames=header.frames,
            )
        return _PLANS[header.format](data, header), None
    except InputError as error:
        if not undecodable or error.code not in _NOT_DECODED_HERE:
            raise
        return _without_pixels(data, header, error), error


def _without_pixels(data: bytes, header: ImageHeader, refusal: InputError) -> ReadPlan:
    """What the header says of a picture that is not decoded here: of other colour models, what they would become."""

    def load() -> Pixels:
        raise refusal

    found = Metadata()
    if header.format in _METADATA:
        with suppress(InputError):
            found = _METADATA[header.format](data)
    orientation = header.orientation if header.format in _TURNED_BY_CONTAINER else orientation_of(found.exif)
    bits = 8 if header.bits <= 8 else 16
    return ReadPlan(header.width, header.height, _CHANNELS.get(header.mode, 3), bits, load, found, orientation)


def _is_pil(src: object) -> bool:
    module = sys.modules.get("PIL.Image")  # nobody holds a Pillow image before Pillow is imported
    return module is not None and isinstance(src, module.Image)


def _bytes(src: Any, limits: Limits) -> bytes:
    if isinstance(src, (bytes, bytearray, memoryview)):
        limits.check_bytes(memoryview(src).nbytes)
        return bytes(src)
    if isinstance(src, (str, os.PathLike)):
        return read_named(src, limits)
    if callable(getattr(src, "read", None)):
        data = read_stream(src, limits)
        if not data:
            raise InputError("the file object gives no bytes", code=ReasonCode.EMPTY_INPUT, hint=to_rewind(src))
        return data
    raise UsageError(
        f"{type(src).__name__} is not an image source",
        code=ReasonCode.BAD_ARGUMENT,
        hint="Pass a path, bytes, a binary file object, a Pillow image or a NumPy array",
    )
