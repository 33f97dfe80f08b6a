"""The table of inputs: complete, documented, and free of values that compare by accident."""

import math
from pathlib import Path

import numpy as np
import pytest

from router.policy.inputs import GROUPS, INPUTS, coerce, inputs_of, markdown_table, unavailable

DOC = Path(__file__).parents[2] / "docs" / "reference" / "policy-inputs.md"


def test_the_documented_table_is_this_table():
    text = DOC.read_text("utf-8")
    assert text.split("<!-- inputs:begin -->\n")[1].split("\n<!-- inputs:end -->")[0] == markdown_table()


def test_groups_and_flags():
    assert {entry.group for entry in INPUTS.values()} == set(GROUPS) - {"context"}
    for entry in INPUTS.values():
        assert (entry.unavailable is None) == (not entry.flag)
        assert not entry.flag or INPUTS[entry.flag].type == "bool"


@pytest.mark.parametrize("group", ["ood", "gain", "cost"])
def test_sentinels_are_finite_and_typed(group):
    values = unavailable(group)
    assert values["available"] is False
    assert set(values) == {entry.name for entry in inputs_of(group)}
    for entry in inputs_of(group):
        assert coerce(values[entry.name], entry.type) == values[entry.name]
        assert entry.type != "double" or math.isfinite(values[entry.name])


def test_groups_that_are_always_known_have_no_sentinels():
    with pytest.raises(ValueError):
        unavailable("image")


@pytest.mark.parametrize(
    ("value", "kind", "result"),
    [
        (np.float32(0.5), "double", 0.5), (3, "double", 3.0), (np.int64(7), "int", 7), (np.bool_(True), "bool", True),
        ("a", "string", "a"), (("a", "b"), "list<string>", ["a", "b"]),
    ],
)  # fmt: skip
def test_coerce(value, kind, result):
    got = coerce(value, kind)
    assert got == result
    assert type(got) is type(result)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (math.nan, "double"), (math.inf, "double"), (True, "double"), (True, "int"), (1, "bool"), (1.0, "int"), (1 << 63, "int"),
        (b"a", "string"), ("\ud800", "string"), ("ab", "list<string>"), ([1], "list<string>"), (None, "double"),
    ],
)  # fmt: skip
def test_coerce_refuses(value, kind):
    with pytest.raises(ValueError):
        coerce(value, kind)
