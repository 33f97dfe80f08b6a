"""From plain data to a policy that is ready to decide: validated, conditions compiled, hashed."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from router.codecs.base import Lane
from router.codecs.options import shortened
from router.errors import PolicyError
from router.policy.bounds import POLICY_SHARE, ConditionCost
from router.policy.builtin import codec_name
from router.policy.codecs import codec_problems
from router.policy.consistency import lanes
from router.policy.decision import LanePlan
from router.policy.explain import Explained
from router.policy.expressions import Condition, Environment, canonical
from router.policy.inputs import INPUTS, Price
from router.policy.mistakes import mistakes
from router.policy.problems import FieldPath, Problem, ProblemCode, policy_error
from router.policy.schema import Action, LaneSpec, Policy, Rule
from router.policy.yaml_source import MAX_DEPTH, MAX_FILE_BYTES, MAX_INT, MAX_NODES, PolicySource, is_unicode
from router.quality.target import Target

DEFAULT_QUALITY = 70.0


@dataclass(frozen=True)
class CompiledRule:
    """A rule with its condition compiled.

    Attributes:
        groups: the input groups that the condition reads.
        stages: the inputs it reads, cheap ones first; each stage is worth a try before the next is paid for.
        explained: says which part of the condition decided.
    """

    name: str
    condition: Condition
    action: Action
    groups: frozenset[str]
    stages: tuple[tuple[str, ...], ...]
    explained: Explained = field(repr=False, compare=False)


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

    @property
    def loses(self) -> bool:
        """Whether any lane of the policy may encode with loss."""
        actions = (self.otherwise, self.on_error, *(rule.action for rule in self.rules))
        return any(lane.lane in (Lane.NEURAL, Lane.CLASSICAL) for action in actions for lane in action.lanes)


def validate(source: PolicySource) -> Policy:
    """Validate plain data. Raises PolicyError (POLICY_INVALID) naming file, line, column and field of every problem."""
    if source.problems or not isinstance(source.data, dict):
        raise policy_error(mistakes(source), source.file)
    try:
        # By way of JSON: strict there still means lists for tuples, and nothing but JSON types gets in.
        return Policy.model_validate_json(json.dumps(source.data, allow_nan=False))
    except ValidationError:
        raise policy_error(mistakes(source), source.file) from None


def compile_policy(policy: Policy, source: PolicySource) -> CompiledPolicy:
    """Compile every condition, and hold codecs and settings against what is installed here.

    Raises PolicyError (POLICY_INVALID) naming file, line, column and field of every problem, as `validate`; for a condition also
    rule, and line and column in it.
    """
    environment = Environment(policy.context_types())
    data = policy.model_dump(mode="json")
    try:
        rules = [_compile_rule(rule, environment) for rule in policy.rules]
        cost = sum((rule.condition.cost for rule in rules), ConditionCost())
        sound = not cost.problem("all conditions together", POLICY_SHARE)
        sound = sound and not any(True for _, lane in lanes(data) for _ in codec_problems(lane))
    except PolicyError:
        sound, rules = False, []
    if not sound:
        raise policy_error(mistakes(source if isinstance(source.data, dict) else PolicySource(data, source.file)), source.file)
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
                raise _refused(path, "text that is not valid Unicode")
        if self._nodes < 0 or self._characters < 0:
            problem = f"more than {MAX_NODES:,} values, or {MAX_FILE_BYTES:,} characters of text"
            raise _refused(path[:4], problem)


def _refused(path: FieldPath, message: str) -> PolicyError:
    return policy_error([Problem(path, ProblemCode.NOT_READABLE, message)], "")


def _plain_data(value: Any, path: FieldPath, room: _Room) -> Any:
    room.take(value, path)
    if len(path) > MAX_DEPTH:
        raise _refused(path[:4], f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise _refused(path, f"field name {shortened(key)} is not text")
            room.take(key, path)
        return {str(key): _plain_data(item, (*path, str(key)), room) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_data(item, (*path, index), room) for index, item in enumerate(value)]
    if value is None or isinstance(value, bool | str):
        return value
    if (isinstance(value, int) and abs(value) <= MAX_INT) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise _refused(path, f"{shortened(value)} cannot stand in a policy")


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
    explained = Explained(condition, environment, rule.because, rule.if_not)
    return CompiledRule(rule.name, condition, rule.then, groups, tuple(tuple(stages[stage]) for stage in order), explained)


def _sha256(policy: Policy) -> str:
    data = policy.model_dump(mode="json", exclude_defaults=False)
    for rule in data["rules"]:
        rule["when"] = canonical(rule["when"])
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
