"""From plain data to a policy that is ready to decide: validated, conditions compiled, hashed."""

from __future__ import annotations

import difflib
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from router.codecs.base import Lane
from router.codecs.options import shortened, shortened_text
from router.errors import PolicyError
from router.policy.bounds import POLICY_SHARE, Cost
from router.policy.builtin import codec_name
from router.policy.codecs import codec_problems
from router.policy.decision import LanePlan
from router.policy.expressions import MAX_EXPRESSION_LENGTH, SIMPLER, Condition, Environment, canonical
from router.policy.inputs import INPUTS, Price
from router.policy.schema import Action, LaneSpec, Policy, Rule, split_field
from router.policy.yaml_source import (
    MAX_DEPTH,
    MAX_FILE_BYTES,
    MAX_INT,
    MAX_MESSAGE,
    MAX_NODES,
    FieldPath,
    PolicySource,
    field_name,
    is_unicode,
)
from router.quality.target import Target
from router.reasons import ReasonCode

DEFAULT_QUALITY = 70.0
MAX_PROBLEMS = 10
"""Problems named in one error; a file that is wrong throughout is not clearer with more."""


_Hint = str | Callable[[], str]
"""Of many problems only the first one's hint is shown, so those that take work wait for that."""
_Problem = tuple[int | None, str, str, _Hint]
"""(line, field, problem, hint)."""


@dataclass(frozen=True)
class CompiledRule:
    """A rule with its condition compiled.

    Attributes:
        groups: the input groups that the condition reads.
        stages: the inputs it reads, cheap ones first; each stage is worth a try before the next is paid for.
    """

    name: str
    condition: Condition
    action: Action
    groups: frozenset[str]
    stages: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class CompiledPolicy:
    """A policy ready to decide. Immutable; safe to share between threads.

    Attributes:
        policy: the validated data.
        sha256: of its canonical JSON: comments, layout and key order do not change it.
        rules: in order.
    """

    policy: Policy
    sha256: str
    rules: tuple[CompiledRule, ...]

    def __reduce__(self) -> tuple[Callable[[Policy, PolicySource], CompiledPolicy], tuple[Policy, PolicySource]]:
        """Compiled conditions are not data: what a pickle becomes compiles them again."""
        return compile_policy, (self.policy, PolicySource(None))

    @property
    def name(self) -> str:
        """The policy's name."""
        return self.policy.name

    @property
    def otherwise(self) -> Action:
        """The action when no rule matches."""
        return self.policy.otherwise

    @property
    def default_target(self) -> Target:
        """What the encoder aims at when neither the caller nor the action says."""
        return self.policy.defaults.aim or Target.quality(DEFAULT_QUALITY)

    @property
    def on_error(self) -> Action:
        """The action when a rule errs; never neural."""
        return self.policy.error_action

    @property
    def groups(self) -> frozenset[str]:
        """Every input group that some rule reads."""
        return frozenset().union(*(rule.groups for rule in self.rules))

    @property
    def may_go_neural(self) -> bool:
        """Whether any action has a neural lane."""
        actions = (self.otherwise, *(rule.action for rule in self.rules))
        return any(lane.is_neural for action in actions for lane in action.lanes)


def validate(source: PolicySource) -> Policy:
    """Validate plain data. Raises PolicyError (POLICY_INVALID) naming file, line and field of every problem."""
    if not isinstance(source.data, dict):
        raise _error([(source.line(()), "", f"a policy is a mapping, this is {type(source.data).__name__}", "")], source)
    try:
        # By way of JSON: strict there still means lists for tuples, and nothing but JSON types gets in.
        return Policy.model_validate_json(json.dumps(source.data, allow_nan=False))
    except ValidationError as error:
        seen: dict[tuple[str, str], _Problem] = {}
        for details in error.errors(include_url=False):
            path, problem, hint = _locate(details, source.data)
            field = field_name(path)
            seen.setdefault((field, problem), (source.line(path), field, problem, hint))
        raise _error(list(seen.values()), source) from None


def compile_policy(policy: Policy, source: PolicySource) -> CompiledPolicy:
    """Compile every condition, and hold codecs and settings against what is installed here.

    Raises PolicyError (POLICY_INVALID) with field and file line; for a condition also rule, and line and column in it.
    """
    environment = Environment(policy.context_types())
    rules, problems = [], []
    for index, rule in enumerate(policy.rules):
        try:
            rules.append(_compile_rule(rule, environment))
        except PolicyError as error:
            problems.append((index, rule.name, error))
    if problems:
        index, name, first = problems[0]
        entries: list[_Problem] = []
        for at, rule_name, problem in problems:
            path: FieldPath = ("rules", at, "when")
            row, column = problem.details.get("expression_line"), problem.details.get("expression_column")
            start = source.text_lines.get(path)
            line = None if start is None else start + (row or 1) - 1
            position = f" (line {row}, column {column} of the condition)" if row else ""
            entries.append((line, field_name(path), f"rule {rule_name}: {problem.message}{position}", problem.hint))
        raise _error(
            entries,
            source,
            rule=name,
            condition=shortened_text(policy.rules[index].when, MAX_EXPRESSION_LENGTH),
            expression_line=first.details.get("expression_line"),
            expression_column=first.details.get("expression_column"),
        )
    wrong: list[_Problem] = [
        (source.line(path), field_name(path), problem, hint) for path, problem, hint in codec_problems(policy)
    ]
    if costly := sum((rule.condition.cost for rule in rules), Cost()).problem("all conditions together", POLICY_SHARE):
        wrong.append((source.line(("rules",)), "rules", costly, SIMPLER))
    if wrong:
        raise _error(wrong, source)
    return CompiledPolicy(policy, _sha256(policy), tuple(rules))


def lane_plan(spec: LaneSpec, codecs: tuple[str, ...]) -> LanePlan:
    """The plan for those of the lane's codecs (as written) that remain; settings are copies."""
    settings = {codec_name(codec): dict(spec.settings[codec]) for codec in codecs if codec in spec.settings}
    return LanePlan(Lane(spec.lane), tuple(codec_name(codec) for codec in codecs), settings, spec.choose, spec.must_save)


def plain_data(value: Any) -> Any:
    """A caller's mapping as plain dicts, lists and scalars.

    Raises PolicyError (POLICY_INVALID) for anything that JSON lacks, and for more than a file could hold.
    """
    return _plain_data(value, (), _Room())


class _Room:
    """What is left of what a policy may hold. A mapping that refers to one list again and again holds it as often."""

    def __init__(self) -> None:
        self._nodes, self._characters = MAX_NODES, MAX_FILE_BYTES

    def take(self, value: Any, path: FieldPath) -> None:
        """Count one value. Raises PolicyError (POLICY_INVALID)."""
        self._nodes -= 1
        if isinstance(value, str):
            self._characters -= len(value)
            if not is_unicode(value):
                raise _error([(None, field_name(path), "text that is not valid Unicode", "")], PolicySource(None))
        if self._nodes < 0 or self._characters < 0:
            problem = f"more than {MAX_NODES:,} values, or {MAX_FILE_BYTES:,} characters of text"
            raise _error([(None, field_name(path[:4]), problem, "")], PolicySource(None))


def _plain_data(value: Any, path: FieldPath, room: _Room) -> Any:
    room.take(value, path)
    if len(path) > MAX_DEPTH:
        raise _error([(None, field_name(path[:4]), f"nested deeper than {MAX_DEPTH} levels", "")], PolicySource(None))
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise _error([(None, field_name(path), f"field name {shortened(key)} is not text", "")], PolicySource(None))
            room.take(key, path)
        return {str(key): _plain_data(item, (*path, str(key)), room) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_data(item, (*path, index), room) for index, item in enumerate(value)]
    if value is None or isinstance(value, bool | str):
        return value
    if (isinstance(value, int) and abs(value) <= MAX_INT) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise _error([(None, field_name(path), f"{shortened(value)} cannot stand in a policy", "")], PolicySource(None))


def _compile_rule(rule: Rule, environment: Environment) -> CompiledRule:
    condition = environment.compile(rule.when)
    stages: dict[tuple[Price, str], list[str]] = {}
    for name in condition.names:
        known = INPUTS.get(name)  # None for context keys
        price = Price.FREE if known is None else known.price
        stages.setdefault((price, known.group if known and price is Price.MODEL else ""), []).append(name)
    # The OOD score before the gain estimate: an image that is out is not worth estimating.
    order = sorted(stages, key=lambda stage: (stage[0], stage[1] == "gain"))
    groups = frozenset(name.partition(".")[0] for name in condition.names)
    return CompiledRule(rule.name, condition, rule.then, groups, tuple(tuple(stages[stage]) for stage in order))


def _sha256(policy: Policy) -> str:
    data = policy.model_dump(mode="json", exclude_defaults=False)
    for rule in data["rules"]:
        rule["when"] = canonical(rule["when"])
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _locate(details: ErrorDetails, data: Any) -> tuple[FieldPath, str, _Hint]:
    """(path, problem, hint). pydantic's own location also names union members; those are not in the data and are left out."""
    path: list[str | int] = []
    at: Any = data
    missing = details["type"] == "missing"
    for index, part in enumerate(details["loc"]):
        if part in (at if isinstance(at, dict) else range(len(at)) if isinstance(at, list) else ()):
            path.append(part)
            at = at[part]
        elif missing and index == len(details["loc"]) - 1:
            path.append(part)
    problem: str = details["msg"]
    hint: _Hint = ""
    if details["type"] == "value_error":
        field, problem = split_field(problem)
        for part in field.replace("[", ".").replace("]", "").split(".") if field else ():
            path.append(int(part) if part.isdigit() else part)
    elif details["type"] == "extra_forbidden":
        problem, hint = "unknown field", partial(_similar, str(path[-1]))
    elif missing:
        problem = "missing"
    elif details["type"] == "literal_error":
        problem = f"{shortened(details['input'])} is not one of {details['ctx']['expected']}"
    return tuple(path), problem, hint


def _similar(name: str) -> str:
    close = difflib.get_close_matches(name[:100], _field_names(), n=1)
    return f"Did you mean {close[0]}?" if close else ""


@cache
def _field_names() -> tuple[str, ...]:
    schema = Policy.model_json_schema()
    return tuple(sorted({name for part in (schema, *schema["$defs"].values()) for name in part.get("properties", ())}))


def _error(problems: list[_Problem], source: PolicySource, **details: Any) -> PolicyError:
    """One error from several problems, in the order of the file."""
    problems = sorted(problems, key=lambda entry: entry[0] or 0)
    lines = [
        shortened_text(f"{source.where(line)}{field + ': ' if field else ''}{problem}", MAX_MESSAGE)
        for line, field, problem, _ in problems[:MAX_PROBLEMS]
    ]
    if len(problems) > MAX_PROBLEMS:
        lines.append(f"and {len(problems) - MAX_PROBLEMS} more")
    line, field, _, hint = problems[0]
    return PolicyError(
        "\n".join(lines),
        code=ReasonCode.POLICY_INVALID,
        hint=hint if isinstance(hint, str) else hint(),
        file=source.file,
        line=line,
        field=shortened_text(field, MAX_MESSAGE),
        errors=lines,
        **details,
    )
