"""What an Accept value proves, and when the neural lane is open."""

import contextlib

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
        ("image/webp;q=0;q=1", set()),
        ("image/webp;q=1;Q=0.0", set()),
        ("image/webp;q=0;x=1, image/webp", set()),
        ("image/webp;q=0.5;x=1", {"image/webp"}),
        ("image/webp;x=1;q=0, image/webp", {"image/webp"}),
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
        "Self", "a" * 9000, "image/webp\n", "image/webp\r\n", "\n", ",\n", " \n", "image/webp;q=1\n", 'image/webp;x="a"\n',
        'image/webp;q="0"', "image/webp;q=1e9", "image/webp;q=00", "image/webp;q=+0", "image/webp;q=\uff10", "image/webp\x00",
    ],
)  # fmt: skip
def test_malformed_accept_is_refused(accept):
    with pytest.raises(UsageError) as caught:
        Receiver.parse(accept)
    assert caught.value.code is ReasonCode.BAD_ARGUMENT


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='imagewbp/*;q=0.1, x-ncr"\\\t\n\r', max_size=40))
def test_any_text_is_parsed_or_refused(text):
    try:
        receiver = Receiver.parse(text)
    except UsageError:
        return
    assert receiver.accepts("image/x-ncr") <= ("x-ncr" in text or text == "self")


_FORMS = st.sampled_from(["", ";q=1", ";q=0", ";Q=0.0", ";q=0.5", ";q=1;q=0", ";q=0;q=1", ";x=1", ";x=1;q=0", ";q=0;x=1"])


@given(st.lists(_FORMS, min_size=1, max_size=4))
def test_one_exclusion_anywhere_is_no_consent(forms):
    accept = ", ".join(f"image/x-ncr{form}" for form in forms)
    receiver = Receiver.parse({"accept": accept, "models": ["m1"]})
    excluded = any("q=0;" in f"{form.lower()};" or "q=0.0" in form.lower() for form in forms)
    plain = any(not form.startswith(";x") for form in forms)
    assert receiver.neural_consent("m1") is (plain and not excluded)


@pytest.mark.parametrize(
    "unit", [" ", "\t", ",", ";", " ;", "; ", "a", "a/b,", "a/b;q=1,", 'a/b;x="', '\\"', "a/b ", ",\n", "*/*"]
)
def test_the_longest_accept_values_are_read_or_refused(unit):
    for head in ("", "image/webp", "image/webp;", 'image/webp;x="'):
        text = (head + unit * 8192)[:8191]
        for end in ("", "\n", '"', ","):
            with contextlib.suppress(UsageError):
                Receiver.parse(text + end)


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
        ("image/x-ncr;q=0;q=1", ["m1"], False),
        ("image/x-ncr;q=1;q=0", ["m1"], False),
        ("IMAGE/X-NCR;Q=0;q=1", ["m1"], False),
        ("image/x-ncr;q=0.000, image/x-ncr", ["m1"], False),
        ("image/x-ncr, Image/X-NCR;q=0", ["m1"], False),
        ("image/x-ncr;x=1;q=0, image/x-ncr", ["m1"], False),
        ("image/x-ncr;x=1", ["m1"], False),
        ("image/x-ncr;q=0.001", ["m1"], True),
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
