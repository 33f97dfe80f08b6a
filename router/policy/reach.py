"""Which images can come to a rule, as far as that is certain: conditions as sets of what their inputs may be.

A condition becomes alternatives (`||`), each of them tests (`&&`) that all hold. A test of one input against constants is a set
of values; any other test is only equal to itself. What cannot be taken apart counts as a test that may hold.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from itertools import product
from typing import Any

from router.policy.inputs import INPUTS, RANGES, VALUES
from router.policy.syntax import Node

MAX_ALTERNATIVES = 8
_FLIPPED = {"_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_", "_==_": "_==_", "_!=_": "_!=_"}
_NEGATED = {"_<_": "_>=_", "_<=_": "_>_", "_>_": "_<=_", "_>=_": "_<_", "_==_": "_!=_", "_!=_": "_==_"}


@dataclass(frozen=True)
class Values:
    """What one input may be: `only` some values, or anything between `low` and `high` but those `without`."""

    only: frozenset[Any] | None = None
    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False
    without: frozenset[Any] = frozenset()

    def has(self, value: Any) -> bool:
        """Whether the input may be that."""
        if value in self.without or (self.only is not None and value not in self.only):
            return False
        if isinstance(value, bool | str | bytes):
            return True
        above = value > self.low or (value == self.low and not self.low_open)
        return above and (value < self.high or (value == self.high and not self.high_open))

    def both(self, other: Values) -> Values:
        """What is in this and in the other."""
        low, low_open = max((self.low, self.low_open), (other.low, other.low_open))
        high, not_open = min((self.high, not self.high_open), (other.high, not other.high_open))
        bounds = Values(None, low, high, low_open, not not_open, self.without | other.without)
        sets = [values.only for values in (self, other) if values.only is not None]
        if not sets:
            return bounds
        return Values(frozenset(value for value in frozenset.intersection(*sets) if bounds.has(value)))

    @property
    def empty(self) -> bool:
        """Whether it certainly holds nothing."""
        if self.only is not None:
            return not self.only
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open or self.low in self.without))

    def within(self, other: Values) -> bool:
        """Whether everything here is certainly in the other."""
        if self.only is not None:
            return all(other.has(value) for value in self.only)
        if other.only is not None or any(self.has(value) for value in other.without):
            return False
        low = self.low > other.low or (self.low == other.low and (self.low_open or not other.low_open))
        high = self.high < other.high or (self.high == other.high and (self.high_open or not other.high_open))
        return low and high


def possible(name: str) -> Values:
    """What an input may be at all."""
    if name in VALUES:
        return Values(frozenset(VALUES[name]))
    known = INPUTS.get(name)
    if known is not None and known.type == "bool":
        return Values(frozenset((True, False)))
    low, high = RANGES.get(name, (-math.inf, math.inf))
    return Values(low=low, high=high)


@dataclass(frozen=True)
class Alternative:
    """Tests that all hold: of inputs, by name, and others, by what they look like."""

    inputs: tuple[tuple[str, Values], ...] = ()
    others: frozenset[Any] = frozenset()

    def of(self, name: str) -> Values:
        """What the input may be here."""
        return dict(self.inputs).get(name) or possible(name)

    def and_(self, other: Alternative) -> Alternative:
        """Where both hold."""
        merged = dict(self.inputs)
        for name, values in other.inputs:
            merged[name] = self.of(name).both(values)
        return Alternative(tuple(merged.items()), self.others | other.others)

    @property
    def impossible(self) -> bool:
        """Whether no image is like that."""
        return any(values.empty for _, values in self.inputs)

    def within(self, other: Alternative) -> bool:
        """Whether the other certainly holds wherever this one does."""
        return other.others <= self.others and all(self.of(name).within(values) for name, values in other.inputs)


def alternatives(root: Node) -> tuple[Alternative, ...]:
    """The condition taken apart; those that no image meets are left out, so that none is left of one that is never true."""
    return tuple(alternative for alternative in _parts(root, True) if not alternative.impossible)


def always(found: Iterable[Alternative]) -> bool:
    """Whether one of the alternatives holds for every image."""
    return any(Alternative().within(alternative) for alternative in found)


def comparison(node: Node) -> tuple[str, Values] | None:
    """(input, values) of a comparison of one input with constants; None of anything else."""
    return _test(node, True)


def _parts(node: Node, wanted: bool) -> list[Alternative]:
    """Alternatives of the node being true, or (`wanted` false) false."""
    if node.kind == "const" and isinstance(node.value, bool):
        return [Alternative()] if node.value is wanted else []
    if node.name == "!_":
        return _parts(node.children[0], not wanted)
    if node.name in ("_&&_", "_||_"):
        below = [_parts(child, wanted) for child in node.children]
        if (node.name == "_||_") is wanted:
            found = [part for parts in below for part in parts]
            return found if len(found) <= MAX_ALTERNATIVES else [_opaque(node, wanted)]
        if math.prod(len(parts) for parts in below) > MAX_ALTERNATIVES:
            return [_opaque(node, wanted)]
        return [reduce(Alternative.and_, parts) for parts in product(*below)]
    test = _test(node, wanted)
    if test is None:
        return [_opaque(node, wanted)]
    name, values = test
    return [Alternative(((name, possible(name).both(values)),))]


def _opaque(node: Node, wanted: bool) -> Alternative:
    return Alternative(others=frozenset([(_look(node), wanted)]))


def _look(node: Node) -> Any:
    """What the expression is, without the numbers of its nodes."""
    value = (type(node.value).__name__, node.value)
    return node.kind, node.name, value, node.variables, tuple(_look(child) for child in node.children)


def _test(node: Node, wanted: bool) -> tuple[str, Values] | None:
    if node.kind == "ident":
        return (node.name, Values(frozenset([wanted]))) if "." in node.name else None
    if node.kind != "call" or len(node.children) != 2:
        return None
    left, right = node.children
    operator = node.name
    if operator == "@in":
        listed = right.kind == "list" and all(child.kind == "const" and child.value is not None for child in right.children)
        if left.kind != "ident" or "." not in left.name or not listed:
            return None
        members = frozenset(child.value for child in right.children)
        return left.name, Values(only=members) if wanted else Values(without=members)
    if operator not in _FLIPPED:
        return None
    if left.kind == "const":
        left, right, operator = right, left, _FLIPPED[operator]
    if left.kind != "ident" or "." not in left.name or right.kind != "const" or right.value is None:
        return None
    values = _compared(operator if wanted else _NEGATED[operator], right.value)
    return None if values is None else (left.name, _whole(values, left.name))


def _compared(operator: str, value: Any) -> Values | None:
    if operator == "_==_":
        return Values(only=frozenset([value]))
    if operator == "_!=_":
        return Values(without=frozenset([value]))
    if isinstance(value, bool | str | bytes):
        return None
    if operator in ("_<_", "_<=_"):
        return Values(high=value, high_open=operator == "_<_")
    return Values(low=value, low_open=operator == "_>_")


def _whole(values: Values, name: str) -> Values:
    """The values that integers can have: what is above 5 begins with 6."""
    known = INPUTS.get(name)
    if known is None or known.type != "int":
        return values
    low = values.low + 1 if values.low_open else values.low
    high = values.high - 1 if values.high_open else values.high
    return replace(values, low=low, high=high, low_open=False, high_open=False)
