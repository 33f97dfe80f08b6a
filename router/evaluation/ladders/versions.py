"""What a measured point depends on beside image and setting: libraries, weights, and versions of what is measured."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from router.evaluation.ladders import guarded
from router.evaluation.ladders.families import Family

METRICS_VERSION = 1
"""Raise it when a metric, or what is stored of a point, changes: every stored point is then measured again."""

_PILLOW_FEATURES = {"jpeg": "libjpeg_turbo", "webp": "webp", "webp-lossless": "webp", "avif": "avif", "png": "zlib"}


def of_family(family: Family) -> dict[str, Any]:
    """JSON-able; differs where the family's points may differ. Raises ModelError where a neural model is missing.

    New weights, and a changed guard, invalidate neural points only: the guard looks inside the picture in that lane alone.
    """
    found: dict[str, Any] = {"metrics": METRICS_VERSION}
    if family.codec_id == "ncr":
        from router.codecs.neural.weights import find_model

        card = find_model(family.codec().get_config()["model"])
        libraries = {name: _version(name) for name in ("torch", "constriction")}
        return found | {"model": card.sha256, "guard": guarded.fingerprint()} | libraries
    if family.codec_id in _PILLOW_FEATURES:
        from PIL import features

        feature = _PILLOW_FEATURES[family.codec_id]
        return found | {"pillow": _version("pillow"), feature: str(features.version(feature))}
    return found | {"pillow-jxl-plugin": _version("pillow-jxl-plugin")}


def run_facts() -> dict[str, str]:
    """Versions of what a report was made with, by package."""
    names = ("codec-router", "numpy", "pillow", "pillow-jxl-plugin", "opencv-python-headless", "torch", "constriction", "scipy")
    return {name: _version(name) for name in (*names, "pandas", "pyarrow")}


def digest(data: bytes) -> str:
    """Short hash of bytes, hexadecimal."""
    return hashlib.sha256(data).hexdigest()[:16]


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
