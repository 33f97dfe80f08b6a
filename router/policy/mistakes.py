"""Everything that is wrong with a policy, at once: what `load` raises and `codec-router policies check` lists.

A model is checked by pydantic only where all its fields are right, and a policy compiled only where the whole is; so here the
parts are looked at one by one, each as far as it can be read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from router.codecs.options import shortened_text
from router.policy.bounds import POLICY_SHARE, ConditionCost
from router.policy.cel_mistakes import CelMistake, offset_of
from router.policy.codecs import codec_problems
from router.policy.consistency import (
    CEL_RESERVED,
    Found,
    action_problems,
    actions,
    aim_problems,
    lane_problems,
    lanes,
    policy_problems,
)
from router.policy.expressions import MAX_EXPRESSION_LENGTH, SIMPLER, Condition, Environment
from router.policy.inputs import CelType
from router.policy.problems import FieldPath, Place, Problem, ProblemCode
from router.policy.schema import MAX_RULES, Policy
from router.policy.shape import Wrong, wrong_fields
from router.policy.yaml_source import PolicySource

_CONTEXT_TYPES: tuple[CelType, ...] = ("string", "int", "double", "bool")


def mistakes(source: PolicySource) -> list[Problem]:
    """Every mistake in the order of the file; empty for a policy that loads."""
    data, found = source.data, list(source.problems)
    if not isinstance(data, dict):
        if not found:
            message = f"a policy is a mapping, this is {type(data).__name__}"
            found.append(Problem((), ProblemCode.NOT_READABLE, message, "", source.places.of_value(())))
        return found
    own = [_placed(source, *one) for one in _own(data)]
    told = {problem.path for problem in own}
    around = {path[:length] for path in told for length in range(len(path) + 1)}
    rest = [_placed_field(source, wrong) for wrong in _shape(data) if not _covered(wrong, told, around)]
    found += [*own, *rest, *_conditions(data, source)]
    broken = {problem.path for problem in source.problems if problem.broken}
    kept: dict[tuple[FieldPath, str, Place | None], Problem] = {}
    for number, problem in enumerate(found):
        if number < len(source.problems) or not _below_one(problem.path, broken):
            kept.setdefault((problem.path, problem.message, problem.place), problem)
    numbers: dict[int, dict[str, int]] = {}
    return sorted(kept.values(), key=lambda problem: problem.place or _order(problem.path, data, numbers))


def _shape(data: dict[str, Any]) -> list[Wrong]:
    try:
        # By way of JSON: strict there still means lists for tuples, and nothing but JSON types gets in.
        Policy.model_validate_json(json.dumps(data, allow_nan=False))
    except ValidationError as error:
        return wrong_fields(error, data)
    return []


def _covered(wrong: Wrong, told: set[FieldPath], around: set[FieldPath]) -> bool:
    """Whether our own checks have said it already: at the field, or, what a whole model's check says, somewhere in the model.

    `told`: the fields that they found; `around`: those, and all that these are in.
    """
    return wrong.path[:-1] in around if wrong.kind == "value_error" else _below_one(wrong.path, told)


def _below_one(path: FieldPath, fields: set[FieldPath]) -> bool:
    return bool(fields) and any(path[:length] in fields for length in range(len(path) + 1))


def _own(data: dict[str, Any]) -> Iterator[Found]:
    yield from policy_problems(data)
    if isinstance(data.get("defaults"), Mapping):
        yield from _below(("defaults",), aim_problems(data["defaults"]))
    for path, action in actions(data):
        yield from _below(path, action_problems(action))
    for path, lane in lanes(data):
        yield from _below(path, lane_problems(lane))
        yield from _below(path, codec_problems(lane))


def _below(path: FieldPath, found: Iterator[Found]) -> Iterator[Found]:
    return ((path + at, code, message, hint) for at, code, message, hint in found)


def _conditions(data: dict[str, Any], source: PolicySource) -> Iterator[Problem]:
    """The problems of conditions, as far as the context's keys tell their types."""
    rules = data.get("rules")
    whens = [
        (index, rule["when"], rule.get("name"))
        for index, rule in enumerate(rules[:MAX_RULES] if isinstance(rules, list) else ())
        if isinstance(rule, dict) and isinstance(rule.get("when"), str) and rule["when"]
    ]
    if not whens:
        return
    environment = Environment(*_context_types(data.get("context")))
    cost = ConditionCost()
    for index, when, name in whens:
        attempt = environment.attempt(when)
        if isinstance(attempt, Condition):
            cost += attempt.cost
            continue
        for mistake in attempt:
            yield _of_condition(source, index, when, name, mistake)
    if problem := cost.problem("all conditions together", POLICY_SHARE):
        yield Problem(("rules",), ProblemCode.TOO_COSTLY, problem, SIMPLER, source.places.of_name(("rules",)))


def _of_condition(source: PolicySource, index: int, when: str, name: Any, mistake: CelMistake) -> Problem:
    path: FieldPath = ("rules", index, "when")
    place = source.places.in_value(path, when, offset_of(mistake, when))
    position = "" if place or not mistake.line else f" (line {mistake.line}, column {mistake.column} of the condition)"
    rule = f"rule {shortened_text(name, 64)}: " if isinstance(name, str) else ""
    details = {
        "rule": name if isinstance(name, str) else None,
        "condition": shortened_text(when, MAX_EXPRESSION_LENGTH),
        "expression_line": mistake.line,
        "expression_column": mistake.column,
    }
    return Problem(path, mistake.code, f"{rule}{mistake.message}{position}", mistake.hint, place, details=details)


def _context_types(context: Any) -> tuple[dict[str, CelType], list[str]]:
    """(type of every key that is declared rightly, keys that are declared otherwise)."""
    types: dict[str, CelType] = {}
    untyped: list[str] = []
    for key, declared in context.items() if isinstance(context, dict) else ():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", key) or key in CEL_RESERVED or len(types) + len(untyped) >= 64:
            continue
        kind = declared.get("type") if isinstance(declared, dict) else None
        if kind in _CONTEXT_TYPES and isinstance(declared, dict):
            types[key] = kind
        else:
            untyped.append(key)
    return types, untyped


def _placed(source: PolicySource, path: FieldPath, code: ProblemCode, message: str, hint: str) -> Problem:
    names = code is ProblemCode.UNKNOWN_SETTING or path[-2:-1] == ("settings",) or path[-1:] == ("fixed_target",)
    place = source.places.of_name(path) if names else source.places.of_value(path)
    return Problem(path, code, message, hint, place)


def _placed_field(source: PolicySource, wrong: Wrong) -> Problem:
    """What is unknown has its name in the file, what is missing the mapping around it; all else a value."""
    place = source.places.of_name if wrong.kind in ("extra_forbidden", "missing") else source.places.of_value
    key = wrong.path[:1] == ("context",) and len(wrong.path) == 2  # a key's name
    return Problem(wrong.path, wrong.code, wrong.message, wrong.hint, (source.places.of_name if key else place)(wrong.path))


def _order(path: FieldPath, data: Any, numbers: dict[int, dict[str, int]]) -> tuple[int, ...]:
    """Where a field of a mapping without a file stands: the number of each part of its path among those beside it.

    `numbers`: of the keys of mappings that were looked at before, by the mapping's identity.
    """
    order = []
    for part in path:
        if isinstance(part, int):
            order.append(part)
            data = data[part] if isinstance(data, list) and part < len(data) else None
        elif isinstance(data, dict):
            if id(data) not in numbers:
                numbers[id(data)] = {key: number for number, key in enumerate(data)}
            order.append(numbers[id(data)].get(part, len(data)))
            data = data.get(part)
        else:
            order.append(0)
    return tuple(order)
