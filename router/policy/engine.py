"""`decide()`: rules in order, first match wins; inputs are asked for only when a rule that is reached cannot do without."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

from router.codecs.base import Lane
from router.errors import NoLaneError, RouterError, UsageError, own_words
from router.policy.builtin import SOURCE_MEDIA_TYPES, builtin_lanes, builtin_media_types, codec_name
from router.policy.compiled import CompiledPolicy, CompiledRule, lane_plan
from router.policy.context import check_context
from router.policy.decision import Decision, EncodingBudgets, LanePlan, Reason, RuleTrace
from router.policy.inputs import INPUTS, Input, Price, coerce, inputs_of
from router.policy.receiver import Receiver
from router.policy.schema import Action, LaneSpec, Policy, guard_spec
from router.policy.words import Words, told_apart
from router.quality.target import Target
from router.reasons import ReasonCode

NO_RECEIVER = 'no receiver given: add --receiver self, or receiver="self" in Python, to allow the neural lane'
"""In a decision, for whichever way it was asked."""

Resolver = Callable[[str], Mapping[str, Any]]
"""Group name ("image", "source", "ood", "gain", "cost", "device") to its inputs by name, without the group. The mapping may
compute its values when they are read."""


def decide(
    policy: CompiledPolicy,
    resolve: Resolver,
    receiver: Receiver,
    *,
    quality: float | None = None,
    target: Target | Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
    metadata: Literal["keep", "icc", "strip"] | None = None,
    codec_media: Callable[[str], str | None] = lambda codec_id: builtin_media_types().get(codec_id),
    codec_lane: Callable[[str], Lane | None] = lambda codec_id: builtin_lanes().get(codec_id),
    neural_model: Callable[[str], str | None] = lambda _: None,
) -> Decision:
    """Decide what happens to one image.

    Args:
        policy: from `load()`.
        resolve: gives a group's inputs; called at most once per group, and only when a rule that is reached needs it. Groups
            `receiver`, `context` and `target` are known here and never asked for.
        receiver: from `Receiver.parse()`.
        quality: SSIMULACRA2 target, shorthand for `target`.
        target: `Target` or {"metric": ..., "value": ...}. The caller's target goes before the policy's, unless the action
            fixes its own.
        context: values for the policy's declared keys; keys not given take their defaults.
        metadata: the caller's choice goes before the policy's.
        codec_media: registered codec id to media type, None if there is no such codec. Needed for plugin codecs.
        codec_lane: registered codec id to the lane that the codec itself names, None where that is not known. A codec is used in
            its own lane only, whatever the policy writes: the neural one needs consent.
        neural_model: neural codec id to the id of the model it would write with, which the receiver must hold; where it is
            None, the codec id itself must be listed.

    Raises:
        UsageError: BAD_ARGUMENT for a target, context or metadata argument that is wrong.
        NoLaneError: nothing that the action permits may be sent to this receiver; `attempts` has the reasons.
    """
    asked = Target.given(quality, target)
    if metadata not in (None, "keep", "icc", "strip"):
        raise UsageError(f"metadata is {metadata!r}", code=ReasonCode.BAD_ARGUMENT, hint="One of keep, icc, strip")
    values = check_context(policy.policy, context)
    facts = _Facts(resolve, asked or policy.default_target, receiver, values)
    rule, action, traces, reasons = _select(policy, facts)
    aim = _aim(asked, action, policy.default_target, reasons)
    removed: list[Reason] = []
    lanes = _permitted(action, facts, receiver, _Codecs(codec_media, codec_lane, neural_model), removed)
    reasons += removed
    if not lanes:
        raise _nothing_permitted(policy.name, rule, removed, reasons)
    declared, defaults = policy.policy.context, policy.policy.defaults
    kept = metadata or action.metadata or defaults.metadata
    guard = guard_spec(action.guard or defaults.guard)
    return Decision(
        policy=policy.name,
        policy_sha256=policy.sha256,
        rule=rule,
        lanes=lanes,
        target=aim,
        guard=guard.level,
        guard_quantile=guard.quantile,
        metadata=kept,
        budgets=EncodingBudgets(
            action.budgets.encode_ms, action.budgets.max_bytes, action.budgets.max_search_steps, action.budgets.when_late
        ),
        reasons=tuple(reasons),
        trace=tuple(traces),
        inputs=_by_group(policy.policy, facts.values),
        context_recorded={key: value for key, value in values.items() if declared[key].record},
        metadata_loss=defaults.metadata_loss,
        # A stripped file tells nothing, of the policy neither.
        record="none" if kept == "strip" else action.record or defaults.record,
    )


def _aim(asked: Target | None, action: Action, default: Target, reasons: list[Reason]) -> Target:
    """The target that holds; where the policy's goes before the caller's, `reasons` say so."""
    if action.fixed_target and action.aim is not None and asked not in (None, action.aim):
        detail = f"{action.aim.metric} {action.aim.value:g} goes before the caller's"
        reasons.append(Reason(ReasonCode.TARGET_FIXED_BY_POLICY, detail))
        return action.aim
    return asked or action.aim or default


def _nothing_permitted(policy: str, rule: str, removed: list[Reason], reasons: list[Reason]) -> NoLaneError:
    """The error for an action of which every lane and codec was `removed`."""
    why = dict.fromkeys(f"{reason.codec or reason.lane}: {reason.code}" for reason in removed)
    refused = refused_by_receiver(removed)
    return NoLaneError(
        f"policy {policy}, {rule}: nothing that it permits may be used here: {'; '.join(why)}",
        attempts=reasons,
        hint="Tell more about the receiver, choose another policy, or add a lane to this action",
        policy=policy,
        rule=rule,
        **({"receiver_refuses": refused} if refused else {}),
    )


def refused_by_receiver(reasons: Iterable[Reason]) -> list[str]:
    """Codecs, or lanes without any, that were left out because the receiver does not take what they write."""
    return list(dict.fromkeys(str(r.codec or r.lane) for r in reasons if r.code is ReasonCode.RECEIVER_DOES_NOT_ACCEPT))


class _FactError(Exception):
    """An input could not be had; never leaves this module."""

    def __init__(self, message: str, code: ReasonCode, foreign: str = "") -> None:
        """`message` may end in a record; `foreign` is what somebody else said, for the log."""
        super().__init__(message)
        self.code = code
        self.foreign = foreign


class _Facts:
    """The inputs, asked for once. `values` holds what was computed, by `group.name`."""

    def __init__(self, resolve: Resolver, target: Target, receiver: Receiver, context: Mapping[str, Any]) -> None:
        self._resolve = resolve
        self._groups: dict[str, Mapping[str, Any]] = {"context": context}
        self._target = target
        self._receiver = receiver
        self.values: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """The value of `group.name`. Raises _FactError if the resolver fails, or gives none or a wrong one."""
        if key in self.values:
            return self.values[key]
        group, _, name = key.partition(".")
        known = INPUTS.get(key)
        if known is None:
            self.values[key] = self._groups["context"][name]
        else:
            # One run of a model gives all inputs of its group, and all are evidence.
            for entry in inputs_of(group) if known.price is Price.MODEL else (known,):
                self.values[entry.key] = self._read(entry)
        return self.values[key]

    def known(self, key: str) -> Any:
        """The value where it is known, or free to know; None where it is not, or there is none."""
        entry = INPUTS.get(key)
        if key not in self.values and entry is not None and entry.price is not Price.FREE:
            return None
        try:
            value = self.get(key)
        except (_FactError, KeyError):
            return None
        return None if entry is not None and entry.flag and not self.values.get(entry.flag, True) else value

    def _read(self, entry: Input) -> Any:
        if entry.flag and not self._flag(entry.flag):
            return entry.unavailable  # the table's sentinel, whatever the resolver puts there
        key = entry.key
        try:
            value = self._group(entry.group)[entry.name]
        except RouterError as error:
            raise _FactError(
                f"{key}: {own_words(error)}", error.code, error.told if own_words(error) != error.told else ""
            ) from error
        except Exception as error:  # whatever a detector does, the image must still be coded, and the record say why
            raise _FactError(f"{key}: {type(error).__name__}", ReasonCode.INTERNAL_ERROR, str(error)) from error
        try:
            return coerce(value, entry.type)
        except ValueError as error:
            raise _FactError(f"{key}: a value of another type or range", ReasonCode.INTERNAL_ERROR, str(error)) from None

    def _flag(self, key: str) -> bool:
        if key not in self.values:
            self.values[key] = self._read(INPUTS[key])
        return bool(self.values[key])

    def _group(self, group: str) -> Mapping[str, Any]:
        if group not in self._groups:
            if group == "receiver":
                self._groups[group] = self._receiver.facts()
            elif group == "target":
                self._groups[group] = {
                    "metric": self._target.metric,
                    "value": self._target.value,
                    "quality": self._target.value if self._target.metric == "ssimulacra2" else -1.0,
                }
            else:
                self._groups[group] = self._resolve(group)
        return self._groups[group]


def _select(policy: CompiledPolicy, facts: _Facts) -> tuple[str, Action, list[RuleTrace], list[Reason]]:
    """(rule name, its action, the trace of every rule, why)."""
    traces: list[RuleTrace] = []
    names = {*INPUTS, *(f"context.{key}" for key in policy.policy.context)}
    words = Words(names, facts.known, lambda name: _disclosed(policy.policy, name))
    chosen: tuple[str, Action, list[Reason]] | None = None
    for rule in policy.rules:
        if chosen:
            traces.append(RuleTrace(rule.name, "not reached", rule.condition.text, {}))
            continue
        read: list[str] = []
        matched, error, why, code = False, "", "", ReasonCode.RULE_ERROR
        try:
            matched, error = _evaluate(rule, facts, read)
            if error:
                why = "the condition failed"
                if not all(_disclosed(policy.policy, name) for name in rule.condition.names):
                    error = "the condition failed; what it says of context values is not recorded"
        except _FactError as failure:
            why, code = str(failure), failure.code
            error = f"{why}: {failure.foreign}" if failure.foreign else why
        shown = {name: facts.values[name] if _disclosed(policy.policy, name) else "(not recorded)" for name in read}
        outcome: Literal["matched", "not matched", "error"] = "error" if error else "matched" if matched else "not matched"
        why_false = rule.explained.why_false(facts.values, words) if outcome == "not matched" else None
        said = rule.explained.why_true(facts.values, words) if outcome == "matched" else why_false.words if why_false else ""
        traces.append(
            RuleTrace(rule.name, outcome, rule.condition.text, shown, error, why_false.sentence if why_false else "", said)
        )
        if error:
            # What CEL or a detector said is in the trace, which goes to the log only.
            reasons = [Reason(ReasonCode.RULE_ERROR, f"{rule.name}: {why}")]
            if code is not ReasonCode.RULE_ERROR:
                reasons.append(Reason(code, why))
            chosen = "on_error", policy.on_error, reasons
        elif matched:
            chosen = rule.name, rule.action, [_matched(rule.name, rule.action, traces, words)]
    if chosen is None:
        chosen = "otherwise", policy.otherwise, [_matched("otherwise", policy.otherwise, traces, words)]
    name, action, reasons = chosen
    if facts.values.get("ood.available") is False:
        reasons.append(Reason(ReasonCode.DETECTOR_UNAVAILABLE, "no OOD score", lane=Lane.NEURAL))
    return name, action, traces, reasons


def _evaluate(rule: CompiledRule, facts: _Facts, read: list[str]) -> tuple[bool, str]:
    """(matched, error). Tries after each stage: `false && x` is false whatever x is, so x need not be paid for."""
    known: dict[str, Any] = {}
    outcome_error = ""
    for stage in rule.stages or ((),):
        for name in stage:
            known[name] = facts.get(name)
            read.append(name)
        outcome = rule.condition.evaluate(known)
        if outcome.value is not None:
            return outcome.value, ""
        outcome_error = outcome.error
    return False, outcome_error


def _matched(rule: str, action: Action, traces: list[RuleTrace], words: Words) -> Reason:
    """The rule, its reason, what made it true, and what kept the rule that it names from matching."""
    reason = words.filled(action.reason)
    true = next((t.words for t in traces if t.rule == rule and t.outcome == "matched"), "")
    false = next((t.words or t.failed for t in traces if t.rule == action.why_not), "")
    stated = "; ".join(part for part in (": ".join(part for part in (reason, true) if part), false) if part)
    return Reason(ReasonCode.RULE_MATCHED, f"{rule}: {stated}" if stated else rule)


def _disclosed(policy: Policy, name: str) -> bool:
    group, _, key = name.partition(".")
    return group != "context" or policy.context[key].record


def _by_group(policy: Policy, values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    grouped: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        if _disclosed(policy, key):
            group, _, name = key.partition(".")
            grouped.setdefault(group, {})[name] = value
    return grouped


class _Codecs(NamedTuple):
    """What the engine asks about codecs, by id."""

    media: Callable[[str], str | None]
    lane: Callable[[str], Lane | None]
    neural_model: Callable[[str], str | None]


def _permitted(
    action: Action,
    facts: _Facts,
    receiver: Receiver,
    codecs: _Codecs,
    removed: list[Reason],
) -> tuple[LanePlan, ...]:
    """The action's lanes without the codecs that may not be used here; why goes to `removed`."""
    plans = []
    for spec in action.lanes:
        if spec.lane == "passthrough":
            refusal = _passthrough_refusal(facts, receiver)
            if refusal is None:
                plans.append(lane_plan(spec, ()))
            else:
                removed.append(refusal)
            continue
        left = []
        for written in spec.codecs:
            codec = codec_name(written)
            refusal = _codec_refusal(spec, codec, receiver, codecs)
            refusal = refusal or _too_large(action, spec, written, facts)
            if refusal is None:
                left.append(written)
            else:
                removed.append(refusal)
        if left:
            plans.append(lane_plan(spec, tuple(left)))
    return tuple(plans)


def _codec_refusal(spec: LaneSpec, codec: str, receiver: Receiver, codecs: _Codecs) -> Reason | None:
    media_type = codecs.media(codec)
    if media_type is None:
        return Reason(ReasonCode.UNKNOWN_CODEC, "not installed", spec.lane, codec)
    own = codecs.lane(codec)
    if own is not None and own != spec.lane:
        return Reason(ReasonCode.WRONG_LANE, f"belongs to the {own} lane", spec.lane, codec)
    if spec.is_neural:
        model = codecs.neural_model(codec) or codec
        if receiver.neural_consent(model, media_type):
            return None
        if not receiver.known:
            detail = NO_RECEIVER
        elif not receiver.accepts(media_type):
            detail = f"the receiver does not name {media_type}"
        else:
            detail = f"the receiver does not list model {model}: --receiver-model, or models=[...] in receiver"
        return Reason(ReasonCode.NEURAL_NO_CONSENT, detail, spec.lane, codec)
    if not receiver.accepts(media_type):
        return Reason(ReasonCode.RECEIVER_DOES_NOT_ACCEPT, f"the receiver does not take {media_type}", spec.lane, codec)
    return None


def _too_large(action: Action, spec: LaneSpec, written: str, facts: _Facts) -> Reason | None:
    limit = action.budgets.max_megapixels
    if isinstance(limit, dict):
        limit = limit.get(written)
    if limit is None:
        return None
    try:
        megapixels = facts.get("image.megapixels")
    except _FactError as failure:
        return Reason(failure.code, str(failure), spec.lane, codec_name(written))
    if megapixels <= limit:
        return None
    one, other = told_apart(megapixels, limit)
    return Reason(ReasonCode.BUDGET_EXCEEDED, f"{one} MP, over this policy's {other}", spec.lane, codec_name(written))


def _passthrough_refusal(facts: _Facts, receiver: Receiver) -> Reason | None:
    lane = Lane.PASSTHROUGH
    try:
        is_file, container = facts.get("source.is_file"), facts.get("source.format")
    except _FactError as failure:
        return Reason(failure.code, str(failure), lane)
    if not is_file:
        return Reason(ReasonCode.NOT_A_FILE, "bare pixels have no bytes to keep", lane)
    media_type = SOURCE_MEDIA_TYPES.get(container)
    if media_type is None or not receiver.accepts(media_type):
        return Reason(ReasonCode.RECEIVER_DOES_NOT_ACCEPT, f"the receiver does not take {media_type or container}", lane)
    return None
