"""What loads and will surprise: rules that no image comes to, fields without effect. Only where it is certain."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from typing import Any

from router.codecs import registry
from router.codecs.options import shortened
from router.errors import RouterError
from router.policy.builtin import codec_name
from router.policy.cel_mistakes import listed
from router.policy.codecs import installed
from router.policy.compiled import CompiledPolicy, CompiledRule
from router.policy.inputs import RANGES, VALUES
from router.policy.problems import FieldPath, Problem, ProblemCode
from router.policy.reach import Alternative, alternatives, always, comparison, possible
from router.policy.schema import Action, LaneSpec
from router.policy.yaml_source import PolicySource

_MOST_COMPARED = 50_000
"""Pairs of alternatives; a policy that has more is compared as far as that goes."""


def warnings(policy: CompiledPolicy, source: PolicySource) -> list[Problem]:
    """What will surprise in a policy that loads, in the order of the file."""
    found = [*_comparisons(policy, source), *_reach(policy, source), *_actions(policy, source), *_context(policy, source)]
    return sorted(found, key=lambda problem: problem.place or (0, 0))


def _warning(source: PolicySource, path: FieldPath, code: ProblemCode, message: str, hint: str = "") -> Problem:
    return Problem(path, code, message, hint, source.places.of_name(path), warning=True)


def _comparisons(policy: CompiledPolicy, source: PolicySource) -> Iterator[Problem]:
    """Comparisons with values that an input never has."""
    for index, rule in enumerate(policy.rules):
        checked, text = rule.condition.checked, rule.condition.text
        for node in checked.root.walk():
            test = comparison(node) if node.kind == "call" else None
            if test is None:
                continue
            name, values = test
            if name in VALUES:
                strange = sorted(map(str, ((values.only or frozenset()) | values.without) - set(VALUES[name])))
                if not strange and not (alike := _one_sided(name, values)):
                    continue
                message = f"{name} is never {shortened(strange[0])}" if strange else alike
                close = difflib.get_close_matches(strange[0].lower()[:64], map(str, VALUES[name]), n=1) if strange else []
                close = ["jpeg"] if strange == ["jpg"] else close
                hint = f"Did you mean {close[0]}?" if close else f"It is {listed([str(value) for value in VALUES[name]])}"
            elif not (message := _one_sided(name, values)):
                continue
            else:
                low, high = RANGES[name]
                hint = f"It is at least {low:g}" if math.isinf(high) else f"Its values go from {low:g} to {high:g}"
            path: FieldPath = ("rules", index, "when")
            place = source.places.in_value(path, text, checked.positions.get(node.id, 0))
            yield Problem(path, ProblemCode.NO_EFFECT, f"rule {rule.name}: {message}", hint, place, warning=True)


def _one_sided(name: str, values: Any) -> str:
    """What to say of a comparison that has the same outcome for every image; "" of any other."""
    if name not in RANGES and name not in VALUES:
        return ""
    if possible(name).both(values).empty:
        return f"this comparison of {name} is never true"
    return f"this comparison of {name} is always true" if possible(name).within(values) else ""


def _reach(policy: CompiledPolicy, source: PolicySource) -> Iterator[Problem]:
    before: list[tuple[str, tuple[Alternative, ...]]] = []
    compared = 0
    for index, rule in enumerate(policy.rules):
        path: FieldPath = ("rules", index, "name")
        found = alternatives(rule.condition.checked.root)
        covering = next((name for name, earlier in before if always(earlier)), "")
        if covering:
            hint = f"Move it before {covering}, or give {covering} a condition that leaves it something"
            message = f"rule {rule.name} never applies: {covering}, before it, applies to every image"
            yield _warning(source, path, ProblemCode.NEVER_APPLIES, message, hint)
        elif not found:
            message = f"rule {rule.name} never applies: its condition is true of no image"
            yield _warning(
                source, path, ProblemCode.NEVER_APPLIES, message, "Two parts of it exclude each other, or one is never true"
            )
        else:
            compared += len(found) * sum(len(earlier) for _, earlier in before)
            names = _covered(found, before) if compared <= _MOST_COMPARED else ()
            if names:
                message = (
                    f"rule {rule.name} never applies: {listed(list(names), 'and')}, before it, already applies where it would"
                )
                yield _warning(source, path, ProblemCode.NEVER_APPLIES, message, "The special case comes first: move it up")
        before.append((rule.name, found))
    covering = next((name for name, earlier in before if always(earlier)), "")
    if covering:
        message = f"no image comes to `otherwise`: rule {covering} applies to every one"
        yield _warning(source, ("otherwise",), ProblemCode.NEVER_APPLIES, message, f"Make {covering} the action of `otherwise`")


def _covered(found: tuple[Alternative, ...], before: list[tuple[str, tuple[Alternative, ...]]]) -> tuple[str, ...]:
    """Names of earlier rules that together apply wherever one of the alternatives holds; () if they leave something."""
    names = []
    for alternative in found:
        name = next((name for name, earlier in before if any(alternative.within(other) for other in earlier)), "")
        if not name:
            return ()
        names.append(name)
    return tuple(dict.fromkeys(names))


def _actions(policy: CompiledPolicy, source: PolicySource) -> Iterator[Problem]:
    parts: list[tuple[FieldPath, Action, CompiledRule | None]] = [
        (("rules", index, "then"), rule.action, rule) for index, rule in enumerate(policy.rules)
    ]
    parts.append((("otherwise",), policy.otherwise, None))
    if policy.policy.on_error is not None:
        parts.append((("on_error",), policy.policy.on_error, None))
    for path, action, rule in parts:
        asks = rule is not None and any(name.startswith("receiver.") for name in rule.condition.names)
        if all(lane.is_neural for lane in action.lanes) and not asks:
            message = "only the neural lane: without a receiver that agrees to it the image is refused (NO_LANE_LEFT)"
            hint = "Add a lane to fall back to: - {lane: classical, codecs: [avif, webp, jpeg]}"
            yield _warning(source, (*path, "lanes"), ProblemCode.NO_FALLBACK, message, hint)
        yield from _budgets(path, action, source)
        for index, lane in enumerate(action.lanes):
            yield from _lane((*path, "lanes", index), lane, action, source)


def _budgets(path: FieldPath, action: Action, source: PolicySource) -> Iterator[Problem]:
    limits = action.budgets.max_megapixels
    codecs = [codec for lane in action.lanes for codec in lane.codecs]
    for codec in limits if isinstance(limits, dict) else ():
        if codec not in codecs:
            close = difflib.get_close_matches(codec, codecs, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"Its codecs: {', '.join(codecs) or 'none'}"
            at: FieldPath = (*path, "budgets", "max_megapixels", codec)
            yield _warning(source, at, ProblemCode.NO_EFFECT, f"no lane of this action uses {codec}", hint)


def _lane(path: FieldPath, lane: LaneSpec, action: Action, source: PolicySource) -> Iterator[Problem]:
    if lane.must_save is not None and not any(other.lane == "classical" for other in action.lanes):
        message = "must_save has no effect: the action has no classical codec to compare with"
        yield _warning(source, (*path, "must_save"), ProblemCode.NO_EFFECT, message, "Add a classical lane")
    for number, codec in enumerate(lane.codecs):
        missing = _unavailable(codec)
        if missing:
            at: FieldPath = (*path, "codecs", number)
            message = f"{codec} is passed over here: {missing}"
            yield Problem(at, ProblemCode.NOT_INSTALLED, message, "", source.places.of_value(at), warning=True)


def _unavailable(codec: str) -> str:
    if installed(codec) is None:
        return "it is not installed"
    try:
        return registry.get(codec_name(codec)).unavailable() or ""
    except RouterError as error:
        return error.message


def _context(policy: CompiledPolicy, source: PolicySource) -> Iterator[Problem]:
    read = {name for rule in policy.rules for name in rule.condition.names}
    for key, declared in policy.policy.context.items():
        if f"context.{key}" not in read and not declared.record:
            message = f"context.{key} has no effect: no condition reads it and no record shows it"
            yield _warning(source, ("context", key), ProblemCode.NO_EFFECT, message, "Read it in a `when`, or say record: true")
