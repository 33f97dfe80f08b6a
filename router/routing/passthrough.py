"""When the source's own bytes may go out instead of a new encoding."""

from __future__ import annotations

from router.images.sample import ImageSample
from router.policy.builtin import SOURCE_MEDIA_TYPES
from router.reasons import ReasonCode
from router.routing.metadata_choice import MetadataChoice
from router.routing.plan import Plan

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


def passthrough_refusal(sample: ImageSample, plan: Plan, *, metadata_stays: bool) -> ReasonCode | None:
    """Why the bytes of `sample`, as it was read, may not be released as they are; None if they may.

    A file of several frames or pages holds more than the image that was asked for. `metadata_stays`: see `keeps_metadata`.
    """
    if sample.source.data is None or sample.source.further_images:
        return ReasonCode.NOT_A_FILE
    if sample.source.format not in MEDIA_TYPES:
        return ReasonCode.FORMAT_NOT_SUPPORTED
    if not plan.accepts(MEDIA_TYPES[sample.source.format][0]):
        return ReasonCode.RECEIVER_DOES_NOT_ACCEPT
    if metadata_stays:
        return ReasonCode.METADATA_NOT_STRIPPED
    size = len(sample.source.data)
    if plan.target.is_size and size > plan.target.max_bytes(sample.width, sample.height):
        return ReasonCode.TARGET_UNREACHABLE
    if plan.max_bytes is not None and size > plan.max_bytes:
        return ReasonCode.BUDGET_EXCEEDED
    return None


def keeps_metadata(sample: ImageSample, choice: MetadataChoice) -> bool:
    """Whether the source file holds what `choice` does not let out: then neither passthrough nor transcode may release it.

    Also counted is what no codec here carries and a new encoding drops: comments, IPTC, text chunks, thumbnails, tails.
    """
    if choice == "keep" or sample.source.data is None:
        return False
    from router.images.left_behind import holds_only_picture

    profile_stays = choice == "strip" and (sample.metadata.icc is not None or bool(sample.source.colour_faults))
    return profile_stays or not holds_only_picture(sample.source.data, sample.source.format)
