"""What the sections call codecs, metrics and domains, and how they shade and explain a figure."""

from __future__ import annotations

import math
from typing import Any

from router.evaluation.comparison.matched import POOLED
from router.evaluation.measure.variants import NEURAL
from router.evaluation.page import words
from router.evaluation.statistics import IntervalEstimate

Context = dict[str, Any]
"""What the template gets of a section."""


ALL_IMAGES = "all images"
NAMES = {
    "jpeg": "JPEG",
    "webp": "WebP",
    "avif": "AVIF",
    "avif420": "AVIF 4:2:0",
    "avif444": "AVIF 4:4:4",
    "jxl": "JPEG XL",
    NEURAL: "neural",
    "router": "router",
    "oracle": "oracle",
}
METRIC_NAMES = {"ssimulacra2": "SSIMULACRA2", "ms_ssim": "MS-SSIM, dB"}


def label(domain: str) -> str:
    """A domain as it is shown."""
    return ALL_IMAGES if domain == POOLED else domain


def tip(name: str, estimate: IntervalEstimate, after: str, digits: int = 3) -> str:
    """A figure with its interval and the number of images, as a tooltip says it."""
    if estimate.value is None:
        return f"{name}: nothing to compare"
    spread = f", 95 % interval {words.between(estimate, digits)}" if estimate.low is not None else ""
    return (
        f"{name}: {words.number(estimate.value, digits)} {after}".rstrip()
        + f"{spread}, {words.counted(estimate.images, 'image')}"
    )


def tinted(value: float | None) -> Context:
    """A ratio to 1 with how strongly to shade it: fully at half, or twice, the bytes."""
    if value is None or not math.isfinite(value) or value <= 0:
        return {"value": None, "tint": 0, "sign": ""}
    strength = min(1.0, abs(math.log2(value)))
    return {"value": value, "tint": round(100 * strength), "sign": "less" if value < 1 else "more"}
