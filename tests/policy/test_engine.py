"""Deciding: order, laziness, errors, consent, precedence."""

import copy
import json

import pytest
from facts_for_policies import Facts
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import InputError, NoLaneError, UsageError
from router.policy.context import parse_context
from router.policy.engine import decide
from router.policy.inputs import unavailable
from router.policy.load import load
from router.policy.receiver import Receiver
from router.reasons import ReasonCode

SELF = Receiver.parse("self")
NOBODY = Receiver.parse(None)
AVIF = {"lanes": [{"lane": "classical", "codecs": ["avif"]}]}
JPEG = {"lanes": [{"lane": "classical", "codecs": ["jpeg"]}]}
PNG = {"lanes": [{"lane": "lossless", "codecs": ["png"]}]}
NEURAL = {"lanes": [{"lane": "neural", "codecs": ["ncr"]}, *AVIF["lanes"]]}


def policy(*rules, otherwise=JPEG, **more):
    entries = [{"name": name, "when": when, "then": then} for name, when, then in rules]
    return load({"schema_version": 1, "name": "p", "rules": entries, "otherwise": otherwise, **more})


def codes(decision):
    return [reason.code for reason in decision.reasons]


def outcomes(decision):
    return [(trace.rule, trace.outcome) for trace in decision.trace]


def test_first_match_wins():
    p = policy(("a", "image.width > 9000", PNG), ("b", "image.width > 1", AVIF), ("c", "true", PNG))
    decision = decide(p, Facts(), SELF)
    assert (decision.rule, decision.lane, decision.codec) == ("b", "classical", "avif")
    assert outcomes(decision) == [("a", "not matched"), ("b", "matched"), ("c", "not reached")]
    assert decision.trace[0].detail == "image.width = 768"
    assert codes(decision) == [ReasonCode.RULE_MATCHED]


def test_otherwise():
    decision = decide(policy(("a", "image.width > 9000", PNG)), Facts(), SELF)
    assert (decision.rule, decision.codec) == ("otherwise", "jpeg")
    assert decide(policy(), Facts(), SELF).trace == ()


def test_groups_are_asked_for_once_and_only_when_needed():
    p = policy(
        ("a", "image.width > 9000", PNG),
        ("b", "image.height > 9000 && source.is_file", PNG),
        ("c", "ood.available && image.bits == 8", AVIF),
        ("d", "gain.available", PNG),
    )
    facts = Facts()
    decide(p, facts, SELF)
    assert facts.asked == ["image", "source", "ood"]
    assert "gain" not in facts.asked


def test_a_dear_input_is_not_asked_for_when_cheap_ones_settle_it():
    when = "ood.in_distribution && image.colours > 4 && image.bits == 16"
    facts = Facts()
    decision = decide(policy(("a", when, NEURAL)), facts, SELF)
    assert facts.asked == ["image"]
    assert facts.read == {"image.bits"}
    assert decision.trace[0].inputs == {"image.bits": 8}
    facts = Facts(image={"bits": 16, "colours": 2})
    decide(policy(("a", when, NEURAL)), facts, SELF)
    assert facts.read == {"image.bits", "image.colours"}


def test_a_whole_model_group_is_evidence():
    decision = decide(policy(("a", "ood.in_distribution", NEURAL)), Facts(), SELF)
    assert decision.inputs["ood"] == {
        "available": True, "score": 1.5, "p_value": 0.4, "in_distribution": True, "detector": "d1",
    }  # fmt: skip
    assert decision.lane == "neural"


@pytest.mark.parametrize("name", ["archival", "medical", "realtime", "web"])
def test_these_never_ask_for_the_detector(name):
    for source in ({}, {"format": "jpeg", "lossy": True, "transcodable": True}, {"format": "webp", "lossy": True}):
        for receiver in ("self", None, "image/avif,*/*"):
            facts = Facts(source=source)
            decide(load(name), facts, Receiver.parse(receiver))
            assert not {"ood", "gain", "cost", "device"} & set(facts.asked)


def test_a_rule_that_errs_goes_to_on_error():
    p = policy(("bad", "image.width / (image.height - image.height) > 1", NEURAL), ("next", "true", NEURAL), on_error=PNG)
    decision = decide(p, Facts(), SELF)
    assert (decision.rule, decision.codec) == ("on_error", "png")
    assert outcomes(decision) == [("bad", "error"), ("next", "not reached")]
    assert decision.reasons[0].code is ReasonCode.RULE_ERROR
    assert "bad" in decision.reasons[0].detail
    assert "divide by zero" in decision.trace[0].error


@pytest.mark.parametrize("otherwise", [NEURAL, {"lanes": NEURAL["lanes"][:1]}])
def test_an_error_never_leads_to_neural(otherwise):
    decision = decide(policy(("bad", "1 / (image.width - 768) > 0", NEURAL), otherwise=otherwise), Facts(), SELF)
    assert all(plan.lane != "neural" for plan in decision.lanes)


def test_a_resolver_that_refuses_is_a_rule_error_with_its_code():
    error = InputError("cut off", code=ReasonCode.DAMAGED_IMAGE)
    decision = decide(policy(("a", "ood.in_distribution", NEURAL)), Facts(fail={"ood": error}), SELF)
    assert decision.rule == "on_error"
    assert codes(decision) == [ReasonCode.RULE_ERROR, ReasonCode.DAMAGED_IMAGE]


@pytest.mark.parametrize("error", [RuntimeError("CUDA out of memory"), MemoryError(), KeyError("x")])
def test_a_detector_that_crashes_does_not_stop_the_flow(error):
    decision = decide(policy(("a", "ood.in_distribution", NEURAL)), Facts(fail={"ood": error}), SELF)
    assert (decision.rule, decision.lane) == ("on_error", "classical")
    assert codes(decision) == [ReasonCode.RULE_ERROR, ReasonCode.INTERNAL_ERROR]


@pytest.mark.parametrize("ood", [{"p_value": float("nan")}, {"score": "high"}, {"in_distribution": 1}, {"detector": None}])
def test_wrong_values_are_rule_errors(ood):
    assert decide(policy(("a", "ood.in_distribution", NEURAL)), Facts(ood=ood), SELF).rule == "on_error"


def test_unavailable_scores_fail_closed():
    for values in (unavailable("ood"), {"available": False, "score": float("nan"), "p_value": float("nan")}):
        for when in ("ood.p_value > 0.05", "ood.score < 1000.0", "ood.in_distribution"):
            decision = decide(policy(("a", when, NEURAL)), Facts(ood=values), SELF)
            assert decision.lane == "classical"
            assert ReasonCode.DETECTOR_UNAVAILABLE in codes(decision)
            assert decision.inputs["ood"]["p_value"] == -1.0


def test_flags_rule_over_values():
    when = "source.bpp == 0.0 && source.bytes == 0 && !source.lossy"
    facts = Facts(source={"is_file": False, "lossy_known": False, "bytes": 7, "bpp": 9.0, "lossy": True})
    assert decide(policy(("a", when, PNG)), facts, SELF).rule == "a"


@pytest.mark.parametrize(
    ("receiver", "left"),
    [
        ("self", ["neural", "transcode", "classical", "lossless", "passthrough"]),
        (None, ["transcode", "classical", "lossless", "passthrough"]),
        ("image/*", ["classical", "lossless", "passthrough"]),
        ("image/webp", ["classical"]),
        ({"accept": "image/x-ncr", "models": ["m1"]}, ["neural"]),
        ({"accept": "image/x-ncr,image/jxl", "models": ["m2"]}, ["transcode"]),
    ],
)
def test_what_the_receiver_does_not_take_is_removed(receiver, left):
    lanes = [
        {"lane": "neural", "codecs": ["ncr"]},
        {"lane": "transcode", "codecs": ["jxl-transcode"]},
        {"lane": "classical", "codecs": ["webp", "jpeg"]},
        {"lane": "lossless", "codecs": ["png"]},
        {"lane": "passthrough"},
    ]
    facts = Facts(source={"format": "jpeg"})
    decision = decide(policy(otherwise={"lanes": lanes}), facts, Receiver.parse(receiver), neural_model=lambda codec: "m1")
    assert [plan.lane for plan in decision.lanes] == left
    for reason in decision.reasons[1:]:
        assert reason.code is (ReasonCode.NEURAL_NO_CONSENT if reason.lane == "neural" else ReasonCode.RECEIVER_DOES_NOT_ACCEPT)


def test_without_a_model_id_the_codec_id_must_be_listed():
    receiver = Receiver.parse({"accept": "image/x-ncr, image/avif", "models": ["ncr"]})
    assert decide(policy(otherwise=NEURAL), Facts(), receiver).lane == "neural"
    assert decide(policy(otherwise=NEURAL), Facts(), receiver, neural_model=lambda codec: "m1").lane == "classical"


def test_nothing_left_is_an_error_and_otherwise_is_not_used():
    p = policy(("only-neural", "true", {"lanes": NEURAL["lanes"][:1]}), otherwise=JPEG)
    with pytest.raises(NoLaneError) as caught:
        decide(p, Facts(), Receiver.parse("image/jpeg,image/png"))
    assert [reason.code for reason in caught.value.attempts] == [ReasonCode.RULE_MATCHED, ReasonCode.NEURAL_NO_CONSENT]
    assert caught.value.exit_code == 4


def test_passthrough_needs_bytes():
    p = policy(otherwise={"lanes": [{"lane": "passthrough"}, *PNG["lanes"]]})
    assert decide(p, Facts(), SELF).codec is None
    bare = decide(p, Facts(source={"format": "array", "is_file": False}), SELF)
    assert (bare.lane, bare.reasons[1].code) == ("lossless", ReasonCode.NOT_A_FILE)


def test_plugin_codecs():
    lane = {"lane": "classical", "codecs": ["plugin:heic", "avif"], "settings": {"plugin:heic": {"effort": 3}}}
    p = policy(otherwise={"lanes": [lane]})
    media = {"heic": "image/heic", "avif": "image/avif"}.get
    decision = decide(p, Facts(), SELF, codec_media=media)
    assert decision.lanes[0].codecs == ("heic", "avif")
    assert decision.lanes[0].settings == {"heic": {"effort": 3}}
    absent = decide(p, Facts(), SELF)
    assert absent.codec == "avif"
    assert absent.reasons[1].code is ReasonCode.UNKNOWN_CODEC


def test_pixel_budgets():
    lanes = [{"lane": "classical", "codecs": ["avif", "webp"]}]
    by_codec = policy(otherwise={"lanes": lanes, "budgets": {"max_megapixels": {"avif": 0.2}, "encode_ms": 50.0}})
    decision = decide(by_codec, Facts(), SELF)
    assert decision.lanes[0].codecs == ("webp",)
    assert decision.reasons[1].code is ReasonCode.BUDGET_EXCEEDED
    assert decision.budgets.encode_ms == 50.0
    with pytest.raises(NoLaneError):
        decide(policy(otherwise={"lanes": lanes, "budgets": {"max_megapixels": 0.2}}), Facts(), SELF)
    assert decide(policy(otherwise={"lanes": lanes, "budgets": {"max_megapixels": 9}}), Facts(), SELF).codec == "avif"


def test_target_precedence():
    def aim(otherwise=JPEG, defaults=None, **asked):
        decision = decide(policy(otherwise=otherwise, defaults=defaults or {}), Facts(), SELF, **asked)
        return decision.target.metric, decision.target.value

    assert aim() == ("ssimulacra2", 70.0)
    assert aim(defaults={"quality": 60}) == ("ssimulacra2", 60.0)
    assert aim({**JPEG, "quality": 80}, {"quality": 60}) == ("ssimulacra2", 80.0)
    assert aim({**JPEG, "quality": 80}, quality=50) == ("ssimulacra2", 50.0)
    assert aim({**JPEG, "quality": 80}, target={"metric": "psnr", "value": 38}) == ("psnr", 38.0)
    assert aim({**JPEG, "quality": 80, "fixed_target": True}, quality=50) == ("ssimulacra2", 80.0)


def test_a_fixed_target_says_so():
    p = policy(otherwise={**JPEG, "quality": 80, "fixed_target": True})
    assert ReasonCode.TARGET_FIXED_BY_POLICY in codes(decide(p, Facts(), SELF, quality=50))
    assert ReasonCode.TARGET_FIXED_BY_POLICY not in codes(decide(p, Facts(), SELF, quality=80))
    assert ReasonCode.TARGET_FIXED_BY_POLICY not in codes(decide(p, Facts(), SELF))


def test_rules_see_the_target_in_force_before_an_action():
    p = policy(("high", "target.quality >= 90.0", PNG), ("other", "target.quality == -1.0", AVIF), defaults={"quality": 95})
    assert decide(p, Facts(), SELF).rule == "high"
    assert decide(p, Facts(), SELF, quality=50).rule == "otherwise"
    assert decide(p, Facts(), SELF, target={"metric": "max_bytes", "value": 5000}).rule == "other"


@pytest.mark.parametrize(
    "arguments",
    [
        {"quality": 101}, {"quality": float("nan")}, {"quality": True}, {"quality": "70"},
        {"target": {"metric": "x", "value": 1}},
        {"target": {"metric": "psnr"}}, {"quality": 70, "target": {"metric": "psnr", "value": 40}}, {"metadata": "some"},
        {"context": {"nope": 1}}, {"context": {"years": "3"}}, {"context": {"years": True}}, {"context": {"years": 1 << 70}},
        {"context": {"ratio": float("inf")}}, {"context": {"text": 3}}, {"context": {"text": "\ud800"}}, {"context": {1: 2}},
        {"context": {"text": "x" * 2000}},
    ],
)  # fmt: skip
def test_wrong_arguments(arguments):
    context = {
        "years": {"type": "int", "default": 1},
        "ratio": {"type": "double", "default": 1},
        "text": {"type": "string", "default": ""},
    }
    with pytest.raises(UsageError) as caught:
        decide(policy(context=context), Facts(), SELF, **arguments)
    assert caught.value.code is ReasonCode.BAD_ARGUMENT


CONTEXT = {
    "years": {"type": "int", "default": 10, "record": True},
    "patient": {"type": "string", "default": "nobody"},
    "ratio": {"type": "double", "default": 2},
    "urgent": {"type": "bool", "default": False, "record": True},
}


def test_context():
    p = policy(("a", "context.years > 20 && context.patient != '' && context.ratio > 1.0", PNG), context=CONTEXT)
    decision = decide(p, Facts(), SELF, context={"years": 30, "patient": "Jane Roe", "ratio": 3})
    assert decision.rule == "a"
    assert decision.context_recorded == {"years": 30, "urgent": False}
    assert "Jane Roe" not in json.dumps(decision.to_dict())
    assert decision.trace[0].inputs["context.patient"] == "(not recorded)"
    assert decide(p, Facts(), SELF).rule == "otherwise"


def test_context_from_text():
    p = policy(context=CONTEXT).policy
    assert parse_context(p, {"years": "30", "patient": "30", "ratio": "0.5", "urgent": "true"}) == {
        "years": 30, "patient": "30", "ratio": 0.5, "urgent": True,
    }  # fmt: skip
    for bad in ({"years": "3.5"}, {"urgent": "yes"}, {"ratio": "wide"}, {"yeers": "3"}):
        with pytest.raises(UsageError):
            parse_context(p, bad)


def test_settings_metadata_and_guard():
    action = {"lanes": [{"lane": "classical", "codecs": ["avif"], "settings": {"avif": {"speed": 8}}}], "guard": "strict"}
    p = policy(otherwise=action, defaults={"metadata": "strip", "guard": {"level": "fast", "quantile": 0.9}})
    decision = decide(p, Facts(), SELF)
    assert (decision.guard, decision.guard_quantile, decision.metadata) == ("strict", 0.99, "strip")
    del action["guard"]
    by_default = decide(policy(otherwise=action, defaults={"guard": {"level": "fast", "quantile": 0.9}}), Facts(), SELF)
    assert (by_default.guard, by_default.guard_quantile) == ("fast", 0.9)
    assert decide(p, Facts(), SELF, metadata="keep").metadata == "keep"
    decision.lanes[0].settings["avif"]["speed"] = 1
    assert decide(p, Facts(), SELF).lanes[0].settings == {"avif": {"speed": 8}}


def test_to_dict_is_json():
    decision = decide(load("balanced"), Facts(), SELF, neural_model=lambda codec: "m1")
    data = json.loads(json.dumps(decision.to_dict()))
    assert data["lane"] == "neural"
    assert data["target"] == {"metric": "ssimulacra2", "value": 70.0}
    assert data["inputs"]["ood"]["p_value"] == 0.4
    assert [trace["outcome"] for trace in data["trace"]][-5:] == ["matched", *["not reached"] * 4]


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, 20000), height=st.integers(1, 20000), bits=st.sampled_from([8, 16]), colours=st.integers(1, 65536),
    gray=st.booleans(), alpha=st.booleans(), hdr=st.booleans(), wide=st.booleans(), lossy=st.booleans(), in_dist=st.booleans(),
    available=st.booleans(), bpp=st.floats(0.01, 48), quality=st.floats(0, 100), accept=st.sampled_from(
        [None, "self", "*/*", "image/avif,image/webp,*/*;q=0.8", "image/jpeg", "image/png", "image/x-ncr,image/png"]),
    name=st.sampled_from(["balanced", "web", "archival", "medical", "realtime"]), form=st.sampled_from(["jpeg", "png", "array"]),
)  # fmt: skip
def test_laws_of_the_shipped_policies(
    width, height, bits, colours, gray, alpha, hdr, wide, lossy, in_dist, available, bpp, quality, accept, name, form
):
    """Deterministic; neural only with consent, a score, and in distribution; nothing the receiver did not take; no errors."""
    facts = Facts(
        image={"width": width, "height": height, "megapixels": width * height / 1e6, "bits": bits, "colours": colours,
               "gray": gray, "has_alpha": alpha, "alpha_used": alpha, "hdr": hdr, "wide_gamut": wide},
        source={"format": form, "is_file": form != "array", "lossy": lossy, "bpp": bpp, "transcodable": form == "jpeg"},
        ood={"available": available, "in_distribution": in_dist},
    )  # fmt: skip
    receiver = Receiver.parse(accept)
    try:
        decision = decide(load(name), facts, receiver, quality=quality)
    except NoLaneError as error:
        refused = {reason.code for reason in error.attempts[1:]}
        assert refused <= {ReasonCode.RECEIVER_DOES_NOT_ACCEPT, ReasonCode.NOT_A_FILE}
        return
    assert decision.rule != "on_error"
    assert decision == decide(load(name), copy.deepcopy(facts), receiver, quality=quality)
    if any(plan.lane == "neural" for plan in decision.lanes):
        assert accept == "self"
        assert available
        assert in_dist
        assert bits == 8
        assert not hdr
    if not receiver.accepts("image/avif"):
        assert "avif" not in {codec for plan in decision.lanes for codec in plan.codecs}
