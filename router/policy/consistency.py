"""What the fields of a policy must be to each other.

One home for these rules: the models of `schema.py` hold what they take to them, and the checker goes through data that may be
wrong elsewhere, so that everything shows at once.

Every function takes plain data of a part of a policy, passes over fields whose type is wrong, and yields (path in it, code,
message, hint).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from router.codecs.options import shortened
from router.policy.builtin import PLUGIN_PREFIX, builtin_lanes, codec_name
from router.policy.inputs import INPUTS
from router.policy.problems import FieldPath, ProblemCode, field_name
from router.policy.words import places

Found = tuple[FieldPath, ProblemCode, str, str]

LANES = ("neural", "classical", "lossless", "transcode", "passthrough")
RESERVED_RULE_NAMES = ("otherwise", "on_error")

# Words that CEL does not take as a member name (language definition, "Syntax").
CEL_RESERVED = frozenset(
    {"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop", "namespace"}
    | {"null", "package", "return", "true", "var", "void", "while"}
)

_OTHER_NAMES = {"jpg": "jpeg", "jpegxl": "jxl", "jpeg-xl": "jxl", "mozjpeg": "jpeg", "jpegli": "jpeg", "neural": "ncr"}


def raise_first(found: Iterable[Found]) -> None:
    """Raises ValueError("field: message") for the first of them, as validators do."""
    for path, _, message, _ in found:
        raise ValueError(f"{field_name(path[:1])}: {message}")


def lane_problems(lane: Mapping[str, Any]) -> Iterator[Found]:
    """The problems of one lane of an action."""
    kind, codecs, settings = lane.get("lane"), lane.get("codecs", ()), lane.get("settings", {})
    codecs = codecs if isinstance(codecs, list | tuple) else None
    settings = settings if isinstance(settings, Mapping) else {}
    if lane.get("must_save") is not None and kind in LANES and kind != "neural":
        yield ("must_save",), ProblemCode.CONTRADICTION, "only the neural lane is compared with a classical codec", ""
    if kind == "passthrough":
        if codecs or settings:
            message = "passthrough keeps the source's bytes and takes no codecs or settings"
            yield ("codecs" if codecs else "settings",), ProblemCode.CONTRADICTION, message, ""
        return
    if codecs is None:
        return
    if not codecs and kind in LANES:
        fitting = [codec for codec, own in builtin_lanes().items() if own == kind]
        message, hint = f"the {kind} lane needs at least one codec", f"For example codecs: [{', '.join(fitting)}]"
        yield ("codecs",), ProblemCode.MISSING_FIELD, message, hint
    seen: set[str] = set()
    for index, codec in enumerate(codecs):
        if not isinstance(codec, str):
            continue
        yield from _codec_problems(("codecs", index), codec, kind)
        if codec_name(codec) in seen:
            yield ("codecs", index), ProblemCode.DUPLICATE_NAME, "a codec is listed twice", ""
        seen.add(codec_name(codec))
    for codec in settings:
        if codec not in codecs:
            close = difflib.get_close_matches(codec[:64], [c for c in codecs if isinstance(c, str)], n=1)
            hint = f"Did you mean {close[0]}?" if close else "Settings are by codec: settings: {avif: {speed: 8}}"
            yield ("settings", codec), ProblemCode.UNKNOWN_CODEC, f"{shortened(codec)} is not among the codecs of this lane", hint


def _codec_problems(path: FieldPath, codec: str, lane: Any) -> Iterator[Found]:
    name = codec_name(codec)
    own = builtin_lanes().get(name)
    if codec.startswith(PLUGIN_PREFIX):
        if own:
            message = f"{name} is built in; write it without {PLUGIN_PREFIX}"
            yield path, ProblemCode.UNKNOWN_CODEC, message, f"Write {name}"
    elif own is None:
        yield path, ProblemCode.UNKNOWN_CODEC, f"unknown codec {shortened(codec)}", _codec_hint(codec, lane)
    elif lane in LANES and own != lane:
        alike = [other for other, at in builtin_lanes().items() if at == lane and other.startswith(f"{codec}-")]
        fitting = ", ".join(other for other, at in builtin_lanes().items() if at == lane)
        hint = f"Did you mean {alike[0]}?" if alike else f"Codecs of the {lane} lane: {fitting}"
        yield path, ProblemCode.WRONG_LANE, f"{codec} belongs to the {own} lane, not to {lane}", hint


def _codec_hint(codec: str, lane: Any) -> str:
    lower = codec.lower()[:64]
    fitting = [other for other, at in builtin_lanes().items() if at == lane] or list(builtin_lanes())
    close = [_OTHER_NAMES[lower]] if lower in _OTHER_NAMES else []
    close = close or difflib.get_close_matches(lower, fitting, n=1) or difflib.get_close_matches(lower, builtin_lanes(), n=1)
    guess = f"Did you mean {close[0]}? " if close else ""
    plugin = f"a plugin's codec is written {PLUGIN_PREFIX}{lower}" if lower == codec and codec.isascii() else ""
    return f"{guess}Built in are {', '.join(builtin_lanes())}{'; ' + plugin if plugin else ''}"


def aim_problems(part: Mapping[str, Any]) -> Iterator[Found]:
    """The problems of the aims of an action, or of the defaults."""
    if part.get("quality") is not None and part.get("target") is not None:
        yield ("quality",), ProblemCode.CONTRADICTION, "give quality or target, not both", "Quality is a target in SSIMULACRA2"


def action_problems(action: Mapping[str, Any]) -> Iterator[Found]:
    """The problems of an action, without those of its lanes."""
    yield from aim_problems(action)
    if action.get("fixed_target") is True and action.get("quality") is None and action.get("target") is None:
        yield ("fixed_target",), ProblemCode.CONTRADICTION, "there is no quality or target to fix", "Add quality: or target: here"


def policy_problems(policy: Mapping[str, Any]) -> Iterator[Found]:
    """The problems of the whole policy: names of rules and context keys, and where `on_error` may lead."""
    seen: dict[str, int] = {}
    for index, name in _names(policy.get("rules")):
        if name in RESERVED_RULE_NAMES:
            yield ("rules", index, "name"), ProblemCode.DUPLICATE_NAME, f"{name} is reserved", "Give the rule another name"
        elif name in seen:
            hint = f"Rule {seen[name] + 1} has it already; records name the rule, so every name stands once"
            yield ("rules", index, "name"), ProblemCode.DUPLICATE_NAME, f"{shortened(name)[1:-1]} is used twice", hint
        seen.setdefault(name, index)
    yield from _explanation_problems(policy)
    yield from _word_problems(policy)
    context = policy.get("context")
    for key in context if isinstance(context, Mapping) else ():
        if key in CEL_RESERVED:
            yield (
                ("context", key),
                ProblemCode.WRONG_VALUE,
                "a reserved word of CEL",
                "Conditions could not read it: choose another",
            )
    on_error = policy.get("on_error")
    lanes = on_error.get("lanes") if isinstance(on_error, Mapping) else None
    for index, lane in enumerate(lanes if isinstance(lanes, list | tuple) else ()):
        if isinstance(lane, Mapping) and lane.get("lane") == "neural":
            message = "a rule that failed must not lead to the neural lane"
            yield (
                ("on_error", "lanes", index, "lane"),
                ProblemCode.CONTRADICTION,
                message,
                "Name a classical or lossless lane here",
            )


def _explanation_problems(policy: Mapping[str, Any]) -> Iterator[Found]:
    """`why_not` names a rule that was tried before."""
    earlier: list[str] = []
    numbered = {("rules", index, "then"): name for index, name in _names(policy.get("rules"))}
    for path, action in actions(policy):
        wanted = action.get("why_not")
        if isinstance(wanted, str) and path == ("on_error",):
            message = "a rule that failed is the reason already"
            yield (*path, "why_not"), ProblemCode.CONTRADICTION, message, "Leave it out here"
        elif isinstance(wanted, str) and wanted not in earlier:
            close = difflib.get_close_matches(wanted[:64], earlier, n=1)
            hint = f"Did you mean {close[0]}?" if close else "Name a rule that stands before it"
            yield (*path, "why_not"), ProblemCode.WRONG_VALUE, f"there is no earlier rule {shortened(wanted)[1:-1]}", hint
        if path in numbered:
            earlier.append(numbered[path])


def _word_problems(policy: Mapping[str, Any]) -> Iterator[Found]:
    """Words by input, and values in them: of inputs that exist, and that records may hold."""
    context = policy.get("context")
    declared = {f"context.{key}": entry for key, entry in context.items()} if isinstance(context, Mapping) else {}
    silent = {name for name, entry in declared.items() if not (isinstance(entry, Mapping) and entry.get("record") is True)}
    rules = policy.get("rules")
    for index, rule in enumerate(rules if isinstance(rules, list | tuple) else ()):
        for kind in ("because", "if_not"):
            words = rule.get(kind) if isinstance(rule, Mapping) else None
            for name, sentence in words.items() if isinstance(words, Mapping) else ():
                path = ("rules", index, kind, name)
                named, loose = places(sentence) if isinstance(sentence, str) else ([], False)
                for input_name in (str(name), *(n for n in named if n not in ("value", "limit"))):
                    if input_name not in INPUTS and input_name not in declared:
                        close = difflib.get_close_matches(input_name[:100], [*INPUTS, *declared], n=1)
                        hint = f"Did you mean {close[0]}?" if close else "`codec-router policies inputs` lists the inputs"
                        yield path, ProblemCode.UNKNOWN_INPUT, f"{shortened(input_name)[1:-1]} is no input", hint
                for input_name in silent.intersection(named):
                    message, hint = f"{input_name} is not recorded", "Declare it with record: true, or leave its value out"
                    yield path, ProblemCode.CONTRADICTION, message, hint
                if loose:
                    message = "braces are for values, such as {image.megapixels}, {value} or {limit}"
                    yield path, ProblemCode.WRONG_VALUE, message, "Leave other braces out"


def _names(rules: Any) -> Iterator[tuple[int, str]]:
    for index, rule in enumerate(rules if isinstance(rules, list | tuple) else ()):
        if isinstance(rule, Mapping) and isinstance(rule.get("name"), str):
            yield index, rule["name"]


def actions(policy: Mapping[str, Any]) -> Iterator[tuple[FieldPath, Mapping[str, Any]]]:
    """(path, action) for every one in plain data that is a mapping."""
    rules = policy.get("rules")
    for index, rule in enumerate(rules if isinstance(rules, list | tuple) else ()):
        if isinstance(rule, Mapping) and isinstance(rule.get("then"), Mapping):
            yield ("rules", index, "then"), rule["then"]
    for name in RESERVED_RULE_NAMES:
        if isinstance(policy.get(name), Mapping):
            yield (name,), policy[name]


def lanes(policy: Mapping[str, Any]) -> Iterator[tuple[FieldPath, Mapping[str, Any]]]:
    """(path, lane) for every one in plain data that is a mapping."""
    for path, action in actions(policy):
        listed = action.get("lanes")
        for index, lane in enumerate(listed if isinstance(listed, list | tuple) else ()):
            if isinstance(lane, Mapping):
                yield (*path, "lanes", index), lane
