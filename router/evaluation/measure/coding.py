"""One image, coded by any codec: real files, decoded again by the public codec, scored, looked at by the guard, and kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

from router.codecs.base import Codec, Lane, Settings
from router.evaluation.measure import fingerprint, guarded
from router.evaluation.measure.cache import PointCache, key_of
from router.evaluation.measure.point import VALUES, Measure, MeasuredEncoding, Point
from router.evaluation.measure.scoring import Scoring, Values
from router.evaluation.measure.variants import CodecVariant
from router.images.colour import as_shown
from router.images.sample import ImageSample, Pixels
from router.limits import NO_LIMITS
from router.reasons import ReasonCode


class ImageCoder:
    """Points of one image. What the cache has is not encoded again. A context manager: Butteraugli has temporary files.

    A point is kept under what its bytes depend on (pixels as the codec represents them, configuration, code, libraries, weights,
    setting), each measure of it beside that under what the measure depends on.

    Attributes:
        sample: the image.
        cache: what is kept of it.
        encoded: how many points had to be encoded so far.
    """

    def __init__(self, sample: ImageSample, cache: Path, *, butteraugli: Path | None = None, keep: bool = False) -> None:
        """`cache`: a folder; `butteraugli`: see its `find`; `keep`: keep encoded files, so that `decoded` encodes nothing."""
        self.sample = sample
        self.cache = PointCache(cache, key_of(sample.pixels_sha256, fingerprint.of_bytes(sample.metadata.icc or b"")))
        self.encoded = 0
        self._program = butteraugli
        self._keep = keep
        self._sessions: dict[str, _Session] = {}
        self._scorings: dict[str, Scoring] = {}

    def __enter__(self) -> ImageCoder:
        return self

    def __exit__(self, *_: object) -> None:
        for scoring in self._scorings.values():
            scoring.close()

    @property
    def butteraugli(self) -> tuple[int, float]:
        """How often the program ran, and the seconds that this took."""
        tools = [tool for scoring in self._scorings.values() for tool in scoring.tools]
        return sum(tool.calls for tool in tools), sum(tool.seconds for tool in tools)

    def refusal(self, family: CodecVariant) -> ReasonCode | None:
        """Why the codec does not take this image, or cannot be used here; from header facts.

        AVIF 4:2:0 of a gray image is the same file as 4:4:4 and does not count.
        Raises CodecUnavailableError, ModelError, CarryError.
        """
        if family.codec().unavailable() is not None:
            return ReasonCode.MISSING_EXTRA
        session = self._session(family)
        refusal = session.codec.refusal(session.prepared)
        if refusal is not None:
            return refusal.code
        return ReasonCode.CANNOT_CARRY_MODE if family.name == "avif420" and self.sample.channels < 3 else None

    def point(self, family: CodecVariant, setting: int | None, measures: Collection[Measure]) -> Point:
        """Stored, or measured now. Raises CodecError, ModelError; RuntimeError, ValueError as `Scoring.score`."""
        session = self._session(family)
        key = session.key(setting)
        missing = [m for m in Measure if m in measures and self._column(session, m) not in self.cache.get(key)]
        if missing or "encoding" not in self.cache.get(key):
            self._measure(session, setting, missing)
        return self._known(session, setting, measures)

    def known(self, family: CodecVariant, setting: int | None, measures: Collection[Measure]) -> Point | None:
        """The stored point, None where anything of it would have to be measured."""
        session = self._session(family)
        stored = self.cache.get(session.key(setting))
        complete = "encoding" in stored and all(self._column(session, m) in stored for m in measures)
        return self._known(session, setting, measures) if complete else None

    def source(self, family: CodecVariant) -> Pixels:
        """What the codec sees, (H, W, C)."""
        return self._session(family).prepared.pixels

    def decoded(self, family: CodecVariant, setting: int | None) -> Pixels:
        """The decoding at a setting, of the source's shape; encoded now unless the file was kept. Raises CodecError."""
        session = self._session(family)
        data = self.cache.encoded(session.key(setting))
        return session.decode(session.encode(setting) if data is None else data)

    def release(self, family: CodecVariant) -> None:
        """Free what the codec holds of the image; a later point of this codec costs its setup again."""
        self._sessions.pop(family.name, None)

    def _session(self, family: CodecVariant) -> _Session:
        if family.name not in self._sessions:
            self._sessions[family.name] = _Session(family.codec(), self.sample)
        return self._sessions[family.name]

    def _scoring(self, session: _Session) -> Scoring:
        found = self._scorings.get(session.prepared.pixels_sha256)
        if found is None:
            found = Scoring(session.shown(session.prepared.pixels), self._program)
            self._scorings[session.prepared.pixels_sha256] = found
        return found

    def _measure(self, session: _Session, setting: int | None, measures: Collection[Measure]) -> None:
        scoring, key = self._scoring(session), session.key(setting)
        session.open()
        if Measure.SSIMULACRA2 in measures and session.codec.lane is not Lane.LOSSLESS:
            scoring.prepare()
        began = time.process_time()
        data = session.encode(setting)
        encoded = time.process_time()
        decoded = session.decode(data)
        done = time.process_time()
        shown = session.shown(decoded)
        found = scoring.score(shown, [m for m in measures if m is not Measure.GUARD])
        if Measure.GUARD in measures:
            found[Measure.GUARD] = self._guard(session, shown, found, key)
        encoding = MeasuredEncoding(len(data), *(round(s, 5) for s in (session.setup_seconds, encoded - began, done - encoded)))
        new = {} if "encoding" in self.cache.get(key) else {"setting": setting, "encoding": asdict(encoding)}
        if self._keep:
            self.cache.keep(key, data)
        self.cache.add(key, new | {self._column(session, m): values for m, values in found.items()})
        self.encoded += 1

    def _guard(self, session: _Session, shown: Pixels, found: dict[Measure, Values], key: str) -> Values:
        """The guard's verdict where the score of the point itself is the target."""
        scored = found.get(Measure.SSIMULACRA2) or self.cache.get(key).get(self._column(session, Measure.SSIMULACRA2))
        scored = scored or self._scoring(session).score(shown, [Measure.SSIMULACRA2])[Measure.SSIMULACRA2]
        source = session.shown(session.prepared.pixels)
        verdict = guarded.verdict(session.codec, source, shown, scored["ssimulacra2"])
        return dict(zip(VALUES[Measure.GUARD], (verdict.passed, str(verdict.code), verdict.quantile), strict=True))

    def _known(self, session: _Session, setting: int | None, measures: Collection[Measure]) -> Point:
        stored = self.cache.get(session.key(setting))
        values = {name: value for m in measures for name, value in stored[self._column(session, m)].items()}
        return Point(setting, MeasuredEncoding(**stored["encoding"]), values)

    def _column(self, session: _Session, measure: Measure) -> str:
        if measure is Measure.BUTTERAUGLI:
            depends = "" if self._program is None else fingerprint.of_file(self._program)
        elif measure is Measure.GUARD:  # it looks inside the picture in the neural lane alone
            depends = fingerprint.of_guard() if session.codec.lane is Lane.NEURAL else ""
        else:
            depends = fingerprint.of_metrics()
        return f"{measure}@{depends}"


class _Session:
    """One codec with the image."""

    def __init__(self, codec: Codec, sample: ImageSample) -> None:
        self.codec = codec
        self.prepared = codec.prepare(sample)
        self.shown = as_shown(self.prepared.metadata.icc)
        self.setup_seconds = 0.0
        self._encode: Callable[[Settings], bytes] | None = None

    @cached_property
    def _identity(self) -> tuple[str, str]:
        return self.prepared.pixels_sha256, fingerprint.of_codec(self.codec)

    def key(self, setting: int | None) -> str:
        return key_of(*self._identity, setting)

    def open(self) -> Callable[[Settings], bytes]:
        if self._encode is None:
            began = time.process_time()
            self._encode = self.codec.session(self.prepared)
            self.setup_seconds = time.process_time() - began
        return self._encode

    def encode(self, setting: int | None) -> bytes:
        knob = self.codec.knob
        return self.open()({} if setting is None or knob is None else {knob.name: setting})

    def decode(self, data: bytes) -> Pixels:
        return self.codec.decode(data, NO_LIMITS).pixels
