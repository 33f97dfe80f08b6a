"""Gains in integers: against decimal arithmetic, and their order along the rate index."""

from __future__ import annotations

import itertools
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.codecs.neural.gain import LIMIT, LOG_ONE, RATE_MAX, at_rate, power_of_two

logs = st.integers(-LIMIT, LIMIT)


def exact(log2: int, bits: int) -> Decimal:
    with localcontext() as context:
        context.prec = 60
        return Decimal(2) ** (Decimal(log2) / LOG_ONE + bits)


@given(st.lists(logs, min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_powers_of_two_are_at_most_a_unit_too_low(values: list[int]) -> None:
    for bits in (16, 20):
        for value, found in zip(values, power_of_two(np.array(values), bits).tolist(), strict=True):
            # Truncated thrice: twice with 30 bits after the point, then to the unit.
            assert exact(value, bits) * (1 - Decimal(2) ** -28) - 1 < found <= exact(value, bits)


def test_every_fraction_of_an_octave() -> None:
    log2 = np.arange(0, 1 << 16, 41)
    found = power_of_two(log2, 16).tolist()
    assert all(int(exact(a, 16)) - b in (0, 1) for a, b in zip(log2.tolist(), found, strict=True))
    assert sum(int(exact(a, 16)) == b for a, b in zip(log2.tolist(), found, strict=True)) > 0.99 * len(found)


def test_whole_octaves_are_exact() -> None:
    whole = np.arange(-10, 11)
    assert power_of_two(whole * LOG_ONE, 16).tolist() == [2 ** (16 + k) for k in whole.tolist()]
    assert power_of_two(whole * LOG_ONE, 20).tolist() == [2 ** (20 + k) for k in whole.tolist()]


@given(st.lists(logs, min_size=2, max_size=18), st.integers(0, RATE_MAX))
@settings(max_examples=150, deadline=None)
def test_logarithms_are_interpolated_to_the_nearest(anchors: list[int], rate: int) -> None:
    position = Fraction(rate * (len(anchors) - 1), RATE_MAX)
    low = min(int(position), len(anchors) - 2)
    expected = anchors[low] + (anchors[low + 1] - anchors[low]) * (position - low)
    (found,) = at_rate(np.array(anchors)[:, None], rate).log2.tolist()
    assert abs(found - expected) <= Fraction(1, 2)


@pytest.mark.parametrize("rates", [2, 4, 6, 16, 18])
def test_anchors_are_met_exactly(rates: int) -> None:
    anchors = np.random.default_rng(rates).integers(-LIMIT, LIMIT + 1, (rates, 5))
    for k in range(rates):
        gain = at_rate(anchors, k * RATE_MAX // (rates - 1))
        assert np.array_equal(gain.log2, anchors[k])
        assert np.array_equal(gain.forward, power_of_two(anchors[k], 16))
        assert np.array_equal(gain.inverse, power_of_two(-anchors[k], 20))


@given(st.lists(logs, min_size=2, max_size=9), st.lists(st.integers(0, RATE_MAX), min_size=2, max_size=30))
@settings(max_examples=100, deadline=None)
def test_gains_rise_with_the_rate_where_anchors_do(anchors: list[int], rates: list[int]) -> None:
    table = np.sort(np.array(anchors))[:, None]
    gains = [at_rate(table, rate) for rate in sorted(rates)]
    for a, b in itertools.pairwise(gains):
        assert a.log2[0] <= b.log2[0]
        assert a.forward[0] <= b.forward[0]
        assert a.inverse[0] >= b.inverse[0]


@given(logs)
@settings(max_examples=200, deadline=None)
def test_forward_and_inverse_cancel(log2: int) -> None:
    gain = at_rate(np.array([[log2], [log2]]), 1)
    forward, inverse = int(gain.forward[0]), int(gain.inverse[0])
    assert forward * inverse <= 1 << 36 <= (forward + 2) * (inverse + 3)
