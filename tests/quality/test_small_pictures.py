"""Small pictures: curves are uneven there, and a search ends near the target or at the cheapest setting all the same."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_set import Samples

import router
from router.codecs import registry
from router.codecs.base import Knob
from router.errors import CodecError
from router.images.arrays import from_pixels
from router.images.read import read
from router.images.sample import Pixels
from router.limits import NO_LIMITS
from router.quality.metrics import scorer
from router.quality.search import IN_A_ROW, MOST_DOUBTS, UNEVEN, UNEVEN_PIXELS, SearchOutcome, search
from router.quality.search_model import generic_predictor
from router.quality.target import Target

CLASSICAL = ("jpeg", "webp", "avif", "jxl")


@cache
def _photo(path: str, side: int) -> Pixels:
    pixels = read(path).pixels
    ratio = side / max(pixels.shape[:2])
    size = [max(1, round(length * ratio)) for length in pixels.shape[1::-1]]
    return np.ascontiguousarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def _made(kind: str) -> Pixels:
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
    return {
        "row": noise[:1],
        "column": noise[:, :1],
        "pixel": noise[:1, :1],
        "block": noise[:8, :8],
        "strip": np.ascontiguousarray(cv2.resize(noise, (300, 17))),
        "gray": np.ascontiguousarray(cv2.resize(noise, (48, 40))[..., :1]),
        "alpha": np.dstack([cv2.resize(noise, (48, 40)), cv2.resize(noise, (48, 40))[..., :1]]),
        "flat": np.full((40, 40, 3), 77, np.uint8),
        "noise": noise,
    }[kind]


@cache
def _curve(path: str, side: int, codec_id: str) -> dict[int, tuple[int, float]]:
    """Bytes and score of every setting."""
    codec = registry.get(codec_id)
    sample = codec.prepare(from_pixels(_photo(path, side)))
    encode, score = codec.session(sample), scorer("ssimulacra2", sample.pixels)
    assert codec.knob is not None
    files = {q: encode({codec.knob.name: q}) for q in range(codec.knob.low, codec.knob.high + 1)}
    scores: dict[bytes, float] = {}
    for data in files.values():
        if data not in scores:
            scores[data] = score(codec.decode(data, NO_LIMITS).pixels)
    return {q: (len(data), scores[data]) for q, data in files.items()}


@pytest.mark.parametrize("codec_id", CLASSICAL)
@pytest.mark.parametrize("side", [40])
def test_the_result_is_near_the_target_or_the_cheapest_of_all_settings(samples: Samples, codec_id: str, side: int) -> None:
    path = str(samples["photo_coffee"])
    curve = _curve(path, side, codec_id)
    for value in (30.0, 50.0, 70.0, 85.0):
        good = {q: size for q, (size, score) in curve.items() if score >= value - 1}
        if not good:
            with pytest.raises(CodecError, match="TARGET_UNREACHABLE"):
                router.compress(_photo(path, side), codec=codec_id, quality=value)
            continue
        encoded = router.compress(_photo(path, side), codec=codec_id, quality=value)
        target, chosen = encoded.record.target, encoded.record.settings["quality"]
        assert target is not None
        assert target.achieved == pytest.approx(curve[chosen][1], abs=1e-3)
        if target.outcome == "within":
            assert abs(target.achieved - value) <= 1 + 1e-4
        else:
            assert target.outcome == "cheapest"
            assert chosen == min(good) or curve[chosen][0] == min(good.values())
        overshot = [reason for reason in encoded.record.reasons if reason.code == "TARGET_OVERSHOT"]
        assert len(overshot) == (target.achieved > value + 1)


def _compressed(pixels: Pixels, codec_id: str, target: dict[str, object]) -> tuple[router.EncodedImage | None, str]:
    """What comes of it, or the code that it is refused with."""
    try:
        return router.compress(pixels, codec=codec_id, target=target, on_guard_fail="release"), ""
    except CodecError as error:
        return None, str(error.code)


@pytest.mark.parametrize("codec_id", ["ncr", *CLASSICAL])
@pytest.mark.parametrize("kind", ["row", "column", "pixel", "block", "strip", "gray", "alpha", "flat", "noise"])
def test_odd_pictures_end_near_the_target_or_say_why_not(codec_id: str, kind: str) -> None:
    pixels = _made(kind)
    wanted: list[dict[str, object]] = [{"metric": "ssimulacra2", "value": 50}, {"metric": "psnr", "value": 34}]
    for target in wanted[:1] if codec_id == "ncr" else wanted:
        encoded, refused = _compressed(pixels, codec_id, target)
        if encoded is None:
            assert refused in ("TARGET_UNREACHABLE", "CANNOT_CARRY_ALPHA", "CANNOT_CARRY_MODE")
            continue
        parsed, found = Target.parse(target), encoded.record.target
        assert found is not None
        assert found.achieved is not None
        assert found.achieved >= parsed.floor - 1e-4
        assert found.outcome in ("within", "cheapest")
        assert found.outcome == "cheapest" or found.achieved <= parsed.value + parsed.tolerance + 1e-4


@pytest.mark.parametrize("codec_id", CLASSICAL)
@pytest.mark.parametrize(("metric", "value"), [("ms-ssim", 0.97), ("bpp", 4.0), ("max_bytes", 1500)])
def test_other_targets(samples: Samples, codec_id: str, metric: str, value: float) -> None:
    pixels = _photo(str(samples["photo_coffee"]), 64)
    encoded = router.compress(pixels, codec=codec_id, target={"metric": metric, "value": value})
    target = encoded.record.target
    assert target is not None
    assert target.outcome in ("within", "cheapest")
    if metric != "ms-ssim":
        bound = Target.parse({"metric": metric, "value": value}).max_bytes(pixels.shape[1], pixels.shape[0])
        assert len(encoded.data) <= bound


def test_a_bounded_search_that_settles_for_more_says_so(samples: Samples) -> None:
    lanes = {"lanes": [{"lane": "classical", "codecs": ["avif"]}], "budgets": {"max_search_steps": 1}}
    policy = {"schema_version": 1, "name": "one", "rules": [], "otherwise": lanes}
    pixels = _photo(str(samples["photo_coffee"]), 48)
    outcomes = set()
    for value in (10, 20, 30, 40, 50):
        try:
            record = router.compress(pixels, policy=policy, quality=value).record
        except router.RouterError:
            continue
        assert record.target is not None
        outcomes.add(record.target.outcome)
        if record.target.outcome == "beyond":
            (reason,) = (r for r in record.reasons if r.code == "TARGET_OVERSHOT")
            assert "cut short at encoding 1" in reason.detail
    assert "beyond" in outcomes


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(0, 12), min_size=2, max_size=99),
    st.lists(st.floats(-2, 2), min_size=99, max_size=99),
    st.floats(20, 90),
    st.integers(1, 99),
)
def test_on_uneven_curves_no_setting_just_below_reaches_the_target(
    steps: list[float], noise: list[float], value: float, start: int
) -> None:
    rising = np.cumsum(steps) * 100 / max(float(np.sum(steps)), 1.0)
    scores = [float(s) + n for s, n in zip(rising, noise, strict=False)]
    knob, target, tried = Knob("quality", 1, len(scores), min(start, len(scores))), Target.quality(value), []

    def encode(setting: int) -> bytes:
        tried.append(setting)
        return bytes(setting)

    for pixels in (UNEVEN_PIXELS, UNEVEN_PIXELS + 1):
        tried.clear()
        try:
            found = search(
                encode,
                lambda _: np.zeros((1, 1, 1), np.uint8),
                knob,
                target,
                score=lambda _: scores[tried[-1] - 1],
                byte_limit=None,
                predictor=generic_predictor(knob, pixels),
            )
        except CodecError:
            assert len(scores) in tried
            continue
        chosen = found.trial.knob
        assert len(tried) == len(set(tried)) == found.steps
        assert found.outcome is not SearchOutcome.BEYOND
        if found.outcome is SearchOutcome.CHEAPEST:
            below = scores[: chosen - 1][::-1]  # from the top down
            hopeless = [score < target.floor - UNEVEN for score in below]
            ends = [n for n in range(IN_A_ROW - 1, len(below)) if all(hopeless[n - IN_A_ROW + 1 : n + 1])]
            looked_at = min(ends[0] + 1 if ends else len(below), MOST_DOUBTS) if pixels <= UNEVEN_PIXELS else 1
            assert all(score < target.floor for score in below[:looked_at])


@pytest.mark.parametrize("quality", [30, 70, 85])
def test_a_tiny_picture_costs_what_the_cheapest_setting_of_all_costs(quality: int) -> None:
    flat = np.full((40, 40, 3), (200, 30, 90), np.uint8)  # its curve falls and rises from setting to setting
    codec, sample, score = registry.get("jpeg"), from_pixels(flat), scorer("ssimulacra2", flat)
    files = [codec.encode(sample, {"quality": setting}) for setting in range(1, 101)]
    cheapest = min(len(data) for data in files if score(codec.decode(data).pixels) >= quality - 1)
    encoded = router.compress(flat, codec="jpeg", quality=quality)
    assert len(files[encoded.record.settings["quality"] - 1]) == cheapest
