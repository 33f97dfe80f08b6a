"""Points of rate-distortion curves at given settings, kept by content: what the prior is fitted on and the benchmark plays with.

They are cheaper than those of an evaluation (`router.evaluation.ladders.points`): no guard, no worst tiles. Both kinds
may lie in one cache folder; their keys differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from router.codecs.base import Codec, Settings
from router.evaluation.ladders import versions
from router.evaluation.ladders.cache import PointCache, key_of
from router.evaluation.ladders.families import Family
from router.images.sample import ImageSample
from router.limits import NO_LIMITS
from router.quality.metrics import Scorer, scorer

POINTS_VERSION = 1
"""Raise it when what is stored of a point changes."""


@dataclass(frozen=True)
class Point:
    """One setting: `size` in bytes, SSIMULACRA2, PSNR in dB, MS-SSIM; the metrics are None for 16-bit images except PSNR."""

    setting: int
    size: int
    ssimulacra2: float
    psnr: float
    ms_ssim: float


class Curves:
    """All families on one picture (see `open_picture`). Families whose codec refuses it have no points."""

    def __init__(self, sample: ImageSample, cache: Path) -> None:
        self.sample = sample
        self._cache = PointCache(cache, key_of("search", POINTS_VERSION, sample.pixels_sha256))
        self._open: dict[str, _Bench] = {}
        self._scorers: dict[str, dict[str, Scorer]] = {}
        self.encoded = 0

    def carries(self, family: Family) -> bool:
        """Whether the codec takes it; AVIF 4:2:0 of a gray picture is the same file as 4:4:4 and does not count."""
        codec = family.codec()
        if codec.unavailable() is not None or codec.refusal(codec.prepare(self.sample)) is not None:
            return False
        return not (family.name == "avif420" and self.sample.channels < 3)

    def point(self, family: Family, setting: int, measure: bool = True) -> Point | None:
        """Stored, or measured now; None where it would have to be measured and shall not. Only where `carries`."""
        key = key_of(family.codec_id, identity(family), setting)
        known = self._cache.get(key)
        if known is None and not measure:
            return None
        if known is None:
            bench = self._open.setdefault(family.name, _Bench(family.codec(), self.sample, self._scorers))
            known = bench.measured(setting)
            self._cache.put(key, known)
            self.encoded += 1
        return Point(setting, int(known["size"]), known["ssimulacra2"], known["psnr"], known["ms_ssim"])


def known(sample: ImageSample, family: Family, ladders: Path) -> list[Point]:
    """Points that an evaluation has left in its cache folder `ladders`, of codecs with at most 1000 settings; nothing is
    encoded. Only where `Curves.carries`."""
    codec = family.codec()
    assert codec.knob is not None
    if codec.knob.high - codec.knob.low > 1000:
        return []
    prepared = codec.prepare(sample)
    cache = PointCache(ladders, key_of(sample.pixels_sha256, versions.digest(sample.metadata.icc or b"")))
    about = (prepared.pixels_sha256, family.codec_id, dict(codec.get_config()), versions.of_family(family))
    rows = ((setting, cache.get(key_of(*about, setting))) for setting in range(codec.knob.low, codec.knob.high + 1))
    return [Point(s, int(r["bytes"]), r["ssimulacra2"], r["psnr"], r["ms_ssim"]) for s, r in rows if r is not None]


def identity(family: Family) -> dict[str, object]:
    """Configuration and versions that a curve depends on."""
    found = versions.of_family(family)
    return {"config": family.codec().get_config(), **{k: v for k, v in found.items() if k not in ("metrics", "guard")}}


class _Bench:
    def __init__(self, codec: Codec, sample: ImageSample, scorers: dict[str, dict[str, Scorer]]) -> None:
        self._codec = codec
        self._prepared = codec.prepare(sample)
        self._scorers = scorers

    @cached_property
    def _session(self) -> Callable[[Settings], bytes]:
        return self._codec.session(self._prepared)

    def measured(self, setting: int) -> dict[str, float]:
        assert self._codec.knob is not None
        data = self._session({self._codec.knob.name: setting})
        pixels = self._codec.decode(data, NO_LIMITS).pixels
        known = self._scorers.setdefault(self._prepared.pixels_sha256, {})
        found: dict[str, float] = {"size": len(data)}
        for name, metric in (("ssimulacra2", "ssimulacra2"), ("psnr", "psnr"), ("ms_ssim", "ms-ssim")):
            if name not in known:
                known[name] = scorer(metric, self._prepared.pixels)  # type: ignore[arg-type]
            found[name] = round(known[name](pixels), 6)
        return found
