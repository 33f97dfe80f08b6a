"""What of a source may go out: its file as it is, its metadata. Asked once, before any codec sees the image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from router.containers.metadata import Metadata
from router.containers.xmp import problem
from router.errors import CarryError
from router.images.sample import ImageSample
from router.policy.builtin import SOURCE_MEDIA_TYPES
from router.policy.decision import Decision, MetadataChoice
from router.reasons import ReasonCode

_SUFFIXES = {
    "jpeg": ".jpg",
    "png": ".png",
    "webp": ".webp",
    "avif": ".avif",
    "jxl": ".jxl",
    "gif": ".gif",
    "bmp": ".bmp",
    "tiff": ".tif",
    "ppm": ".ppm",
}
MEDIA_TYPES = {name: (SOURCE_MEDIA_TYPES[name], suffix) for name, suffix in _SUFFIXES.items()}
"""Media type and suffix by source format."""

WIDELY_READ = frozenset({"jpeg", "png", "webp", "avif", "jxl", "gif"})
"""Source formats that may take a larger encoding's place without a policy that names passthrough."""


@dataclass(frozen=True)
class Prepared:
    """One image on its way.

    Attributes:
        as_read: the image as it was read.
        sample: as codecs may see it, with the metadata that may travel.
        source_refusal: why the source's own bytes may not be released as they are; None if they may.
        must_strip: the source's file holds metadata that may not go out, hence no transcode of the whole file.
        unread_xmp: `as_read` has XMP that cannot be read, and `sample` is without it.
    """

    as_read: ImageSample
    sample: ImageSample
    source_refusal: ReasonCode | None = None
    must_strip: bool = False
    unread_xmp: bool = False


def prepare(sample: ImageSample, decision: Decision, accepts: Callable[[str], bool]) -> Prepared:
    """`sample`, as it was read, as the decision lets it travel. `accepts`: whether the receiver takes a media type."""
    must_strip = _must_strip(sample, decision.metadata)
    prepared = apply_metadata_choice(sample, decision.metadata)
    return Prepared(
        sample,
        prepared,
        _refusal(sample, decision, accepts, must_strip),
        must_strip,
        unread_xmp=decision.metadata == "keep" and sample.metadata.xmp is not None and prepared.metadata.xmp is None,
    )


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


def stays_as_good(sample: ImageSample, decision: Decision, accepts: Callable[[str], bool]) -> bool:
    """Whether the source's own bytes may take the place of a larger encoding although no lane says so."""
    refusal = _refusal(sample, decision, accepts, _must_strip(sample, decision.metadata))
    return refusal is None and sample.source.format in WIDELY_READ


def _refusal(sample: ImageSample, decision: Decision, accepts: Callable[[str], bool], must_strip: bool) -> ReasonCode | None:
    """Why the bytes of `sample`, as it was read, may not be released as they are; None if they may.

    A file of several frames or pages holds more than the image that was asked for.
    """
    if sample.source.data is None or sample.source.further_images:
        return ReasonCode.NOT_A_FILE
    if sample.source.format not in MEDIA_TYPES:
        return ReasonCode.FORMAT_NOT_SUPPORTED
    if not accepts(MEDIA_TYPES[sample.source.format][0]):
        return ReasonCode.RECEIVER_DOES_NOT_ACCEPT
    if must_strip:
        return ReasonCode.METADATA_NOT_STRIPPED
    size = len(sample.source.data)
    if decision.target.is_size and size > decision.target.max_bytes(sample.width, sample.height):
        return ReasonCode.TARGET_UNREACHABLE
    if decision.budgets.max_bytes is not None and size > decision.budgets.max_bytes:
        return ReasonCode.BUDGET_EXCEEDED
    return None


def _must_strip(sample: ImageSample, choice: MetadataChoice) -> bool:
    """Whether the source file holds what `choice` does not let out: then neither passthrough nor transcode may release it.

    Also counted is what no codec here carries and a new encoding drops: comments, IPTC, text chunks, thumbnails, tails.
    """
    if choice == "keep" or sample.source.data is None:
        return False
    from router.images.left_behind import holds_only_picture

    profile_stays = choice == "strip" and (sample.metadata.icc is not None or bool(sample.source.colour_faults))
    return profile_stays or not holds_only_picture(sample.source.data, sample.source.format)
