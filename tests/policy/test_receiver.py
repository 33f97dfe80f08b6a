"""What an Accept value proves, and when the neural lane is open."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import UsageError
from router.policy.receiver import Receiver
from router.reasons import ReasonCode

CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
STANDARD = ("image/jpeg", "image/png", "image/webp", "image/avif", "image/jxl")


@pytest.mark.parametrize(
    ("accept", "taken"),
    [
        (CHROME, {"image/jpeg", "image/png", "image/gif", "image/webp", "image/avif"}),
        ("*/*", {"image/jpeg", "image/png", "image/gif"}),
        ("image/*", {"image/jpeg", "image/png", "image/gif"}),
        ("image/*;q=0, */*", set()),
        ("image/webp;q=0, image/*", {"image/jpeg", "image/png", "image/gif"}),
        ("IMAGE/AVIF;Q=0.5", {"image/avif"}),
        ("image/jpeg;q=0.000, */*;q=1.000", {"image/png", "image/gif"}),
        (" ,, image/jxl\t;  q=0.1 ,", {"image/jxl"}),
        ('image/webp;note="a,b;q=0"', set()),
        ("image/webp, image/webp;q=0", set()),
        ("text/html", set()),
        ("image/webp;", {"image/webp"}),
    ],
)
def test_accept(accept, taken):
    receiver = Receiver.parse(accept)
    types = {*STANDARD, "image/gif", "image/x-ncr"}
    assert {media for media in types if receiver.accepts(media)} == taken
    assert receiver.known


@pytest.mark.parametrize(
    "accept",
    [
        "webp", "image", "image/", "/webp", "*/webp", "image/webp q=1", "image/webp;q=1.5", "image/webp;q=", "image/webp;q",
        "image/webp;q=0.1234", "image/webp;q=-1", "image/a b", "image/webp;;x", "image/webp;q=nan", "*", "image/webp;x=\"open",
        "Self", "a" * 9000,
    ],
)  # fmt: skip
def test_malformed_accept_is_refused(accept):
    with pytest.raises(UsageError) as caught:
        Receiver.parse(accept)
    assert caught.value.code is ReasonCode.BAD_ARGUMENT


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='imagewbp/*;q=0.1, x-ncr"\\\t', max_size=40))
def test_any_text_is_parsed_or_refused(text):
    try:
        receiver = Receiver.parse(text)
    except UsageError:
        return
    assert receiver.accepts("image/x-ncr") <= ("x-ncr" in text or text == "self")


def test_no_word_means_standard_formats_and_no_neural():
    for value in (None, "", " , ", {"accept": None}, {"models": ["m1"]}):
        receiver = Receiver.parse(value)
        assert not receiver.known
        assert all(receiver.accepts(media) for media in STANDARD)
        assert not receiver.accepts("image/x-ncr")
        assert not receiver.neural_consent("m1")


def test_self_takes_everything():
    receiver = Receiver.parse("self")
    assert receiver.known
    assert receiver.accepts("image/x-anything")
    assert receiver.neural_consent("whatever")


@pytest.mark.parametrize(
    ("accept", "models", "consent"),
    [
        ("image/x-ncr", ["m1"], True),
        ("image/x-ncr;q=0.1, */*", ["m0", "m1"], True),
        ("image/x-ncr", ["m2"], False),
        ("image/x-ncr", [], False),
        ("image/x-ncr;q=0, */*", ["m1"], False),
        ("image/*", ["m1"], False),
        ("*/*", ["m1"], False),
        (CHROME, ["m1"], False),
    ],
)
def test_consent_needs_the_literal_type_and_the_model(accept, models, consent):
    assert Receiver.parse({"accept": accept, "models": models}).neural_consent("m1") is consent


def test_parse_is_idempotent():
    receiver = Receiver.parse({"accept": CHROME, "models": ("a",)})
    assert Receiver.parse(receiver) is receiver
    assert receiver.models == ("a",)


@pytest.mark.parametrize(
    "value",
    [7, ["self"], {"acept": "*/*"}, {"accept": 3}, {"models": "m1"}, {"models": [1]}, {"models": [""]}, {"models": ["m"] * 65},
     {"models": ["a\nb"]}],
)  # fmt: skip
def test_other_values_are_refused(value):
    with pytest.raises(UsageError) as caught:
        Receiver.parse(value)
    assert caught.value.code is ReasonCode.BAD_ARGUMENT
