"""The codecs under test: neural models and the classical codecs they are compared with, each at a ladder of settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from router.codecs import registry
from router.codecs.base import Codec
from router.codecs.neural import weights
from router.codecs.neural.codec import NeuralCodec
from training.codec.benchmark import versions

TOP_RATE = 65535


@dataclass(frozen=True)
class Entry:
    """One curve to measure.

    Attributes:
        name: the `codec` column.
        codec: makes real files.
        knob: the setting that is turned.
        ladder: its values, rising.
        fingerprint: changes with everything but image and setting that the bytes depend on.
    """

    name: str
    codec: Codec
    knob: str
    ladder: tuple[int, ...]
    fingerprint: str


@dataclass(frozen=True)
class Rival:
    """A classical codec: its configuration and the qualities it is tried at."""

    config: Mapping[str, Any]
    ladder: tuple[int, ...]


_AVIF = (2, 10, 18, 26, 34, 42, 50, 58, 66, 74, 82, 90, 96)
_JPEG = (3, 5, 8, 12, 20, 30, 45, 60, 75, 85, 92, 97)

CURVES: Mapping[str, Rival] = {
    "avif-444": Rival({"id": "avif", "speed": 6, "subsampling": "444"}, _AVIF),
    "avif-420": Rival({"id": "avif", "speed": 6, "subsampling": "420"}, _AVIF),
    "webp": Rival({"id": "webp", "method": 6}, (1, 5, 10, 20, 30, 45, 60, 75, 85, 90, 95, 100)),
    "jxl": Rival({"id": "jxl", "effort": 7}, (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)),
    "jpeg-444": Rival({"id": "jpeg", "subsampling": "444"}, _JPEG),
    "jpeg-420": Rival({"id": "jpeg", "subsampling": "420"}, _JPEG),
}
"""JPEG is progressive with optimised Huffman tables, as the project's codec always is. Ladders reach from below the lowest rate
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


def model_entry(model_id: str, rates: int) -> Entry:
    """A neural model at `rates` indices, evenly spread over 0 to 65,535. Raises ModelError for an unknown id."""
    card = weights.find_model(model_id)
    return Entry(
        name=model_id,
        codec=NeuralCodec(model_id),
        knob="rate",
        ladder=tuple(round(TOP_RATE * i / (rates - 1)) for i in range(rates)),
        fingerprint=versions.neural(card.sha256),
    )


def rival_entries(families: Sequence[str], settings: int | None = None) -> list[Entry]:
    """The curves of these families; `settings` takes that many of each ladder, evenly spread with both ends."""
    fingerprint = versions.classical()
    return [
        Entry(name, registry.get_from_config(CURVES[name].config), "quality", _spread(CURVES[name].ladder, settings), fingerprint)
        for family in families
        for name in FAMILIES[family]
    ]


def _spread(ladder: tuple[int, ...], count: int | None) -> tuple[int, ...]:
    if count is None or count >= len(ladder):
        return ladder
    return tuple(ladder[i] for i in np.linspace(0, len(ladder) - 1, count).round().astype(int))
