"""Why a rule matched or did not: the condition that decided, the values that made it so, and the policy's words for it."""

import copy

import pytest
from facts_for_policies import Facts
from test_shipped import CHROME, FOREIGN, LARGE, SAFARI_13, UNUSUAL, run

from router.errors import PolicyError
from router.policy.engine import decide
from router.policy.load import load
from router.policy.receiver import Receiver

SELF = Receiver.parse("self")
JPEG = {"lanes": [{"lane": "classical", "codecs": ["jpeg"]}]}
CONTEXT = {"secret": {"type": "string", "default": "s"}, "told": {"type": "double", "default": 2.5, "record": True}}


def policy(when, otherwise=None, then=None, **words):
    rule = {"name": "a", "when": when, "then": {**JPEG, **(then or {})}, **words}
    last = {**JPEG, **(otherwise or {})}
    return load({"schema_version": 1, "name": "p", "context": CONTEXT, "rules": [rule], "otherwise": last})


def failed(when, **facts):
    trace = decide(policy(when), Facts(**facts), SELF).trace[0]
    assert trace.outcome == "not matched"
    return trace.failed


@pytest.mark.parametrize(
    ("when", "sentence"),
    [
        ("image.megapixels <= 0.1", "image.megapixels is 0.393, needs <= 0.1"),
        ("image.width > 9000 && image.height > 9000", "image.width is 768, needs > 9000"),
        ("image.width > 1 && image.height > 9000", "image.height is 512, needs > 9000"),
        ("image.has_alpha", "image.has_alpha is false"),
        ("!source.is_file || image.hdr", "source.is_file is true; image.hdr is false"),
        ("!(source.is_file)", "!(source.is_file) is false"),
        ("(image.width > 1 && (image.bits == 16))", "image.bits is 8, needs 16"),
        ("image.bits != 8", "image.bits is 8, needs another than 8"),
        ('source.format in ["jpeg", "tiff"]', "source.format is png, needs one of jpeg, tiff"),
        ('source.format == "&& || \'"', "source.format is png, needs && || '"),
        ("100 > image.width", "image.width is 768, needs < 100"),
        ("image.megapixels <= (device.gpu ? 65.0 : 0.3)", "image.megapixels is 0.393, needs <= 0.3"),
        ("device.gpu ? image.width > 1 : image.width > 9000", "device.gpu ? image.width > 1 : image.width > 9000 is false"),
        ("image.width * 2 > 1537", "image.width * 2 is 1536, needs > 1537"),
        ("image.megapixels < 0.3932", "image.megapixels is 0.39322, needs < 0.3932"),
        ("gain.available && gain.low > 0.0", "gain.available is false"),
        ("gain.low > 0.1", "gain.low is not known"),
        ("context.told > 3.0", "context.told is 2.5, needs > 3"),
        ('context.secret == "open"', 'context.secret == "open": false, its values are not recorded'),
        ("image.width > // a && b\n 9000", "image.width is 768, needs > 9000"),
        ("image . width > 9000", "image . width is 768, needs > 9000"),
        ("[1, 2, 3].exists(x, x > 3 && true)", "[1, 2, 3].exists(x, x > 3 && true) is false"),
        ("1 / (image.width - 768) > 0 && image.bits == 16", "image.bits is 8, needs 16"),
    ],
)
def test_the_first_false_condition_with_its_value(when, sentence):
    assert failed(when) == sentence


def test_of_many_alternatives_three_are_named():
    assert failed(" || ".join(f"image.width > {n}" for n in range(1000, 1006))).endswith("needs > 1002; 3 more")


def test_brackets_around_brackets():
    assert failed("(" * 14 + "image.width > 9000" + ")" * 14) == "image.width is 768, needs > 9000"


def test_the_text_decides_which_is_first_and_nothing_is_read_for_it():
    facts = Facts()
    trace = decide(policy("image.gray && ood.available && image.width > 9000"), facts, SELF).trace[0]
    assert trace.failed == "image.width is 768, needs > 9000"
    assert not facts.read & {"image.gray", "ood.available"}


def test_words_with_values():
    words = {"image.width": "{value} px, over {limit}, {image.megapixels} MP, {ood.p_value}, {context.told}"}
    decision = decide(policy("image.width < 100", {"why_not": "a"}, if_not=words), Facts(), SELF)
    said = "768 px, over 100, 0.393 MP, unknown, 2.5"
    assert decision.trace[0].words == said
    assert decision.reasons[0].detail == f"otherwise: {said}"
    assert decision.trace[0].to_dict()["failed"] == "image.width is 768, needs < 100"


def test_what_has_no_words_is_told_in_ours():
    decision = decide(policy("image.width < 100", {"reason": "jpeg", "why_not": "a"}), Facts(), SELF)
    assert decision.reasons[0].detail == "otherwise: jpeg; image.width is 768, needs < 100"


def test_because():
    words = {"image.width": "{value} px", "image.bits": "{value} bits", "source.bpp": "never"}
    p = policy("(source.bpp < 1.0 || image.width > 100) && image.bits == 8", then={"reason": "so"}, because=words)
    assert decide(p, Facts(), SELF).reasons[0].detail == "a: so: 768 px, 8 bits"


def test_a_reason_takes_values_and_leaves_other_braces():
    p = policy("true", then={"reason": "{image.width} of {} {nothing.here} {context.secret}"})
    assert decide(p, Facts(), SELF).reasons[0].detail == "a: 768 of {} {nothing.here} unknown"


def test_a_context_value_is_shown_on_one_line_and_short():
    text = {"type": "string", "default": "", "record": True}
    data = {"schema_version": 1, "name": "p", "context": {"x": text}, "otherwise": {**JPEG, "reason": "{context.x}"}}
    detail = decide(load(data), Facts(), SELF, context={"x": "a\nb" + "c" * 900}).reasons[0].detail
    assert detail.startswith("otherwise: a bccc")
    assert len(detail) <= 111


@pytest.mark.parametrize(
    ("rule", "action", "problem"),
    [
        ({"if_not": {"image.hight": "x"}}, {}, r"rules\[0\].if_not.image.hight: image.hight is no input"),
        ({"because": {"image.width": "{image.witdh}"}}, {}, "image.witdh is no input"),
        ({"because": {"image.width": "{context.secret}"}}, {}, "context.secret is not recorded"),
        ({"because": {"image.width": "{"}}, {}, "braces are for values"),
        ({"because": {"image.width": "two\nlines"}}, {}, "control characters or line breaks"),
        ({"because": {"image.width": "\x1b[31m"}}, {}, "control characters or line breaks"),
        ({"because": {"image.width": "x" * 121}}, {}, "at most 120"),
        ({"because": {"image.width": ""}}, {}, "at least 1"),
        ({"because": {"width": "x"}}, {}, "width is no input.*Did you mean image.width"),
        ({}, {"why_not": "b"}, "there is no earlier rule b"),
    ],
)
def test_words_are_checked_when_a_policy_loads(rule, action, problem):
    with pytest.raises(PolicyError, match=problem):
        policy("image.width > 1", action, **rule)


def test_a_rule_explains_an_earlier_one_only():
    with pytest.raises(PolicyError, match="no earlier rule a"):
        policy("true", then={"why_not": "a"})


def test_words_count_for_the_hash_and_their_absence_does_not():
    plain, empty = policy("image.width > 1"), policy("image.width > 1", if_not={}, because={})
    assert plain.sha256 == empty.sha256
    assert plain.sha256 != policy("image.width > 1", if_not={"image.width": "narrow"}).sha256
    assert copy.deepcopy(policy("image.width > 1", if_not={"image.width": "narrow"})).sha256 != plain.sha256


BALANCED = [
    ({"receiver": None}, 'no receiver given: add --receiver self, or receiver="self" in Python, to allow the neural lane'),
    ({"receiver": CHROME}, "the receiver does not name image/x-ncr, so no neural lane"),
    ({"receiver": None, "image": {"gray": True, "colours": 200}}, "gray, and this policy's neural lane is for colour"),
    ({"image": {"width": 32}}, "32 px wide, under this policy's 64 for the neural lane"),
    ({"image": {"megapixels": 13.04}}, "13.04 MP, over this policy's 13 for the neural lane"),
    ({"quality": 95}, "quality 95 is asked for, and this policy's neural lane is for less than 90"),
    ({"device": {"neural_available": False}}, "neural extra not installed"),
    ({"context": {"allow_neural": False}}, "the caller switched the neural lane off (allow_neural is false)"),
    ({"ood": {"available": False}}, "no detector gave a score, so no neural lane"),
    ({"image": LARGE}, "large, so AVIF at a fast setting if it is taken; 24 MP, over this policy's 13 for the neural lane"),
    ({"ood": FOREIGN}, "out of distribution: unlike what the neural codec knows (p-value 0.008)"),
    ({"ood": UNUSUAL}, "neural only if measured to be a tenth smaller; unusual for a photograph (p-value 0.03)"),
    ({"image": {"colours": 40}}, "only 40 colours (a graphic: at most 64)"),
    ({"source": {"bpp": 0.2}}, "a lossless file with 0.2 bits per pixel (a graphic: at most 0.25)"),
    ({"image": {"gray": True, "colours": 16}}, "only 16 colours (a graphic: at most 16)"),
]


@pytest.mark.parametrize(("asked", "sentence"), BALANCED)
def test_balanced_names_what_decided(asked, sentence):
    decision, _ = run("balanced", **asked)
    assert decision.reasons[0].detail == f"{decision.rule}: {sentence}"


def test_balanced_names_the_expected_saving():
    little, none = "expected to save 12 %, and not the 15 % that need no proof", "no smaller (saving -5 %)"
    for saving, sentence in ((0.12, little), (-0.05, none)):
        gain = {"available": True, "bytes_saved": saving, "low": 0.0, "high": 0.2}
        decision = decide(load("balanced"), Facts(gain=gain), SELF, neural_model=lambda codec: "m1")
        assert decision.reasons[0].detail.endswith(sentence)


@pytest.mark.parametrize(
    ("receiver", "image", "sentence"),
    [
        (None, {}, "legacy: a format that every client shows: no Accept value given (--receiver, or receiver= in Python)"),
        (SAFARI_13, {}, "legacy: a format that every client shows: the client names no AVIF, WebP or JPEG XL"),
        (
            SAFARI_13,
            {"colours": 20},
            "legacy-graphics: PNG, which every browser shows: the client names no AVIF, WebP or JPEG XL, only 20 colours",
        ),
        (CHROME, {"colours": 20}, "graphics: only 20 colours (a graphic: at most 64)"),
    ],
)
def test_web_names_what_decided(receiver, image, sentence):
    assert run("web", receiver, image)[0].reasons[0].detail == sentence


def test_codecs_that_are_passed_over_say_why():
    decision, _ = run("web", CHROME, LARGE)
    assert [r.detail for r in decision.reasons[1:]] == [
        "24 MP, over this policy's 8.5",
        "the receiver does not take image/jxl",
    ]
