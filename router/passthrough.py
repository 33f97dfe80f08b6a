"""When the source's own bytes may go out instead of a new encoding."""

from __future__ import annotations

from router.images.sample import ImageSample
from router.plan import Plan
from router.reasons import ReasonCode

MEDIA_TYPES = {
    "jpeg": ("image/jpeg", ".jpg"),
    "png": ("image/png", ".png"),
    "webp": ("image/webp", ".webp"),
    "avif": ("image/avif", ".avif"),
    "jxl": ("image/jxl", ".jxl"),
    "gif": ("image/gif", ".gif"),
}
"""Source formats that receivers are expected to read, with media type and suffix."""


def passthrough_refusal(sample: ImageSample, plan: Plan, *, first_frame: bool) -> ReasonCode | None:
    """Why the bytes of `sample`, as it was read, may not be released as they are; None if they may.

    `first_frame`: the file may hold more than the image that was asked for.
    """
    if sample.source.data is None or first_frame:
        return ReasonCode.NOT_A_FILE
    if sample.source.format not in MEDIA_TYPES:
        return ReasonCode.FORMAT_NOT_SUPPORTED
    if not plan.accepts(MEDIA_TYPES[sample.source.format][0]):
        return ReasonCode.RECEIVER_DOES_NOT_ACCEPT
    m = sample.metadata
    if plan.metadata != "keep" and (m.exif or m.xmp or (m.icc and plan.metadata == "strip")):
        return ReasonCode.METADATA_NOT_STRIPPED
    size = len(sample.source.data)
    if plan.target.is_size and size > plan.target.max_bytes(sample.width, sample.height):
        return ReasonCode.TARGET_UNREACHABLE
    if plan.max_bytes is not None and size > plan.max_bytes:
        return ReasonCode.BUDGET_EXCEEDED
    return None
