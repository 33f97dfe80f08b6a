"""What a codec's curves depend on beside the image: settings that change the file, and the library or weights underneath."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from router.errors import RouterError

_FEATURES = {"jpeg": "libjpeg_turbo", "webp": "webp", "avif": "avif"}
_PACKAGES = {"jxl": "pillow-jxl-plugin"}
_SAME_FILE = frozenset({"id", "threads", "decoding", "model"})
"""Parts of configurations that change no byte; the model counts by its weights."""


def matters(codec_id: str, config: Mapping[str, Any]) -> dict[str, str | int]:
    """Of configuration and settings, what changes the file."""
    return {name: value for name, value in config.items() if name not in _SAME_FILE}


def version_of(codec_id: str, config: Mapping[str, Any]) -> str:
    """Of the library that encodes; of the neural codec the SHA-256 of the weights; "" where that is not known."""
    if codec_id == "ncr":
        return _weights(str(config.get("model", "")))
    if codec_id in _FEATURES:
        from PIL import features

        return f"{_FEATURES[codec_id]} {features.version(_FEATURES[codec_id])}"
    if codec_id in _PACKAGES:
        return _package(_PACKAGES[codec_id])
    return ""


def _weights(model: str) -> str:
    from router.codecs.neural.weights import find_model

    try:
        return find_model(model).sha256
    except RouterError:
        return ""


@cache
def _package(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return ""
