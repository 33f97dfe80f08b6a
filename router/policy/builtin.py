"""What the policy language knows of the built-in codecs: their lane and media type, so that a typo fails when a policy loads."""

from __future__ import annotations

from router.codecs.base import Lane

BUILTIN_LANES: dict[str, Lane] = {
    "jpeg": Lane.CLASSICAL,
    "webp": Lane.CLASSICAL,
    "avif": Lane.CLASSICAL,
    "jxl": Lane.CLASSICAL,
    "webp-lossless": Lane.LOSSLESS,
    "jxl-lossless": Lane.LOSSLESS,
    "png": Lane.LOSSLESS,
    "jxl-transcode": Lane.TRANSCODE,
    "ncr": Lane.NEURAL,
}

BUILTIN_MEDIA_TYPES: dict[str, str] = {
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "avif": "image/avif",
    "jxl": "image/jxl",
    "webp-lossless": "image/webp",
    "jxl-lossless": "image/jxl",
    "png": "image/png",
    "jxl-transcode": "image/jxl",
    "ncr": "image/x-ncr",
}

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
