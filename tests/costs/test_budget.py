"""A time budget is a prediction: which codecs start, how many encodings they get, and what happens when the time is over.

Costs come from files, never from a clock: what is predicted is either far below or far above the budget.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cost_files import BAND, entry, known, model
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_set import Samples
from typer.testing import CliRunner

import router
from router.cli.main import app
from router.errors import NoLaneError
from router.prediction.costs import store
from router.prediction.costs.model import CODEC, GUARD, SCORE, CostLine

LONG, SHORT = 1000.0, 1e-4
MINUTE = 60_000.0
AVIF = {"lane": "classical", "codecs": ["avif"]}
NEURAL = {"lane": "neural", "codecs": ["ncr"], "settings": {"ncr": {"rate": 30_000}}}


def policy(*lanes: dict[str, Any], encode_ms: float = MINUTE, guard: Any = "full", **budgets: Any) -> dict[str, Any]:
    action = {"lanes": list(lanes), "budgets": {"encode_ms": encode_ms, **budgets}, "guard": guard}
    return {"schema_version": 1, "name": "timed", "otherwise": action}


def classical(*codecs: str, **more: Any) -> dict[str, Any]:
    return {"lane": "classical", "codecs": list(codecs), **more}


def lossless(*codecs: str, **more: Any) -> dict[str, Any]:
    return {"lane": "lossless", "codecs": list(codecs), **more}


def codes(encoded: router.EncodedImage) -> list[tuple[str | None, str]]:
    """Of codecs, but for how near their searches came."""
    return [(r.codec, r.code) for r in encoded.record.reasons if r.codec and r.code != "TARGET_OVERSHOT"]


def test_a_codec_that_cannot_make_it_is_passed_over(photo: np.ndarray) -> None:
    known(avif=LONG, webp=SHORT)
    encoded = router.compress(photo, policy=policy(classical("avif", "webp")), quality=60)
    assert encoded.record.codec == "webp"
    assert codes(encoded) == [("avif", "BUDGET_PREDICTED")]
    passed_over, done = encoded.run.attempts
    assert (passed_over.codec, passed_over.outcome, passed_over.encodings) == ("avif", "BUDGET_PREDICTED", 0)
    assert passed_over.predicted_seconds == pytest.approx(LONG)
    assert passed_over.detail.startswith("1000000 ms predicted for one encoding, ")
    assert done.outcome == "done"
    assert done.left_seconds is not None
    assert 0 < done.left_seconds <= MINUTE / 1000


def test_what_the_clock_says_is_in_the_log_and_not_in_the_record(photo: np.ndarray) -> None:
    known(avif=LONG, webp=SHORT)
    runs = [router.compress(photo, policy=policy(classical("avif", "webp")), quality=60) for _ in range(2)]
    assert runs[0].data == runs[1].data
    assert b"predicted" not in runs[0].record.to_json()
    assert "predicted_seconds" in runs[0].run.to_json()


@pytest.mark.parametrize("part", ["score", "guard"])
def test_scoring_and_guard_count(photo: np.ndarray, part: str) -> None:
    slow = (
        entry(SCORE, "ssimulacra2", score=CostLine(LONG, 0)) if part == "score" else entry(GUARD, "full", check=CostLine(LONG, 0))
    )
    store.save(model(entry(CODEC, "avif"), entry(CODEC, "png"), slow))
    encoded = router.compress(photo, policy=policy(AVIF, lossless("png"), guard="strict"), quality=60)
    assert encoded.record.codec == "png"  # lossless: nothing is scored, and the guard compares
    assert ("avif", "BUDGET_PREDICTED") in codes(encoded)


def test_a_search_gets_no_more_encodings_than_there_is_time_for(photo: np.ndarray) -> None:
    known(webp=20.0, png=SHORT)
    for target in (45.0, 61.0, 77.0, 88.0):
        encoded = router.compress(photo, policy=policy(classical("webp"), lossless("png"), encode_ms=50_000), quality=target)
        first = encoded.run.attempts[0]
        assert first.codec == "webp"
        assert first.encodings <= 2
        if first.outcome != "done":
            assert first.outcome == "BUDGET_EXCEEDED"
            assert encoded.record.codec == "png"


def test_without_costs_the_deadline_holds_for_the_whole_image(photo: np.ndarray) -> None:
    policy_ = policy(classical("avif"), lossless("png"), encode_ms=1e-6)
    encoded = router.compress(photo, policy=policy_, quality=60)
    assert codes(encoded) == [("avif", "BUDGET_EXCEEDED"), ("png", "BUDGET_EXCEEDED"), ("png", "BUDGET_OVERRUN")]
    assert encoded.run.costs == {"available": False}
    assert all(a.predicted_seconds is None for a in encoded.run.attempts)


def test_the_last_codec_that_can_write_the_image_encodes_although_the_time_is_over(photo: np.ndarray) -> None:
    known(avif=LONG, webp=LONG, jpeg=LONG)
    encoded = router.compress(photo, policy=policy(classical("avif", "webp", "jpeg")), quality=30)
    assert encoded.record.codec == "jpeg"
    assert codes(encoded)[-1] == ("jpeg", "BUDGET_OVERRUN")
    assert [a.outcome for a in encoded.run.attempts] == ["BUDGET_PREDICTED"] * 3 + ["done"]
    transparent = np.dstack([photo, np.full(photo.shape[:2], 128, np.uint8)])
    other = router.compress(transparent, policy=policy(classical("avif", "webp", "jpeg")), quality=30)
    assert other.record.codec == "webp"  # JPEG carries no alpha
    assert ("jpeg", "CANNOT_CARRY_ALPHA") in codes(other)


def test_where_one_encoding_misses_the_target_the_search_still_ends_well(photo: np.ndarray) -> None:
    known(webp=LONG)
    for target in (20.0, 55.0, 84.0):
        encoded = router.compress(photo, policy=policy(classical("webp")), quality=target)
        assert encoded.record.codec == "webp"
        assert encoded.record.target is not None
        assert encoded.record.target.achieved is not None
        assert encoded.record.target.achieved >= target - 1


@pytest.mark.parametrize("costs", [{}, {"avif": LONG, "png": LONG}])
def test_a_policy_may_refuse_what_comes_late(photo: np.ndarray, costs: dict[str, float]) -> None:
    known(**costs)
    encode_ms = MINUTE if costs else 1e-6
    late = policy(AVIF, lossless("png"), encode_ms=encode_ms, when_late="refuse")
    with pytest.raises(NoLaneError) as refused:
        router.compress(photo, policy=late, quality=60)
    code = "BUDGET_PREDICTED" if costs else "BUDGET_EXCEEDED"
    assert [(a.codec, a.outcome) for a in refused.value.attempts] == [("avif", code), ("png", code)]
    assert "more time" in refused.value.hint


def test_when_late_is_no_news_to_older_policies() -> None:
    plain, said, other = policy(AVIF), policy(AVIF, when_late="encode"), policy(AVIF, when_late="refuse")
    hashes = [router.Router(p).policy.sha256 for p in (plain, said, other)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_lane_that_compares_keeps_what_it_has(photo: np.ndarray) -> None:
    known(png=SHORT, webp_lossless=LONG)
    encoded = router.compress(photo, policy=policy(lossless("png", "webp-lossless", choose="smallest")))
    assert encoded.record.codec == "png"
    assert codes(encoded) == [("webp-lossless", "BUDGET_PREDICTED")]


@pytest.mark.parametrize("target", [35.0, 60.0, 80.0])
def test_a_lane_that_compares_leaves_time_for_the_others(photo: np.ndarray, target: float) -> None:
    # Three encodings of WebP would fit; only one leaves the time for JPEG's.
    known(webp=10.0, jpeg=25.0, png=SHORT)
    lanes = (classical("webp", "jpeg", choose="smallest"), lossless("png"))
    webp, jpeg, *_ = router.compress(photo, policy=policy(*lanes, encode_ms=39_000), quality=target).run.attempts
    assert (webp.codec, jpeg.codec) == ("webp", "jpeg")
    assert (webp.outcome, webp.encodings) in [("done", 1), ("BUDGET_EXCEEDED", 0)]
    assert jpeg.outcome != "BUDGET_PREDICTED"


def test_strict_counts_the_comparison(photo: np.ndarray) -> None:
    guard = {"level": "strict", "quantile": 0.999}
    known(ncr=SHORT, avif=LONG)
    encoded = router.compress(photo, policy=policy(NEURAL, AVIF, guard=guard), receiver="self", quality=40)
    assert [(a.codec, a.outcome) for a in encoded.run.attempts] == [
        ("ncr", "BUDGET_PREDICTED"), ("avif", "BUDGET_PREDICTED"), ("avif", "done"),
    ]  # fmt: skip


def test_strict_compares_even_when_it_takes_too_long(photo: np.ndarray) -> None:
    """The cheap codec that the prediction counted on cannot carry alpha; the other one is not cheap."""
    transparent = np.dstack([photo, np.full(photo.shape[:2], 200, np.uint8)])
    known(ncr=SHORT, jpeg=SHORT, avif=LONG, png=SHORT)
    costly = {**NEURAL, "settings": {"ncr": {"rate": 62_000}}}
    lanes = (costly, classical("jpeg", "avif"), lossless("png"))
    call: dict[str, Any] = {"receiver": "self", "quality": 30}
    guard = {"level": "strict", "quantile": 0.999}
    compared = router.compress(transparent, policy=policy(*lanes, guard=guard), **call)
    assert compared.run.attempts[0].codec == "ncr"
    assert compared.run.attempts[0].outcome not in ("done", "BUDGET_PREDICTED")  # AVIF was smaller, or the guard refused
    assert compared.record.codec == "avif"
    refusing = router.compress(transparent, policy=policy(*lanes, guard=guard, when_late="refuse"), **call)
    assert refusing.record.codec == "png"


def test_predictions_are_logged_without_a_budget_too(photo: np.ndarray) -> None:
    known(webp=0.5, jpeg=0.25)
    searched = router.compress(photo, codec="webp", quality=60).run
    (attempt,) = searched.attempts
    assert attempt.predicted_seconds is not None
    assert attempt.predicted_encodings is not None
    assert attempt.predicted_seconds == pytest.approx(0.5 * attempt.predicted_encodings, rel=1e-3)
    low, high = BAND.low * attempt.predicted_seconds, BAND.high * attempt.predicted_seconds
    assert attempt.predicted_band == pytest.approx((low, high), rel=1e-3)
    assert searched.costs["available"] is True
    fixed = router.compress(photo, codec="jpeg", settings={"quality": 80}, quality=30).run.attempts[0]
    assert (fixed.predicted_seconds, fixed.predicted_encodings) == (0.25, 1.0)


def test_settings_that_were_not_measured_are_not_predicted(photo: np.ndarray) -> None:
    known(avif=LONG)
    fast = {**AVIF, "settings": {"avif": {"speed": 10}}}
    encoded = router.compress(photo, policy=policy(fast), quality=60)
    assert encoded.record.codec == "avif"
    assert encoded.run.attempts[0].predicted_seconds is None


@settings(max_examples=25, deadline=None)
@given(
    costs=st.fixed_dictionaries({codec: st.sampled_from([SHORT, 1.0, 20.0, 70.0, LONG]) for codec in ("jpeg", "webp", "png")}),
    order=st.permutations(["jpeg", "webp"]),
    encode_ms=st.sampled_from([10_000.0, 40_000.0, 100_000.0]),
)
def test_what_is_over_budget_never_starts(costs: dict[str, float], order: list[str], encode_ms: float) -> None:
    gradient = np.add.outer(np.arange(64), np.arange(64))[..., None].repeat(3, 2).astype(np.uint8)
    known(**costs)
    encoded = router.compress(gradient, policy=policy(classical(*order), lossless("png"), encode_ms=encode_ms), quality=50)
    fits = [codec for codec in (*order, "png") if 1000 * costs[codec] <= encode_ms]
    for attempt in encoded.run.attempts:
        if attempt.outcome == "BUDGET_PREDICTED":
            assert attempt.codec not in fits
            assert attempt.encodings == 0
        elif attempt.codec not in fits:  # the one that was let through at the end
            assert ("BUDGET_OVERRUN" in [r.code for r in encoded.record.reasons]) == (attempt.outcome == "done")
            assert not fits
    assert encoded.record.codec == (fits[0] if fits else "png")


def test_explain_shows_predicted_and_real(samples: Samples, tmp_path: Path) -> None:
    known(webp=0.5)
    arguments = ["compress", str(samples["portrait_hopper"]), "-o", str(tmp_path / "out"), "--codec", "webp", "--quality", "60"]
    shown = CliRunner().invoke(app, [*arguments, "--explain"])
    assert shown.exit_code == 0
    assert "encodings, " in shown.output
    assert "predicted " in shown.output
    machine = CliRunner().invoke(app, [*arguments, "--explain", "--json", "--force"])
    document = json.loads(machine.output)
    assert document["attempts"][0]["predicted_seconds"] > 0
    assert document["costs"]["available"] is True
    assert "predicted_seconds" not in json.dumps(document["record"])
    store.cost_file().write_bytes(b"{}")
    assert "ARTEFACT_DAMAGED" in CliRunner().invoke(app, [*arguments, "--explain", "--force"]).output


def test_a_cold_start_counts(photo: np.ndarray, tmp_path: Path) -> None:
    """In a process that has not loaded torch, the first neural encoding pays for that."""
    store.save(replace(known(ncr=SHORT, png=SHORT), start_up=LONG))
    np.save(tmp_path / "photo.npy", photo)
    code = (
        f"import sys, numpy as np, router\nphoto = np.load({str(tmp_path / 'photo.npy')!r})\n"
        f"encoded = router.compress(photo, policy={policy(NEURAL, lossless('png'))!r}, receiver='self')\n"
        "assert [(a.codec, a.outcome) for a in encoded.run.attempts] == [('ncr', 'BUDGET_PREDICTED'), ('png', 'done')]\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    here = router.compress(photo, policy=policy(NEURAL, lossless("png"), guard="off"), receiver="self")
    assert here.record.codec == "ncr"  # loaded already
