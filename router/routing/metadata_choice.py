"""The caller's choice about metadata, applied to the image before any codec sees it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from router.containers.metadata import Metadata
from router.containers.xmp import problem
from router.errors import CarryError
from router.images.sample import ImageSample

MetadataChoice = Literal["keep", "icc", "strip"]


def apply_metadata_choice(sample: ImageSample, choice: MetadataChoice) -> ImageSample:
    """The image with the metadata that may travel.

    "keep": all of it, but for an XMP packet that cannot be read (see `xmp.problem`). "icc": the colour profile only. "strip":
    none; pixels are converted to sRGB first, and where that would lose colours (wide gamut, 16 bit) the profile stays, because
    pixels without it would be shown wrongly.
    """
    m = sample.metadata
    if choice == "keep":
        unreadable = m.xmp is not None and problem(m.xmp) is not None
        return sample.with_metadata(replace(m, xmp=None)) if unreadable else sample
    if m == Metadata():
        return sample
    if choice == "strip" and m.icc is not None and sample.bits == 8 and sample.undecodable is None:
        from router.images.colour import to_srgb

        try:
            converted = to_srgb(sample)
            return converted.replace_pixels(converted.pixels, Metadata())
        except CarryError:
            pass
    return sample.with_metadata(Metadata(icc=m.icc))
