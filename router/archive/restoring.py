"""Encoded files back to files that people open: another format, or the original that a file holds byte for byte."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from router.errors import NoRecordError, StreamError, UsageError
from router.folders import IMAGE_SUFFIXES
from router.limits import DEFAULT_LIMITS, Limits
from router.reasons import ReasonCode

JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")
ENCODED_SUFFIXES = IMAGE_SUFFIXES | {".ncr"}


@dataclass(frozen=True)
class Form:
    """What files are written as. `suffixes`: those that a name of this format may have, the usual one first."""

    codec: str
    suffixes: tuple[str, ...]
    settings: Mapping[str, Any]


FORMS = {
    "png": Form("png", (".png", ".apng"), {}),
    "jpg": Form("jpeg", JPEG_SUFFIXES, {"quality": 95}),
    "webp": Form("webp-lossless", (".webp",), {}),
    "avif": Form("avif", (".avif",), {"quality": 90, "subsampling": "444"}),
    "jxl": Form("jxl-lossless", (".jxl",), {}),
}
"""PNG, WebP and JPEG XL lossless; JPEG at quality 95 and AVIF at 90 of their scales, both with full chroma."""


@dataclass(frozen=True)
class Restored:
    """A file's bytes, its suffixes as in `Form`, and what it is in words."""

    data: bytes
    suffixes: tuple[str, ...]
    mode: str
    lane: str = "decoded"


def form(name: str) -> Form:
    """The format of --to. Raises UsageError."""
    known = FORMS.get({"jpeg": "jpg"}.get(name.lower().lstrip("."), name.lower().lstrip(".")))
    if known is None:
        raise UsageError(f"--to is one of {', '.join(FORMS)}, not {name!r}", code=ReasonCode.BAD_ARGUMENT)
    return known


def converted(data: bytes, to: Form, limits: Limits = DEFAULT_LIMITS, decoding: str | None = None) -> Restored:
    """Decode an encoded file and write its pixels as `to`, metadata kept.

    Raises StreamError, LimitError, UsageError; CarryError where the format cannot hold what the file holds.
    """
    from router.codecs import registry
    from router.decoding import decode
    from router.images.arrays import from_pixels

    image = decode(data, limits, decoding)
    sample, codec = from_pixels(image.pixels, image.metadata), registry.get(to.codec)
    refusal = codec.refusal(sample)
    if refusal is not None:
        raise refusal
    written = codec.encode(sample, to.settings)
    written = written if image.metadata.xmp is None else codec.with_xmp(written, image.metadata.xmp)
    return Restored(written, to.suffixes, f"{sample.mode} {sample.bits} bit, {sample.width}x{sample.height}")


def original(data: bytes, name: str, lane: str | None, limits: Limits = DEFAULT_LIMITS) -> Restored | None:
    """The source that an encoded file holds, byte for byte: a transcode's JPEG, or the file itself if it was passed through.

    `name`: of the encoded file. `lane`: in which it was made; None where that is not known: then a file with a decision record
    was encoded, and of those without one, such as are named like an output (`a.jpg.avif`). None where the source is gone.

    Raises StreamError, LimitError.
    """
    from router.codecs import registry
    from router.codecs.jxl import JxlTranscodeCodec
    from router.decoding import restore

    if lane == "passthrough" or (lane is None and _is_source(data, name)):
        return Restored(data, (), "as it was", "passthrough")
    try:
        transcoded = isinstance(registry.for_data(data), JxlTranscodeCodec)
    except StreamError:  # a format that no codec here writes
        transcoded = False
    if not transcoded:
        return None
    return Restored(restore(data, limits=limits), JPEG_SUFFIXES, "original JPEG", "transcode")


def restored_name(encoded_name: str, told: str | None, restored: Restored) -> str:
    """The name of a restored file: its source's own, with a suffix of the format behind where the source had another.

    `told`: the source's name, where a journal knows it; else it is the output's name without its last suffix.
    """
    if restored.lane == "passthrough" or (restored.lane == "transcode" and told is not None):
        return told or encoded_name
    path = PurePath(encoded_name)
    name = told or (path.stem if path.suffix.lower() in ENCODED_SUFFIXES else encoded_name)
    return name if PurePath(name).suffix.lower() in restored.suffixes else name + restored.suffixes[0]


def _is_source(data: bytes, name: str) -> bool:
    from router.decoding import inspect

    try:
        inspect(data)
    except NoRecordError:
        return PurePath(PurePath(name).stem).suffix.lower() not in ENCODED_SUFFIXES
    except StreamError:
        pass
    return False
