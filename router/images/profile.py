"""Whether an ICC profile can be used with a picture: checked before any encoder gets it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from router.containers.icc_reading import (
    CURVES,
    FORWARD,
    MATRIX,
    UnusableError,
    check_table,
    read_colorant,
    read_curve,
    read_tags,
)
from router.images.remembered import Remembered
from router.images.sample import ImageSample

_KINDS = (b"mntr", b"scnr", b"prtr", b"spac")
_OTHER_KINDS = {b"link": "it is a device link", b"abst": "it is an abstract profile", b"nmcl": "it is a list of named colours"}
_MODELS = {b"RGB ": "RGB", b"GRAY": "gray", b"CMYK": "CMYK", b"Lab ": "L*a*b*", b"XYZ ": "XYZ", b"YCbr": "YCbCr", b"HSV ": "HSV"}
_GREATEST_VERSION = 4
_FLAT = 1e-6
"""Determinant of colorants that lie in one plane."""


def fault(icc: bytes, channels: int) -> str:
    """Why a picture of so many channels (1 to 4) cannot be shown through this profile, in a few words of our own; "" if it can.

    Colour needs an RGB profile; gray takes a gray one, or an RGB one, which then sees three equal channels. Takes time and memory
    linear in the profile.
    """
    return _FAULTS.get(icc, channels > 2)


def usable(icc: bytes | None, channels: int) -> tuple[bytes | None, tuple[str, ...]]:
    """The profile if a picture of so many channels can be shown through it, else None; and what was wrong, for a person."""
    why = "" if icc is None else fault(icc, channels)
    return (None, (f"the ICC profile: {why}",)) if why else (icc, ())


def with_usable_profile(sample: ImageSample) -> ImageSample:
    """The sample, or one without its profile where that cannot be used, which its source then says."""
    icc, faults = usable(sample.metadata.icc, sample.channels)
    if not faults or sample.undecodable is not None:
        return sample
    source = replace(sample.source, colour_faults=sample.source.colour_faults + faults)
    return sample.with_metadata(replace(sample.metadata, icc=icc), source)


def _fault(icc: bytes, colour: bool) -> str:
    from router.images.colour import can_convert

    try:
        tags = read_tags(icc)
        _check_header(icc, colour)
        _check_way(tags, gray=icc[16:20] == b"GRAY")
    except UnusableError as found:
        return str(found)
    return "" if can_convert(icc, colour) else "no way to sRGB can be made of it"


_FAULTS: Remembered[bool, str] = Remembered(_fault)


def _check_header(icc: bytes, colour: bool) -> None:
    if icc[8] > _GREATEST_VERSION:
        raise UnusableError(f"it is of version {icc[8]}")
    if icc[12:16] not in _KINDS:
        raise UnusableError(_OTHER_KINDS.get(icc[12:16], "it is of an unknown class"))
    model = _MODELS.get(icc[16:20], "another colour model")
    if model not in (("RGB",) if colour else ("RGB", "gray")):
        raise UnusableError(f"it is for {model}, the picture is {'RGB' if colour else 'gray'}")
    if icc[20:24] not in (b"XYZ ", b"Lab "):
        raise UnusableError("its connection space is neither XYZ nor L*a*b*")


def _check_way(tags: dict[bytes, bytes], *, gray: bool) -> None:
    """A table, or curves and colorants, lead to the connection space; what is there of them is sound, needed or not."""
    curves, columns = ((b"kTRC",), ()) if gray else (CURVES, MATRIX)
    there = [name for name in FORWARD if name in tags]
    for name in there:
        check_table(tags[name], forward=True)
    for name in curves:
        if name in tags:
            read_curve(tags[name])
    colorants = [read_colorant(tags[name]) for name in columns if name in tags]
    if not there and not all(name in tags for name in (*curves, *columns)):
        raise UnusableError("it lacks the tags that say what its numbers mean")
    if not there and not gray and abs(np.linalg.det(np.array(colorants))) < _FLAT:
        raise UnusableError("its colorants are no three colours")
