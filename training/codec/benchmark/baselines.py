"""The codecs under test: neural models and the classical codecs they are compared with, each at its settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from router.codecs.base import Lane
from router.codecs.neural import weights
from router.evaluation.measure.pictures import evenly
from router.evaluation.measure.variants import CodecVariant

TOP_RATE = 65535

_AVIF = (2, 10, 18, 26, 34, 42, 50, 58, 66, 74, 82, 90, 96)
_JPEG = (3, 5, 8, 12, 20, 30, 45, 60, 75, 85, 92, 97)

CURVES: Mapping[str, CodecVariant] = {
    family.name: family
    for family in (
        CodecVariant("avif-444", {"id": "avif", "speed": 6, "subsampling": "444"}, Lane.CLASSICAL, _AVIF),
        CodecVariant("avif-420", {"id": "avif", "speed": 6, "subsampling": "420"}, Lane.CLASSICAL, _AVIF),
        CodecVariant("webp", {"id": "webp", "method": 6}, Lane.CLASSICAL, (1, 5, 10, 20, 30, 45, 60, 75, 85, 90, 95, 100)),
        CodecVariant("jxl", {"id": "jxl", "effort": 7}, Lane.CLASSICAL, (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)),
        CodecVariant("jpeg-444", {"id": "jpeg", "subsampling": "444"}, Lane.CLASSICAL, _JPEG),
        CodecVariant("jpeg-420", {"id": "jpeg", "subsampling": "420"}, Lane.CLASSICAL, _JPEG),
    )
}
"""JPEG is progressive with optimised Huffman tables, as the project's codec always is. Settings reach from below the lowest rate
of a neural model to above its highest."""

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "avif": ("avif-444", "avif-420"),
    "webp": ("webp",),
    "jxl": ("jxl",),
    "jpeg": ("jpeg-444", "jpeg-420"),
}
"""What a rival consists of. Of two curves the better counts at every quality, image by image: `bd_rate.envelope`."""

ANCHORS: Mapping[str, tuple[str, ...]] = {
    "avif": FAMILIES["avif"],
    "avif-444": ("avif-444",),
    "webp": FAMILIES["webp"],
    "jxl": FAMILIES["jxl"],
    "jpeg": FAMILIES["jpeg"],
}
"""What models are compared with."""

LABELS: Mapping[str, str] = {"avif": "AVIF", "avif-444": "AVIF 4:4:4", "webp": "WebP", "jxl": "JPEG XL", "jpeg": "JPEG"}


def model(model_id: str, rates: int) -> CodecVariant:
    """A neural model at `rates` indices, evenly spread over 0 to 65,535. Raises ModelError for an unknown id."""
    weights.find_model(model_id)
    spread = tuple(round(TOP_RATE * i / (rates - 1)) for i in range(rates))
    return CodecVariant(model_id, {"id": "ncr", "model": model_id}, Lane.NEURAL, spread)


def rivals(families: Sequence[str], settings: int | None = None) -> list[CodecVariant]:
    """The curves of these families; `settings` takes that many of each one's, evenly spread with both ends."""
    curves = [CURVES[name] for family in families for name in FAMILIES[family]]
    return [replace(curve, start=tuple(evenly(curve.start, settings))) for curve in curves]
