"""The CEL adapter: errors at load with a position, names from the checked tree, values that never stop the flow."""

import math
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import PolicyError
from router.policy.expressions import MAX_EXPRESSION_LENGTH, Environment, canonical
from router.policy.inputs import INPUTS

ENV = Environment({"modality": "string", "years": "int"})


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("true", ()),
        ("image.width > 1", ("image.width",)),
        ("source.format == 'ood.p_value' // ood.score", ("source.format",)),
        ("ood .\n p_value > 0.1", ("ood.p_value",)),
        (".ood.available", ("ood.available",)),
        ("false && ood.available", ("ood.available",)),
        ("receiver.models.exists(ood, ood == 'a')", ("receiver.models",)),
        ("context.modality in ['CR', r'ood.score'] || context.years > 3", ("context.modality", "context.years")),
        ('image.mode == """gain.low\n"""', ("image.mode",)),
        ("'x'.matches(source.format)", ("source.format",)),
    ],
)
def test_names_are_those_really_read(text, names):
    assert ENV.compile(text).names == names


def test_every_input_compiles_under_its_declared_type():
    for key, entry in INPUTS.items():
        probe = {"bool": key, "int": f"{key} > 1", "double": f"{key} > 1.0", "string": f"{key} == ''"}
        condition = ENV.compile(probe.get(entry.type, f"'a' in {key}"))
        assert condition.names == (key,)


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("ood.pvalue > 0.1", 1, 1, "unknown input 'ood.pvalue'"),
        ("image.width > 1 &&\n  ood.x > 2.0", 2, 3, "ood.x"),
        ("image.megapixels > 1", 1, 18, "no matching overload"),
        ("image.width >", 1, 14, "Syntax error"),
        ("image.width + 1", 1, 1, "must be bool"),
        ("dyn(true)", 1, 1, "must be bool"),
        ("context.nobody", 1, 1, "context.nobody"),
        ("image", 1, 1, "unknown input 'image'"),
        ("image['width'] > 1", 1, 1, "unknown input 'image'"),
    ],
)
def test_errors_have_a_position(text, line, column, says):
    with pytest.raises(PolicyError, match=says) as caught:
        ENV.compile(text)
    assert (caught.value.details["expression_line"], caught.value.details["expression_column"]) == (line, column)


def test_hints():
    hints = {}
    for text in ("ood.pvalue > 0.1", "context.nothing_like_it", "image.megapixels > 1"):
        with pytest.raises(PolicyError) as caught:
            ENV.compile(text)
        hints[text] = caught.value.hint
    assert hints == {
        "ood.pvalue > 0.1": "Did you mean ood.p_value?",
        "context.nothing_like_it": "Declare the key under `context:` first",
        "image.megapixels > 1": "Doubles are written with a point: 1.0",
    }


@pytest.mark.parametrize("text", ["(" * 900 + "true" + ")" * 900, "x" * (MAX_EXPRESSION_LENGTH + 1), "\ud800", "a\x00b", ""])
def test_hostile_text_is_refused(text):
    with pytest.raises(PolicyError):
        ENV.compile(text)


def test_values_and_errors():
    condition = ENV.compile("image.width / image.height > 1")
    assert condition.evaluate({"image.width": 6, "image.height": 2}).value is True
    assert "divide by zero" in condition.evaluate({"image.width": 6, "image.height": 0}).error
    assert "image.height" in condition.evaluate({"image.width": 6}).error
    assert condition.evaluate({"image.width": "a", "image.height": 2}).value is None
    assert ENV.compile("source.format == 'x'").evaluate({"source.format": "\ud800"}).value is None


def test_a_result_without_some_input_is_final():
    condition = ENV.compile("ood.in_distribution && image.bits == 8 || image.gray")
    for known in ({"image.bits": 16, "image.gray": False}, {"image.gray": True}):
        early = condition.evaluate(known).value
        assert early is not None
        for ood in (True, False):
            for bits in (8, 16):
                assert condition.evaluate({"ood.in_distribution": ood, "image.bits": bits, **known}).value is early
    assert condition.evaluate({"image.bits": 8, "image.gray": False}).value is None


def test_comprehension_bombs_run_out_of_budget():
    numbers = "[" + ",".join("1" * 30) + "]"
    bomb = ENV.compile(f"{numbers}.all(a, {numbers}.all(b, {numbers}.all(c, {numbers}.all(d, a + b + c + d > 0))))")
    outcome = bomb.evaluate({})
    assert outcome.value is None
    assert "budget" in outcome.error


INFINITE = [
    "1.0 / ZERO > 1.0", "ZERO / ZERO != 1.0", "-1.0 / ZERO < 1.0", "1e308 * (ZERO + 10.0) > 1.0", "1e308 + 1e308 > ZERO",
    "-1e308 - 1e308 < ZERO", "double('inf') > ZERO", "double('nan') != ZERO", "double('-1e999') < ZERO",
    "[1.0].exists(x, x / ZERO > 1.0)", "[1.0].map(x, x / ZERO) != []", "[1.0].filter(x, x / ZERO > 1.0).size() == 1",
    "{'a': 1.0 / ZERO}['a'] > 1.0", "has({'a': 1.0 / ZERO}.a)", "size([1.0 / ZERO]) == 1", "string(1.0 / ZERO) == 'inf'",
    "int(1.0 / ZERO) > 1", "(1.0 / ZERO > 1.0 ? 1.0 : 2.0) == 1.0", "type(1.0 / ZERO) == double", "1.0 / ZERO in [1.0]",
    "google.protobuf.DoubleValue{value: 1.0 / ZERO} != null", "dyn(1.0 / ZERO) == 1", "!(1.0 / ZERO < 1.0)",
]  # fmt: skip


@pytest.mark.parametrize("text", INFINITE)
@pytest.mark.parametrize("zero", ["0.0", "ood.score", "gain.low"])
def test_a_number_that_is_not_finite_is_an_error(text, zero):
    condition = ENV.compile(text.replace("ZERO", zero))
    outcome = condition.evaluate({"ood.score": 0.0, "gain.low": 0.0})
    assert outcome.value is None
    assert outcome.error


@pytest.mark.parametrize("text", ["1e999 > 1.0", "-1e999 < 1.0", "[1e309].size() == 1", "dyn(1.0) / dyn(2.0) > 0.1"])
def test_what_cannot_be_finite_or_be_told_does_not_load(text):
    with pytest.raises(PolicyError):
        ENV.compile(text)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("+-*/"), st.floats(-1e3, 1e3)), min_size=1, max_size=6), st.floats(-1e3, 1e3))
def test_finite_arithmetic_is_what_it_was(steps, start):
    text, value = repr(start), start
    for operator, number in steps:
        text = f"({text} {operator} ({number!r}))"
        try:
            value = {"+": value + number, "-": value - number, "*": value * number, "/": value / (number or math.nan)}[operator]
        except OverflowError:
            value = math.inf
    outcome = ENV.compile(f"{text} > ood.score").evaluate({"ood.score": 0.5})
    assert outcome.value is (value > 0.5 if math.isfinite(value) else None)


def test_conditions_are_shared_between_threads():
    condition, wrong = ENV.compile("image.width > 500"), []

    def work():
        wrong.extend(width for width in range(1000) if condition.evaluate({"image.width": width}).value is not (width > 500))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("a &&\n   b", "a && b"),
        ("a && b // why", "a && b"),
        ("  a == 'x  y' ", "a == 'x  y'"),
        (r"a == 'it\'s  // so'", r"a == 'it\'s  // so'"),
        ("a == r'\\' &&  b", "a == r'\\' && b"),
    ],
)
def test_canonical(left, right):
    assert canonical(left) == right


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab '\"\\/\n&r", max_size=30))
def test_canonical_is_idempotent_and_keeps_literals(text):
    literal = "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
    once = canonical(f"x  ==\n{literal} // {text.splitlines()[0] if text.splitlines() else ''}")
    assert once == f"x == {literal}"
    assert canonical(once) == once
