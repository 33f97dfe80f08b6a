"""The baseline of a neural result: the decision's first classical codec that can write the image.

The two are compared where the neural lane asks for a measured saving (`must_save`), and at guard level `strict`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from router.codecs import registry
from router.errors import CodecError, InputError, LimitError, own_words
from router.images.arrays import from_pixels
from router.images.colour import as_shown
from router.images.sample import ImageSample, Pixels
from router.limits import NO_LIMITS
from router.policy.decision import Decision, LanePlan
from router.quality.guard import GuardLevel
from router.quality.guard.noninferiority import Contender, objection
from router.reasons import ReasonCode
from router.routing.attempt import Candidate
from router.routing.encoding import AttemptRunner
from router.routing.time_budget import AttemptSchedule, of_time
from router.routing.winner import saves_too_little


@dataclass(frozen=True)
class BaselineVerdict:
    """What a comparison found: whether the neural result `stays`, and why."""

    code: ReasonCode
    detail: str
    stays: bool


class Baseline:
    """What was encoded to compare with; it is kept, so that it is not encoded again in its own lane."""

    def __init__(self, sample: ImageSample, decision: Decision, schedule: AttemptSchedule, encoding: AttemptRunner) -> None:
        self._sample = sample
        self._decision = decision
        self._schedule = schedule
        self._encoding = encoding
        self._kept: dict[tuple[str, str], Candidate] = {}

    def kept(self, lane: LanePlan, codec_id: str) -> Candidate | None:
        """What this codec has written already, None if nothing."""
        return self._kept.get(_key(lane, codec_id))

    def verdict(self, lane: LanePlan, neural: Candidate) -> BaselineVerdict | None:
        """Compare a neural result; None if nobody asks for that, or no classical codec can write the image.

        Policy or guard level promise the comparison, so it is made even where the time is over. Only a decision that refuses
        late results treats missing time as an objection. Raises InputError and LimitError.
        """
        if not self._decision.compares(lane):
            return None
        for other, codec_id in self._decision.baselines:
            try:
                baseline = self._encoded(other, codec_id)
            except _NoTimeError:
                code = ReasonCode.SAVES_TOO_LITTLE if lane.must_save is not None else ReasonCode.GUARD_NO_GAIN
                return BaselineVerdict(code, f"no time to compare it with {codec_id}", stays=False)
            # At `strict`, a baseline that fails its own guard is compared all the same: nothing neural is released uncompared.
            if baseline is not None and (baseline.guard.passed or self._decision.level is GuardLevel.STRICT):
                return self._beside(lane, neural, baseline)
        return None

    def _beside(self, lane: LanePlan, neural: Candidate, baseline: Candidate) -> BaselineVerdict | None:
        target = self._decision.target
        sizes = f"{len(neural.data)} bytes, {len(baseline.data)} {baseline.codec.codec_id}"
        too_little = saves_too_little(lane, len(neural.data), len(baseline.data))
        if too_little and not target.is_size:
            return BaselineVerdict(ReasonCode.SAVES_TOO_LITTLE, f"{sizes}; {lane.must_save:.0%} were to be saved", stays=False)
        if target.is_size or self._decision.level is GuardLevel.STRICT:  # of two that fill one size, the better one
            why = self._objection(neural, baseline)
            if why:
                return BaselineVerdict(ReasonCode.GUARD_NO_GAIN, why, stays=False)
        return None if lane.must_save is None else BaselineVerdict(ReasonCode.SAVES_ENOUGH, sizes, stays=True)

    def _objection(self, neural: Candidate, baseline: Candidate) -> str:
        try:
            source = as_shown(self._sample.metadata.icc)(self._sample.pixels)
            return objection(self._decision.target, source, self._contender(neural), self._contender(baseline))
        except Exception as error:  # a codec that fails on a picture with signals: what could not be compared is not released
            return f"the comparison failed: {own_words(error, ours=registry.is_ours(neural.codec))}"

    def _contender(self, candidate: Candidate) -> Contender:
        """A result as it is compared: as a screen shows it, since results of one image may have different profiles."""
        codec, settings, sample = candidate.codec, candidate.settings, self._sample

        def recode(pixels: Pixels) -> Pixels:
            if pixels is sample.pixels and sample.metadata.icc is None:
                return candidate.pixels
            return codec.decode(codec.encode(from_pixels(pixels), settings), NO_LIMITS).pixels

        with_signals = self._decision.level is GuardLevel.STRICT
        pixels = as_shown(candidate.profile)(candidate.pixels)
        return Contender(len(candidate.data), candidate.guard, pixels, recode if with_signals else None)

    def _encoded(self, lane: LanePlan, codec_id: str) -> Candidate | None:
        """The result of this codec; None if it fails, which is logged when it is attempted in its own lane."""
        known = self.kept(lane, codec_id)
        if known is not None:
            return known
        attempt = self._schedule.attempt(lane, codec_id)
        try:
            try:
                found = self._encoding.encode(attempt)
            except CodecError as error:
                if not of_time(error):
                    raise
                if self._decision.budgets.when_late == "refuse":
                    raise _NoTimeError from error
                found = self._encoding.encode_overrun(attempt)
        except (InputError, LimitError, _NoTimeError):
            raise
        except Exception:
            return None
        self._kept[_key(lane, codec_id)] = found
        return found


def _key(lane: LanePlan, codec_id: str) -> tuple[str, str]:
    return codec_id, json.dumps(lane.settings.get(codec_id, {}), sort_keys=True, default=str)


class _NoTimeError(Exception):
    """A comparison that could not be made in time; never leaves this module."""
