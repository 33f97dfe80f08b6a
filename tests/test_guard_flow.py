"""The guard within the flow: by policy, with what it refused in the record."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from sample_set import Samples

import router
from router.codecs import registry
from router.codecs.jpeg import JpegCodec
from router.errors import GuardError, PolicyError
from router.images.sample import ImageSample
from router.record import MAX_BYTES

NEURAL = {"lane": "neural", "codecs": ["ncr"], "settings": {"ncr": {"rate": 30_000}}}
POOR = {**NEURAL, "settings": {"ncr": {"rate": 0}}}
AVIF = {"lane": "classical", "codecs": ["avif"]}
JPEG = {"lane": "classical", "codecs": ["jpeg"], "settings": {"jpeg": {"quality": 97}}}


def _policy(guard: Any, *lanes: dict[str, Any]) -> dict[str, Any]:
    return {"schema_version": 1, "name": "guarded", "otherwise": {"lanes": list(lanes), "guard": guard}}


@pytest.fixture(scope="module")
def photo(samples: Samples) -> np.ndarray:
    with Image.open(samples["photo_cat"]) as image:
        return np.asarray(image.convert("RGB"))[:160, :224]


@pytest.fixture(scope="module")
def hard() -> np.ndarray:
    """Faint dots of two pixels on a plain ground: no photograph, and no low rate keeps them."""
    pixels = np.full((128, 160, 3), 120, np.uint8)
    for y, x in itertools.product((10, 11), (10, 11)):
        pixels[y::16, x::16] = 150
    return pixels


def test_a_photograph_passes_and_the_record_says_what_was_held_against_what(photo: np.ndarray) -> None:
    policy = _policy({"level": "full", "quantile": 0.999}, NEURAL, AVIF)
    encoded = router.compress(photo, policy=policy, receiver="self", quality=50)
    guard = encoded.record.guard
    assert encoded.record.lane == "neural"
    assert guard is not None
    assert (guard.level, guard.quantile, guard.passed, guard.arithmetic) == ("full", 0.999, True, "fp32")
    assert guard.calibration == encoded.record.settings["model"]
    assert guard.worst is not None
    assert guard.worst.value <= guard.worst.limit
    assert encoded.record.refused == ()
    assert router.inspect(encoded.data) == encoded.record


def test_a_refused_result_goes_to_the_next_lane_with_both_results_in_the_record(hard: np.ndarray) -> None:
    psnr = {"metric": "psnr", "value": 5}
    encoded = router.compress(hard, policy=_policy("full", POOR, AVIF), receiver="self", target=psnr)
    record = encoded.record
    assert (record.lane, record.codec) == ("classical", "avif")
    (refused,) = record.refused
    assert (refused.lane, refused.codec) == ("neural", "ncr")
    assert refused.code.startswith("GUARD_")
    assert refused.code in {reason.code for reason in record.reasons if reason.codec == "ncr"}
    assert refused.bytes > 0
    assert refused.achieved is not None
    assert refused.worst is not None
    assert refused.worst.value > refused.worst.limit
    assert 0 <= refused.worst.x < 160
    assert 0 <= refused.worst.y < 128
    assert record.guard is not None
    assert record.guard.passed
    assert record.target is not None
    assert record.target.achieved is not None
    assert len(record.to_json()) <= MAX_BYTES
    assert router.inspect(encoded.data) == record


def test_off_looks_at_no_tile(hard: np.ndarray) -> None:
    encoded = router.compress(hard, policy=_policy("off", POOR, AVIF), receiver="self", target={"metric": "psnr", "value": 5})
    assert encoded.record.lane == "neural"
    assert encoded.record.guard is not None
    assert encoded.record.guard.worst is None


def test_a_forced_codec_is_guarded_too(hard: np.ndarray) -> None:
    call = {"codec": "ncr", "settings": {"rate": 0}, "target": {"metric": "psnr", "value": 5}}
    with pytest.raises(GuardError) as refused:
        router.compress(hard, **call)
    released = router.compress(hard, **call, on_guard_fail="release").record
    assert released.guard is not None
    assert not released.guard.passed
    assert released.guard.code == refused.value.code
    assert released.guard.worst is not None


def test_strict_keeps_the_neural_result_only_where_it_is_smaller(photo: np.ndarray) -> None:
    # One neural result far above what is asked for, hence larger than the classical one, and one at the target.
    costly = {**NEURAL, "settings": {"ncr": {"rate": 60_000}}}
    encoded = router.compress(photo, policy=_policy("strict", costly, AVIF), receiver="self", quality=40)
    assert encoded.record.codec == "avif"
    (refused,) = encoded.record.refused
    assert refused.code == "GUARD_NO_GAIN"
    assert refused.bytes > len(encoded.data) - 2000  # what went out is what it was compared with, and its record
    assert [a.codec for a in encoded.run.attempts] == ["ncr", "avif"]
    assert router.compress(photo, policy=_policy("full", costly, AVIF), receiver="self", quality=40).record.lane == "neural"


@pytest.fixture(scope="module")
def smooth(photo: np.ndarray) -> np.ndarray:
    """No mark in it that could fade: only probes can tell what a codec does to faint ones."""
    return np.asarray(cv2.GaussianBlur(photo, (0, 0), 8), np.uint8)


def test_strict_asks_what_would_become_of_structures_that_the_picture_does_not_have(smooth: np.ndarray) -> None:
    policy = _policy("strict", NEURAL, JPEG)
    encoded = router.compress(smooth, policy=policy, receiver="self", quality=40)
    assert encoded.record.codec == "jpeg"
    (refused,) = encoded.record.refused
    assert refused.code == "GUARD_NO_GAIN"
    assert any("probes are lost" in reason.detail for reason in encoded.record.reasons if reason.codec == "ncr")
    again = router.compress(smooth, policy=policy, receiver="self", quality=40)
    assert again.data == encoded.data


def test_strict_compares_with_a_classical_result_that_its_own_check_stops(smooth: np.ndarray) -> None:
    coarse = {**JPEG, "settings": {"jpeg": {"quality": 12}}}
    policy = _policy("strict", NEURAL, coarse, {"lane": "lossless", "codecs": ["png"]})
    encoded = router.compress(smooth, policy=policy, receiver="self", target={"metric": "psnr", "value": 20})
    assert encoded.record.codec == "png"
    neural, classical = encoded.record.refused
    assert (neural.codec, neural.code) == ("ncr", "GUARD_NO_GAIN")
    assert (classical.codec, classical.code) == ("jpeg", "GUARD_STRUCTURE_ADDED")


def test_a_rival_that_fails_on_the_probes_does_not_cost_the_image(smooth: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    class Tired(JpegCodec):
        """JPEG, once."""

        calls = 0

        def encode(self, sample: ImageSample, settings: Mapping[str, Any]) -> bytes:
            Tired.calls += 1
            if Tired.calls > 1:
                raise OSError("no more")
            return super().encode(sample, settings)

    monkeypatch.setattr(registry, "_registered", {})
    monkeypatch.setattr(registry, "_instances", {})
    registry.register(Tired, replace=True)
    encoded = router.compress(smooth, policy=_policy("strict", NEURAL, JPEG), receiver="self", quality=40)
    assert encoded.record.codec == "jpeg"
    assert Tired.calls == 2
    assert any("comparison failed" in reason.detail for reason in encoded.record.reasons if reason.codec == "ncr")


def test_strict_without_a_classical_lane_keeps_the_neural_result(photo: np.ndarray) -> None:
    lossless = {"lane": "lossless", "codecs": ["png"]}
    policy = _policy({"level": "strict", "quantile": 0.999}, NEURAL, lossless)
    assert router.compress(photo, policy=policy, receiver="self", quality=50).record.lane == "neural"


@pytest.mark.parametrize(
    ("guard", "field"),
    [
        ("standard", "otherwise.guard"),
        ({"level": "full", "quantile": 0.2}, "otherwise.guard.quantile"),
        ({"level": "full", "quantile": 1.0}, "otherwise.guard.quantile"),
        ({"quantile": 0.9}, "otherwise.guard.level"),
        ({"level": "full", "tiles": 3}, "otherwise.guard.tiles"),
    ],
)
def test_a_guard_that_does_not_exist(guard: Any, field: str) -> None:
    with pytest.raises(PolicyError) as refused:
        router.Router(_policy(guard, AVIF))
    assert refused.value.details["field"] == field


def test_the_quantile_is_part_of_the_policy(tmp_path: Path) -> None:
    hashes = {router.Router(_policy({"level": "full", "quantile": q}, AVIF)).policy.sha256 for q in (0.9, 0.99)}
    assert len(hashes) == 2


def _must_save(share: float) -> dict[str, Any]:
    return _policy("full", {**NEURAL, "must_save": share}, JPEG)


def test_a_lane_that_must_save_is_kept_where_it_does_and_the_record_says_how_much(photo: np.ndarray) -> None:
    plain = router.compress(photo, policy=_policy("full", NEURAL, AVIF), receiver="self", quality=50)
    rival = router.compress(photo, policy=_policy("full", JPEG), receiver="self", quality=50)
    saved = 1 - len(plain.data) / len(rival.data)  # with records, about alike in both
    assert saved > 0.2
    kept = router.compress(photo, policy=_must_save(max(0.0, saved - 0.2)), receiver="self", quality=50)
    assert kept.record.lane == "neural"
    assert "SAVES_ENOUGH" in {reason.code for reason in kept.record.reasons}
    assert kept.record.refused == ()
    given_up = router.compress(photo, policy=_must_save(min(0.99, saved + 0.2)), receiver="self", quality=50)
    assert given_up.record.codec == "jpeg"
    (refused,) = given_up.record.refused
    assert (refused.codec, refused.code) == ("ncr", "SAVES_TOO_LITTLE")
    assert [a.codec for a in given_up.run.attempts] == ["ncr", "jpeg"]  # and JPEG was encoded once


def test_a_lane_that_must_save_beside_no_classical_lane_is_not_compared(photo: np.ndarray) -> None:
    policy = _policy("full", {**NEURAL, "must_save": 0.9}, {"lane": "lossless", "codecs": ["png"]})
    assert router.compress(photo, policy=policy, receiver="self", quality=50).record.lane == "neural"


@pytest.mark.parametrize(("lane", "share"), [(AVIF, 0.1), (NEURAL, 1.0), (NEURAL, -0.1)])
def test_a_saving_that_cannot_be_asked_for(lane: dict[str, Any], share: float) -> None:
    with pytest.raises(PolicyError) as refused:
        router.Router(_policy("full", {**lane, "must_save": share}, AVIF))
    assert "must_save" in refused.value.details["field"]


def test_a_policy_without_must_save_keeps_its_hash() -> None:
    policy = router.Router(_policy("full", NEURAL, AVIF)).policy
    assert "must_save" not in str(policy.policy.model_dump(mode="json"))
