"""From plain data to a policy that is ready to decide: validated, conditions compiled, hashed."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from router.codecs.base import Lane
from router.errors import PolicyError
from router.policy.builtin import codec_name
from router.policy.codecs import codec_problems
from router.policy.decision import LanePlan
from router.policy.expressions import Condition, Environment, canonical
from router.policy.inputs import INPUTS, Price
from router.policy.schema import Action, LaneSpec, Policy, Rule, split_field
from router.policy.yaml_source import MAX_DEPTH, FieldPath, PolicySource, field_name
from router.quality.target import Target
from router.reasons import ReasonCode

DEFAULT_QUALITY = 70.0
MAX_PROBLEMS = 10
"""Problems named in one error; a file that is wrong throughout is not clearer with more."""


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

    @cached_property
    def on_error(self) -> Action:
        """The action when a rule errs; never neural."""
        return self.policy.error_action

    @cached_property
    def groups(self) -> frozenset[str]:
        """Every input group that some rule reads."""
        return frozenset().union(*(rule.groups for rule in self.rules))

    @cached_property
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
        seen: dict[tuple[str, str], tuple[int | None, str, str, str]] = {}
        for details in error.errors(include_url=False):
            path, problem, hint = _locate(details, source.data)
            seen.setdefault((field_name(path), problem), (source.line(path), field_name(path), problem, hint))
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
        entries = []
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
            condition=policy.rules[index].when,
            expression_line=first.details.get("expression_line"),
            expression_column=first.details.get("expression_column"),
        )
    wrong = [(source.line(path), field_name(path), problem, hint) for path, problem, hint in codec_problems(policy)]
    if wrong:
        raise _error(wrong, source)
    return CompiledPolicy(policy, _sha256(policy), tuple(rules))


def lane_plan(spec: LaneSpec, codecs: tuple[str, ...]) -> LanePlan:
    """The plan for those of the lane's codecs (as written) that remain; settings are copies."""
    settings = {codec_name(codec): dict(spec.settings[codec]) for codec in codecs if codec in spec.settings}
    return LanePlan(Lane(spec.lane), tuple(codec_name(codec) for codec in codecs), settings, spec.choose, spec.must_save)


def plain_data(value: Any, path: FieldPath = ()) -> Any:
    """A caller's mapping as plain dicts, lists and scalars. Raises PolicyError (POLICY_INVALID) for anything that JSON lacks."""
    if len(path) > MAX_DEPTH:
        raise _error([(None, field_name(path[:4]), f"nested deeper than {MAX_DEPTH} levels", "")], PolicySource(None))
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise _error([(None, field_name(path), f"field name {key!r} is not text", "")], PolicySource(None))
        return {key: plain_data(item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_data(item, (*path, index)) for index, item in enumerate(value)]
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and abs(value) < float("inf")):
        return value
    raise _error([(None, field_name(path), f"{value!r} cannot stand in a policy", "")], PolicySource(None))


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


def _locate(details: ErrorDetails, data: Any) -> tuple[FieldPath, str, str]:
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
    problem, hint = details["msg"], ""
    if details["type"] == "value_error":
        field, problem = split_field(problem)
        for part in field.replace("[", ".").replace("]", "").split(".") if field else ():
            path.append(int(part) if part.isdigit() else part)
    elif details["type"] == "extra_forbidden":
        problem = "unknown field"
        close = difflib.get_close_matches(str(path[-1]), _field_names(), n=1)
        hint = f"Did you mean {close[0]}?" if close else ""
    elif missing:
        problem = "missing"
    elif details["type"] == "literal_error":
        problem = f"{details['input']!r} is not one of {details['ctx']['expected']}"
    return tuple(path), problem, hint


def _field_names() -> list[str]:
    schema = Policy.model_json_schema()
    return sorted({name for part in (schema, *schema["$defs"].values()) for name in part.get("properties", ())})


def _error(problems: list[tuple[int | None, str, str, str]], source: PolicySource, **details: Any) -> PolicyError:
    """One error from (line, field, problem, hint) entries, in the order of the file."""
    problems = sorted(problems, key=lambda entry: entry[0] or 0)
    lines = [f"{source.where(line)}{field + ': ' if field else ''}{problem}" for line, field, problem, _ in problems]
    if len(lines) > MAX_PROBLEMS:
        lines[MAX_PROBLEMS:] = [f"and {len(lines) - MAX_PROBLEMS} more"]
    line, field, _, hint = problems[0]
    return PolicyError(
        "\n".join(lines),
        code=ReasonCode.POLICY_INVALID,
        hint=hint,
        file=source.file,
        line=line,
        field=field,
        errors=lines,
        **details,
    )
