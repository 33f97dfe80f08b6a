"""The search finds the cheapest setting for a target with few encodings, and never ends below it when it was reached."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_set import Samples

from router.codecs import registry
from router.codecs.base import Knob
from router.errors import CodecError
from router.images.read import read
from router.limits import NO_LIMITS
from router.quality.metrics import scorer
from router.quality.search import FILL, SearchOutcome, SearchResult, search
from router.quality.search_model import SearchState, search_model_for
from router.quality.target import MAX_STEPS, Target

STEPS = st.lists(st.floats(0.01, 20), min_size=2, max_size=100)
NOISE = st.lists(st.floats(-3, 3), min_size=100, max_size=100)


@dataclass
class Codec:
    """Setting q of 1 to len(scores) scores scores[q - 1] and takes sizes[q - 1] bytes; keeps what was tried."""

    scores: list[float]
    sizes: list[int] = field(default_factory=list)
    tried: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sizes = self.sizes or [10 * q for q in range(1, len(self.scores) + 1)]
        self.knob = Knob("quality", 1, len(self.scores), min(75, len(self.scores)))

    def encode(self, setting: int) -> bytes:
        self.tried.append(setting)
        return bytes(self.sizes[setting - 1])

    def refusal(self, target: Target, **options: float) -> CodecError | None:
        """What the search raises; None if it finds something."""
        try:
            self.search(target, **options)  # type: ignore[arg-type]
        except CodecError as error:
            return error
        return None

    def search(self, target: Target, *, byte_limit: int | None = None, **options: float) -> SearchResult:
        return search(
            self.encode,
            lambda _: np.zeros((1, 1, 1), np.uint8),
            self.knob,
            target,
            score=None if byte_limit is not None else lambda _: self.scores[self.tried[-1] - 1],
            byte_limit=byte_limit,
            **options,  # type: ignore[arg-type]
        )


def _rising(steps: list[float], top: float = 100.0) -> list[float]:
    curve = np.cumsum(steps)
    return list(top * curve / curve[-1])


def _bytes(limit: int) -> Target:
    return Target.parse({"metric": "max_bytes", "value": limit})


@settings(max_examples=50, deadline=None)
@given(STEPS, st.floats(5, 95), st.integers(2, 12))
def test_what_can_be_reached_is_reached_in_the_encodings_allowed(steps: list[float], value: float, most: int) -> None:
    codec, target = Codec(_rising(steps)), Target.quality(value)
    result = codec.search(target, max_steps=most)
    assert result.trial.score is not None
    assert result.trial.score >= target.floor
    assert result.steps == len(codec.tried) == len(set(codec.tried)) <= most
    cheapest = next(q for q, s in enumerate(codec.scores, 1) if s >= target.floor)
    if result.outcome is SearchOutcome.WITHIN:
        assert abs(result.trial.score - value) <= target.tolerance + 1e-9
    if result.outcome is SearchOutcome.CHEAPEST:
        assert result.trial.knob == cheapest


@settings(max_examples=50, deadline=None)
@given(STEPS, st.floats(5, 95))
def test_with_time_enough_it_ends_near_enough_or_at_the_cheapest_setting(steps: list[float], value: float) -> None:
    assert Codec(_rising(steps)).search(Target.quality(value), max_steps=110).outcome is not SearchOutcome.BEYOND


@settings(max_examples=75, deadline=None)
@given(STEPS, NOISE, st.floats(10, 95), st.floats(40, 100))
def test_on_uneven_curves_nothing_below_the_target_is_chosen(
    steps: list[float], noise: list[float], value: float, top: float
) -> None:
    scores = [s + n for s, n in zip(_rising(steps, top), noise, strict=False)]
    codec, target = Codec(scores), Target.quality(value)
    refused = codec.refusal(target)
    assert len(codec.tried) <= MAX_STEPS
    if refused is not None:
        assert refused.code == "TARGET_UNREACHABLE"
        assert all(scores[q - 1] < target.floor for q in codec.tried)
        assert refused.details["best"] == max(scores[q - 1] for q in codec.tried)
        assert refused.details["short"] == pytest.approx(target.floor - refused.details["best"])
        assert len(scores) in codec.tried  # nothing is called out of reach before the highest setting has failed
    else:
        codec.tried.clear()
        result = codec.search(target)
        assert scores[result.trial.knob - 1] == result.trial.score >= target.floor
        if result.outcome is not SearchOutcome.WITHIN:
            better = [q for q in codec.tried if scores[q - 1] >= target.floor]
            assert len(result.trial.data) == min(codec.sizes[q - 1] for q in better)


@settings(max_examples=75, deadline=None)
@given(st.lists(st.floats(0.0, 0.5), min_size=2, max_size=100), st.integers(1, 5000), st.integers(1, 6))
def test_sizes_are_never_exceeded(steps: list[float], limit: int, most: int) -> None:
    sizes = [int(s) for s in 40 * np.exp(np.cumsum(steps))]
    codec = Codec([0.0] * len(sizes), sizes)
    refused = codec.refusal(_bytes(limit), byte_limit=limit, max_steps=most)
    assert len(codec.tried) <= most
    if refused is not None:
        assert refused.code == "TARGET_UNREACHABLE"
        assert all(sizes[q - 1] > limit for q in codec.tried)
        assert most == 1 or sizes[0] > limit  # what fits is found
        assert refused.details["best"] == min(sizes[q - 1] for q in codec.tried)
    else:
        codec.tried.clear()
        result = codec.search(_bytes(limit), byte_limit=limit, max_steps=most)
        assert len(result.trial.data) <= limit
        assert len(result.trial.data) == max(sizes[q - 1] for q in codec.tried if sizes[q - 1] <= limit)
        if result.outcome is SearchOutcome.WITHIN:
            assert len(result.trial.data) >= FILL * limit


def test_a_coarse_codec_ends_at_its_cheapest_setting_and_is_not_taken_for_a_failure() -> None:
    codec = Codec([5.0, 24.0, 43.0, 62.0, 81.0, 99.0])
    result = codec.search(Target.quality(50))
    assert (result.trial.knob, result.outcome) == (4, SearchOutcome.CHEAPEST)


def test_few_encodings_on_an_ordinary_curve_of_an_unknown_codec() -> None:
    scores = [100 - 95 * np.exp(-q / 30) for q in range(1, 101)]
    found = [Codec(scores).search(Target.quality(v)) for v in (30, 50, 70, 80)]
    assert all(result.outcome is SearchOutcome.WITHIN for result in found)
    assert max(result.steps for result in found) <= 4


def test_an_unreachable_target_says_how_near_it_came() -> None:
    with pytest.raises(CodecError) as refused:
        Codec([float(q) / 2 for q in range(1, 101)]).search(Target.quality(90))
    assert refused.value.code == "TARGET_UNREACHABLE"
    assert "50.00 at setting 100, 39.00 below" in refused.value.message
    assert refused.value.details == {"setting": 100, "best": 50.0, "short": 39.0}


def test_what_is_hopeless_is_known_after_few_encodings() -> None:
    codec = Codec([20.0 + q / 10 for q in range(1, 101)])
    with pytest.raises(CodecError):
        codec.search(Target.quality(95))
    assert len(codec.tried) <= 2


def test_a_size_below_the_lowest_setting_is_refused() -> None:
    with pytest.raises(CodecError) as refused:
        Codec([1.0] * 100).search(_bytes(9), byte_limit=9)
    assert refused.value.code == "TARGET_UNREACHABLE"
    assert refused.value.details == {"setting": 1, "best": 10.0, "short": 1.0}


def test_nothing_starts_after_the_deadline() -> None:
    low, high = Codec([0.6 * q for q in range(1, 101)]), Codec([60 + q / 3 for q in range(1, 101)])
    with pytest.raises(CodecError) as refused:
        low.search(Target.quality(60), deadline=time.monotonic() - 1)
    assert (refused.value.code, len(low.tried)) == ("BUDGET_EXCEEDED", 1)
    result = high.search(Target.quality(50), deadline=time.monotonic() - 1)
    assert (result.steps, len(high.tried)) == (1, 1)  # what was found is used


def test_few_steps_still_reach_the_target() -> None:
    result = Codec([float(q) for q in range(1, 101)]).search(Target.quality(97), max_steps=2)
    assert result.trial.score is not None
    assert result.trial.score >= 96


def _found(samples: Samples, name: str, codec_id: str, target: Target, memory: SearchState, crop: int = 160) -> SearchResult:
    codec = registry.get(codec_id)
    sample = read(samples[name])
    sample = codec.prepare(sample.replace_pixels(np.ascontiguousarray(sample.pixels[:crop, :crop])))
    assert codec.knob is not None
    session = codec.session(sample)
    return search(
        lambda setting: session({codec.knob.name: setting}),  # type: ignore[union-attr]
        lambda data: codec.decode(data, NO_LIMITS).pixels,
        codec.knob,
        target,
        score=None if target.is_size else scorer(target.metric, sample.pixels),
        byte_limit=target.max_bytes(sample.width, sample.height) if target.is_size else None,
        predictor=memory.predictor(codec, {}, sample.pixels),
    )


@pytest.mark.parametrize(
    ("name", "codec_id"),
    [
        *(("photo_coffee", codec_id) for codec_id in ("jpeg", "webp", "avif", "jxl", "ncr")),
        *(("texture_brick", codec_id) for codec_id in ("jpeg", "avif", "jxl")),
        ("map_districts", "avif"),
    ],
)
def test_every_lossy_codec_on_real_images(samples: Samples, name: str, codec_id: str) -> None:
    memory = SearchState()
    for value in (30.0, 50.0) if codec_id == "ncr" else (50.0, 80.0):
        target = Target.quality(value)
        result = _found(samples, name, codec_id, target, memory)
        assert result.trial.score is not None
        assert result.trial.score >= target.floor
        assert result.steps <= MAX_STEPS


@pytest.mark.parametrize("codec_id", ["jpeg", "avif", "ncr"])
@pytest.mark.parametrize("target", [{"metric": "psnr", "value": 30}, {"metric": "ms-ssim", "value": 0.95}])
def test_other_metrics(samples: Samples, codec_id: str, target: dict[str, object]) -> None:
    wanted = Target.parse(target)
    result = _found(samples, "photo_coffee", codec_id, wanted, SearchState(), 192)
    assert result.trial.score is not None
    assert result.trial.score >= wanted.floor


@pytest.mark.parametrize("codec_id", ["jpeg", "webp", "avif", "jxl", "ncr"])
def test_sizes_of_real_files(samples: Samples, codec_id: str) -> None:
    target = Target.parse({"metric": "bpp", "value": 1.2})
    result = _found(samples, "photo_coffee", codec_id, target, SearchState(), 192)
    bound = target.max_bytes(192, 192)
    assert 0.5 * bound < len(result.trial.data) <= bound


def test_one_codecs_result_helps_the_next(samples: Samples) -> None:
    codec, other = registry.get("webp"), registry.get("avif")
    pixels = np.ascontiguousarray(read(samples["photo_cat"]).pixels[:128, :128])
    memory = SearchState()
    settings_ = np.arange(1, 101)
    _, before = memory.predictor(codec, {}, pixels).levels("ssimulacra2", settings_)
    memory.predictor(other, {}, pixels).learn(50, 4000, Target.quality(60), 58.0)
    _, after = memory.predictor(codec, {}, pixels).levels("ssimulacra2", settings_)
    assert search_model_for(None) is not None
    assert (after <= before + 1e-9).all()
    assert after.mean() < 0.97 * before.mean()
