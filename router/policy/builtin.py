"""What the policy language knows of the built-in codecs and of source formats, so that a typo fails when a policy loads."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from router.codecs import registry
from router.codecs.base import Lane


@cache
def builtin_lanes() -> Mapping[str, Lane]:
    """The lane of each built-in codec by its id, as their classes declare them."""
    return {codec_id: codec.lane for codec_id, codec in registry.builtin_classes().items()}


@cache
def builtin_media_types() -> Mapping[str, str]:
    """The media type of each built-in codec's files by its id, as their classes declare them."""
    return {codec_id: codec.media_type for codec_id, codec in registry.builtin_classes().items()}


SOURCE_MEDIA_TYPES: dict[str, str] = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "jxl": "image/jxl",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "tiff": "image/tiff",
    "ppm": "image/x-portable-anymap",
}
"""Media type of the bytes that passthrough keeps, by `source.format`."""

PLUGIN_PREFIX = "plugin:"
"""Marks a codec id that comes from a plugin; the id itself follows."""


def codec_name(written: str) -> str:
    """The registered codec id for an id as written in a policy: `plugin:heic` is `heic`."""
    return written.removeprefix(PLUGIN_PREFIX)
