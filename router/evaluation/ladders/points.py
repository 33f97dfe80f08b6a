"""Points of one image: encoded to real bytes, decoded by the public codec, scored, looked at by the guard, and kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from router.codecs.base import Codec, Lane, Settings
from router.errors import RouterError
from router.evaluation.ladders import guarded, versions
from router.evaluation.ladders.cache import PointCache, key_of
from router.evaluation.ladders.complexity import Complexity, complexity
from router.evaluation.ladders.families import Family
from router.evaluation.ladders.judge import Judge
from router.evaluation.ladders.ladder import MOST, climb
from router.images.colour import as_shown
from router.images.sample import ImageSample, Pixels
from router.limits import NO_LIMITS
from router.reasons import ReasonCode

Row = dict[str, Any]
"""One point: `setting` (None if lossless), `bytes`, `setup_seconds`, `encode_seconds`, `decode_seconds`, `score_seconds` (CPU),
`guard_passed`, `guard_code`, `guard_quantile` (see `guarded.Verdict`; None but in the neural lane), and `judge.METRICS`."""


@dataclass
class ImagePoints:
    """What was measured of one image.

    Attributes:
        rows: see `Row`, each with `family`, `codec` and `lane`.
        refused: reason code by family, where a codec cannot carry the image or is not installed.
        encoded: points that had to be encoded; the others were stored.
        complexity: of the image.
    """

    rows: list[Row] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    encoded: int = 0
    complexity: Complexity | None = None


def measure(
    sample: ImageSample, families: Sequence[Family], targets: Sequence[float], cache_folder: Path, most: int = MOST
) -> ImagePoints:
    """The ladders of one image (see `open_picture`). Raises InputError if its pixels cannot be decoded."""
    found = ImagePoints()
    cache = PointCache(cache_folder, key_of(sample.pixels_sha256, versions.digest(sample.metadata.icc or b"")))
    found.complexity = complexity(sample, cache)
    judges: dict[str, Judge] = {}
    for family in families:
        try:
            codec = family.codec()
            refusal = _refusal(family, codec, sample)
            if refusal is not None:
                found.refused[family.name] = refusal
                continue
            prepared = codec.prepare(sample)
            judge = judges.setdefault(prepared.pixels_sha256, Judge(as_shown(prepared.metadata.icc)(prepared.pixels)))
            rows = _ladder(_Bench(family, codec, prepared, judge, cache, found), targets, most)
        except RouterError as error:
            found.refused[family.name] = str(error.code)
            continue
        label = {"family": family.name, "codec": family.codec_id, "lane": str(family.lane)}
        found.rows += [label | row for row in rows]
    return found


def _refusal(family: Family, codec: Codec, sample: ImageSample) -> str | None:
    if codec.unavailable() is not None:
        return str(ReasonCode.MISSING_EXTRA)
    refusal = codec.refusal(codec.prepare(sample))
    if refusal is not None:
        return str(refusal.code)
    if family.name == "avif420" and sample.channels < 3:
        return str(ReasonCode.CANNOT_CARRY_MODE)  # no chroma: the same file as avif444
    return None


def _ladder(bench: _Bench, targets: Sequence[float], most: int) -> list[Row]:
    knob = bench.codec.knob
    if knob is None or bench.family.lane is Lane.LOSSLESS:
        return [bench.point(None)]
    settings = climb(lambda setting: float(bench.point(setting)["ssimulacra2"]), knob, bench.family.start, targets, most)
    return [bench.point(setting) for setting in settings]


class Recoder:
    """Points of one image and family once more, as pixels: for what is measured of a few of them only."""

    def __init__(self, family: Family, sample: ImageSample) -> None:
        """`sample`: see `open_picture`. Raises CodecUnavailableError, ModelError."""
        self._codec = family.codec()
        self._prepared = self._codec.prepare(sample)
        self._session: Callable[[Settings], bytes] | None = None

    @property
    def source(self) -> Pixels:
        """What the codec sees, (H, W, C)."""
        return self._prepared.pixels

    def decoded(self, setting: int) -> Pixels:
        """The decoding at a setting of the knob, of the source's shape. Raises CodecError."""
        self._session = self._session or self._codec.session(self._prepared)
        knob = self._codec.knob
        return self._codec.decode(self._session({} if knob is None else {knob.name: setting}), NO_LIMITS).pixels


class _Bench:
    """One image and one family."""

    def __init__(
        self, family: Family, codec: Codec, prepared: ImageSample, judge: Judge, cache: PointCache, found: ImagePoints
    ) -> None:
        self.family = family
        self.codec = codec
        self._prepared = prepared
        self._judge = judge
        self._cache = cache
        self._found = found
        self._shown = as_shown(prepared.metadata.icc)
        self._session: Callable[[Settings], bytes] | None = None
        self._setup_seconds = 0.0
        # The configuration names the model of a neural codec; its weights are among the versions.
        self._identity = (family.codec_id, dict(codec.get_config()), versions.of_family(family))

    def point(self, setting: int | None) -> Row:
        """Stored, or measured now."""
        key = key_of(self._prepared.pixels_sha256, *self._identity, setting)
        known = self._cache.get(key)
        if known is None:
            known = self._measured(setting)
            self._cache.put(key, {"family": self.family.name} | known)
            self._found.encoded += 1
        return {"setting": setting} | {name: value for name, value in known.items() if name != "family"}

    def _measured(self, setting: int | None) -> Row:
        if self._session is None:
            began = time.process_time()
            self._session = self.codec.session(self._prepared)
            self._setup_seconds = time.process_time() - began
            if self.family.lane is not Lane.LOSSLESS:
                self._judge.prepare()
        knob = self.codec.knob
        began = time.process_time()
        data = self._session({} if setting is None or knob is None else {knob.name: setting})
        encoded = time.process_time()
        decoded = self.codec.decode(data, NO_LIMITS).pixels
        done = time.process_time()
        shown = self._shown(decoded)
        metrics, score_seconds = self._judge.score(shown)
        verdict = guarded.verdict(self.codec, self._shown(self._prepared.pixels), shown, metrics["ssimulacra2"])
        return {
            "bytes": len(data),
            "setup_seconds": round(self._setup_seconds, 5),
            "encode_seconds": round(encoded - began, 5),
            "decode_seconds": round(done - encoded, 5),
            "score_seconds": round(score_seconds, 5),
            "guard_passed": verdict.passed,
            "guard_code": verdict.code,
            "guard_quantile": verdict.quantile,
            **metrics,
        }
