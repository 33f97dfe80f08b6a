"""A tuned policy as a file: the base policy's own text, comments and all, with other numbers and what they rest on."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from router.codecs.base import Lane
from router.errors import UsageError
from router.evaluation.tuning.choose import Tuned
from router.evaluation.tuning.table import Order, in_order
from router.policy.compiled import CompiledPolicy
from router.policy.schema import guard_spec
from router.reasons import ReasonCode

WIDTH = 4096
"""Of lines: none is broken, so that what is not changed stays as it was."""
_NUMBER = r"-?\d+(?:\.\d+)?"
_GAIN_TEST = re.compile(
    rf"\s*&&\s*(?:\(\s*!gain\.available\s*\|\|\s*gain\.\w+\s*>=?\s*{_NUMBER}\s*\)|gain\.\w+\s*>=?\s*{_NUMBER})(?:[ \t]*//[^\n]*)?"
)
_COMMENT = re.compile(r"//[^\n]*")


def fixed_guard(base: CompiledPolicy) -> float | None:
    """The guard quantile that must stay as it is; None where `defaults.guard` may be changed.

    It must where an action with a neural lane has a guard of its own, or where the guard looks at nothing.
    """
    actions = (*(rule.action for rule in base.rules), base.otherwise)
    own = [action.guard for action in actions if action.guard is not None and any(lane.is_neural for lane in action.lanes)]
    default = guard_spec(base.policy.defaults.guard)
    if own:
        return guard_spec(own[0]).quantile
    return default.quantile if default.level == "off" else None


def tuned_text(text: str, base: CompiledPolicy, tuned: Tuned, *, name: str, header: Sequence[str]) -> str:
    """YAML of the tuned policy.

    Args:
        text: YAML of `base`.
        name: of the new policy.
        header: lines of the comment that begins the file.

    Raises UsageError (BAD_ARGUMENT) where the base policy's text does not let a threshold be changed: a gain condition of
    another form, or a neural lane in `otherwise`.
    """
    yaml = _round_trip()
    document = yaml.load(text)
    setting = tuned.chosen.setting
    note = _claim(tuned)
    document["name"] = name
    defaults = document.setdefault("defaults", {})
    _set(defaults, "alpha", setting.alpha, f"tuned, was {base.policy.defaults.alpha:g}: {note}")
    if not tuned.fixed_guard:
        was = guard_spec(base.policy.defaults.guard)
        guard = defaults.get("guard")
        if isinstance(guard, dict):
            guard["quantile"] = setting.quantile
            _remark(defaults, "guard", f"quantile tuned, was {was.quantile:g}: {note}")
        else:
            _set(defaults, "guard", _flow(level=was.level, quantile=setting.quantile), f"tuned, was {was.quantile:g}: {note}")
    for rule in document.get("rules", ()):
        if _is_neural(rule["then"]):
            _set_gain(rule, setting.gain, note)
    if _is_neural(document["otherwise"]):
        raise _unfit("`otherwise` has a neural lane: no threshold stands before it")
    for action in _actions(document):
        _set_order(action, setting.order)
    out = io.StringIO()
    yaml.dump(document, out)
    lines = "".join(f"# {line}".rstrip() + "\n" for line in header)
    return f"{lines}#\n{out.getvalue()}"


def _round_trip() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = WIDTH
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _flow(**values: Any) -> Any:
    from ruamel.yaml.comments import CommentedMap

    found = CommentedMap(values)
    found.fa.set_flow_style()
    return found


def _claim(tuned: Tuned) -> str:
    found = tuned.chosen
    return f"{found.harmed} harmed of {found.trials(tuned.goal.rate)}, at most {100 * tuned.upper_limit:.1f} %"


def _set(mapping: Any, key: str, value: Any, note: str) -> None:
    mapping[key] = value
    _remark(mapping, key, note)


def _remark(mapping: Any, key: str, note: str) -> None:
    mapping.yaml_set_comment_before_after_key(key, before=note, indent=mapping.lc.col if mapping.lc.col else 2)


def _is_neural(action: Any) -> bool:
    """Whether it has a neural lane that need not prove a saving; one that must needs no threshold before it."""
    return any(lane["lane"] == Lane.NEURAL and lane.get("must_save") is None for lane in action["lanes"])


def _set_gain(rule: Any, gain: float, note: str) -> None:
    """Puts the condition at the end, in place of one that is there."""
    from ruamel.yaml.scalarstring import LiteralScalarString

    when = str(rule["when"])
    without = _GAIN_TEST.sub("", when).rstrip()
    if "gain." in _COMMENT.sub("", without):
        raise _unfit(f"rule {rule['name']} reads gain.* in another way than `&& gain.bytes_saved > NUMBER` at its end")
    if gain == -math.inf and without == when.rstrip():
        return
    if gain > -math.inf:
        if "||" in _outside_brackets(without):
            without = f"({without})"
        without = f"{without}\n  && gain.bytes_saved > {_double(gain)}"
    rule["when"] = LiteralScalarString(without + "\n")
    what = "no condition on the gain saves the most" if gain == -math.inf else "smallest predicted saving"
    rule.yaml_set_comment_before_after_key("when", before=f"tuned, {what}: {note}", indent=4)


def _outside_brackets(text: str) -> str:
    depth, found = 0, []
    for character in _COMMENT.sub("", text):
        depth += (character == "(") - (character == ")")
        if not depth:
            found.append(character)
    return "".join(found)


def _double(value: float) -> str:
    text = f"{value:g}"
    return text if "." in text else f"{text}.0"


def _actions(document: Any) -> Iterator[Any]:
    yield from (rule["then"] for rule in document.get("rules", ()))
    yield document["otherwise"]
    if "on_error" in document:
        yield document["on_error"]


def _set_order(action: Any, order: Order) -> None:
    for lane in action["lanes"]:
        if lane["lane"] == Lane.CLASSICAL and lane.get("choose", "first") == "first":
            codecs = lane["codecs"]
            ranked = in_order(list(codecs), order)
            if ranked != list(codecs):
                codecs[:] = ranked  # in place: the list keeps its style and comments


def _unfit(message: str) -> UsageError:
    return UsageError(message, code=ReasonCode.BAD_ARGUMENT, hint="Write the policy as policies/balanced.yaml is written")
