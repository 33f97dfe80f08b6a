"""What a condition can take at most, told from its syntax tree before it is ever evaluated.

The CEL library bounds the steps of loops (10,000 for a whole condition) and the depth of nesting, but not what a step builds:
`.map(a, a + a)` doubles a text, and a chain of them doubles it again. Here every expression gets the largest size that its value
can have, from the sizes that inputs can have, and with these the condition's work and memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from router.policy.syntax import Node

MOST_BUILT = 1_000_000
"""Bytes of text and elements of lists that one evaluation may build, intermediate values included: some 25 MB, 0.3 s."""
MOST_WORK = 100_000_000
"""Bytes and elements that one evaluation may look at: some 0.5 s."""
POLICY_SHARE = 4
"""How many times as much all conditions of a policy together may take."""
LOOP_STEPS = 10_000
"""What the library allows all loops of one evaluation together."""

_BUILDERS = ("add_string", "add_bytes", "add_list")
_CAP = 1 << 60


class Size(NamedTuple):
    """A bound on a value: `length` elements of at most `item` each; `total` bytes of text and elements, however deep."""

    length: int
    item: int
    total: int


ONE = Size(1, 1, 1)


def text(size: int) -> Size:
    """A text of that many bytes."""
    return Size(1, size, max(size, 1))


def texts(count: int, size: int) -> Size:
    """A list of that many texts."""
    return Size(count, size, count * size)


class ConditionCost(NamedTuple):
    """What one evaluation can take: what it `built`, and what it looked at."""

    built: int = 0
    work: int = 0

    def __add__(self, other: object) -> ConditionCost:
        if not isinstance(other, ConditionCost):
            return NotImplemented
        return ConditionCost(self.built + other.built, self.work + other.work)

    def problem(self, what: str, share: int = 1) -> str:
        """Why `what` takes too much, "" if it does not; it may take `share` times as much as one condition."""
        if self.built > share * MOST_BUILT:
            return f"{what} could build values of {self.built:.2g} bytes; at most {share * MOST_BUILT:,} are allowed"
        if self.work > share * MOST_WORK:
            return f"{what} could take {self.work:.2g} steps; at most {share * MOST_WORK:,} are allowed"
        return ""


def cost(root: Node, inputs: Mapping[str, Size]) -> ConditionCost:
    """The most that one evaluation of `root` can take.

    `inputs`: the largest value of each variable; one that is missing is a number or a bool.
    """
    bound = _Bound(inputs)
    bound.of(root, {}, 1)
    return ConditionCost(bound.built, bound.work)


class _Bound:
    """Adds up, over the whole tree, what each expression builds and looks at, times how often it can be evaluated."""

    def __init__(self, inputs: Mapping[str, Size]) -> None:
        self._inputs = inputs
        self.built = 0
        self.work = 0

    def of(self, node: Node, scope: Mapping[str, Size], times: int) -> Size:
        """The bound of one expression's value. `scope`: of the variables of loops around it; `times`: how often it is reached."""
        if node.kind == "comprehension":
            return self._loop(node, scope, times)
        below = [self.of(child, scope, times) for child in node.children]
        size = self._value(node, below, scope)
        self.work = min(_CAP, self.work + times * self._looked_at(node, below))
        if node.kind in ("list", "struct") or self._builds(node):
            self.built = min(_CAP, self.built + times * size.total)
        return size

    def _value(self, node: Node, below: list[Size], scope: Mapping[str, Size]) -> Size:
        if node.kind == "const":
            value = node.value.encode() if isinstance(node.value, str) else node.value
            return text(len(value)) if isinstance(value, bytes) else ONE
        if node.kind == "ident":
            return scope.get(node.name) or self._inputs.get(node.name, ONE)
        if node.kind in ("list", "struct"):
            return _capped(len(below), max((b.total for b in below), default=0), 1 + sum(b.total for b in below))
        if node.kind == "select" or node.name == "_[_]":
            inner = below[0].item if below else 1
            return Size(inner, inner, max(inner, 1))
        if node.name == "_?_:_":
            return _largest(below[1:])
        if node.name == "_+_" and self._builds(node):
            total = sum(b.total for b in below)
            return _capped(sum(b.length for b in below), max(max(b.item for b in below), total if _of_text(node) else 0), total)
        if node.name in ("string", "bytes", "dyn", "type"):
            return _capped(1, below[0].total + 32, below[0].total + 32) if node.name != "dyn" else below[0]
        return ONE

    @staticmethod
    def _builds(node: Node) -> bool:
        return any(overload in _BUILDERS for overload in node.overloads) or node.name in ("string", "bytes")

    @staticmethod
    def _looked_at(node: Node, below: list[Size]) -> int:
        if node.name == "matches" and len(below) == 2:
            return min(_CAP, below[0].total * below[1].total)
        return 1 + sum(b.total for b in below) if node.kind == "call" else 1

    def _loop(self, node: Node, scope: Mapping[str, Size], times: int) -> Size:
        """All loops come from macros: `all`, `exists`, `exists_one` keep a scalar, `map` and `filter` grow one list by a step.

        So the step is looked at once, with an accumulator of no size: what is left is what one turn adds.
        """
        over, first, condition, step, result = node.children
        variable, accumulator = node.variables
        range_ = self.of(over, scope, times)
        self.of(first, scope, times)
        count = min(range_.length, LOOP_STEPS)
        inner = {**scope, variable: Size(range_.item, range_.item, max(range_.item, 1)), accumulator: Size(0, 0, 0)}
        again = min(LOOP_STEPS, times * max(count, 1))
        self.of(condition, inner, again)
        added = self.of(step, inner, again)
        if first.kind == "list":  # every turn copies what is there: half of the square
            self.built = min(_CAP, self.built + again * count // 2)
        grown = ONE if first.kind != "list" else _capped(count, max(added.item, 1), count * added.total + 1)
        return self.of(result, {**scope, accumulator: grown}, times)


def _of_text(node: Node) -> bool:
    return any(overload in ("add_string", "add_bytes") for overload in node.overloads)


def _largest(sizes: list[Size]) -> Size:
    return Size(max(s.length for s in sizes), max(s.item for s in sizes), max(s.total for s in sizes))


def _capped(length: int, item: int, total: int) -> Size:
    return Size(min(length, _CAP), min(item, _CAP), min(total, _CAP))
