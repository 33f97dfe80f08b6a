"""What is measured: a codec with one configuration, and the settings of its rate control that a sweep starts from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from router.codecs import registry
from router.codecs.base import Codec, Lane
from router.errors import UsageError
from router.reasons import ReasonCode


@dataclass(frozen=True)
class CodecVariant:
    """One curve, or one point where there is nothing to turn.

    Attributes:
        name: as in tables.
        config: see `Codec.get_config`.
        lane: of the codec.
        start: settings of the knob that are always measured, rising; empty for lossless codecs.
    """

    name: str
    config: Mapping[str, Any]
    lane: Lane
    start: tuple[int, ...] = ()

    def codec(self) -> Codec:
        """A codec of this configuration. Raises CodecUnavailableError."""
        return registry.get_from_config(self.config)

    @property
    def codec_id(self) -> str:
        """The codec's id."""
        return str(self.config["id"])


_C, _L = Lane.CLASSICAL, Lane.LOSSLESS

VARIANTS: Mapping[str, CodecVariant] = {
    family.name: family
    for family in (
        CodecVariant("jpeg", {"id": "jpeg"}, _C, (20, 42, 65, 84)),
        CodecVariant("webp", {"id": "webp"}, _C, (8, 36, 76, 91)),
        CodecVariant("avif420", {"id": "avif", "speed": 6, "subsampling": "420"}, _C, (16, 30, 49, 76)),
        CodecVariant("avif444", {"id": "avif", "speed": 6, "subsampling": "444"}, _C, (16, 30, 49, 76)),
        CodecVariant("jxl", {"id": "jxl"}, _C, (10, 26, 58, 85)),
        CodecVariant("ncr", {"id": "ncr"}, Lane.NEURAL, (8000, 22000, 39000, 56000)),
        CodecVariant("webp-lossless", {"id": "webp-lossless"}, _L),
        CodecVariant("png", {"id": "png"}, _L),
        CodecVariant("jxl-lossless", {"id": "jxl-lossless"}, _L),
    )
}
"""Default configurations, as a router uses them; AVIF in both chroma samplings. Starts are near SSIMULACRA2 30, 50, 70 and 85
on photographs."""

LOSSLESS = tuple(name for name, family in VARIANTS.items() if family.lane is _L)
CLASSICAL = tuple(name for name, family in VARIANTS.items() if family.lane is _C)
NEURAL = next(name for name, family in VARIANTS.items() if family.lane is Lane.NEURAL)
BETTER_AVIF = ("avif420", "avif444")
"""What "avif" stands for: the better of both, image by image and target by target."""

_GROUPS: Mapping[str, tuple[str, ...]] = {"avif": BETTER_AVIF, "lossless": LOSSLESS, "classical": (*CLASSICAL, *LOSSLESS)}


def choose(names: Iterable[str]) -> tuple[CodecVariant, ...]:
    """The families of these names, in a fixed order; "avif", "lossless" and "classical" stand for several.

    Raises UsageError (BAD_ARGUMENT) for an unknown name.
    """
    wanted: set[str] = set()
    for name in names:
        members = _GROUPS.get(name, (name,))
        if unknown := [m for m in members if m not in VARIANTS]:
            raise UsageError(
                f"there is no codec family {unknown[0]!r}",
                code=ReasonCode.BAD_ARGUMENT,
                hint=f"Known: {', '.join((*VARIANTS, *_GROUPS))}",
            )
        wanted.update(members)
    return tuple(family for name, family in VARIANTS.items() if name in wanted)
