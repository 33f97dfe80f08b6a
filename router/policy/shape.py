"""What pydantic finds wrong with plain data, in words for people: fields unknown, missing, of a wrong type or out of range."""

from __future__ import annotations

import difflib
import re
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from router.codecs.options import shortened
from router.policy.problems import FieldPath, ProblemCode
from router.policy.schema import (
    Action,
    Budgets,
    ContextKey,
    Defaults,
    GuardSpec,
    LaneSpec,
    Policy,
    Rule,
    TargetSpec,
    split_field,
)

_MODELS: dict[str, type[BaseModel]] = {
    "rules": Rule, "then": Action, "otherwise": Action, "on_error": Action, "lanes": LaneSpec, "budgets": Budgets,
    "target": TargetSpec, "guard": GuardSpec, "defaults": Defaults,
}  # fmt: skip
_PLACES: tuple[tuple[str, type[BaseModel]], ...] = (
    ("in a rule", Rule),
    ("in an action (`then:`, `otherwise:`)", Action),
    ("in a lane", LaneSpec),
    ("in `budgets:`", Budgets),
    ("in `defaults:`", Defaults),
    ("at the top of the file", Policy),
    ("in a context key", ContextKey),
)
_OTHER_NAMES = {
    "if": "when", "condition": "when", "do": "then", "action": "then", "else": "otherwise", "default": "otherwise",
    "version": "schema_version", "codec": "codecs", "lane_codecs": "codecs", "options": "settings", "pick": "choose",
    "error": "on_error", "fallback": "otherwise", "time": "encode_ms", "max_mp": "max_megapixels",
}  # fmt: skip
_MISSING = {
    "otherwise": "What happens where no rule applies: otherwise: {lanes: [{lane: classical, codecs: [avif, webp]}]}",
    "schema_version": "Write schema_version: 1",
    "then": "What the rule does: then: {lanes: [...]}",
    "when": "The rule's condition; for one that always applies use `otherwise:`",
    "lanes": "What to try, in order: lanes: [{lane: classical, codecs: [avif, webp]}]",
    "name": "Lower case letters, digits, - and _; records show it",
    "type": "string, int, double or bool",
    "default": "What holds where the caller says nothing",
}
_NAME = "Lower case letters, digits, - and _, at most 64"
_KEY = "Lower case letters, digits and _, at most 64"


class Wrong(NamedTuple):
    """One finding; `kind` is pydantic's."""

    path: FieldPath
    code: ProblemCode
    message: str
    hint: str
    kind: str


def wrong_fields(error: ValidationError, data: Any) -> list[Wrong]:
    """Every finding, one for a field: a union's members each have their own word for the same mistake."""
    found: dict[FieldPath, Wrong] = {}
    unknown: dict[FieldPath, list[str]] = {}
    several: set[FieldPath] = set()
    for details in error.errors(include_url=False):
        if details["type"] == "too_short" and details["input"]:
            continue  # entries that are wrong are not counted
        one = _wrong(details, data)
        if one.kind == "extra_forbidden":
            unknown.setdefault(one.path[:-1], []).append(one.hint)
        if one.path in found and found[one.path].message != one.message:
            several.add(one.path)
        found.setdefault(one.path, one)
    for path in several:
        first = found[path]
        if first.kind.endswith("_type"):
            message = f"{shortened(_at(data, path))} has a type that this field does not take"
            found[path] = first._replace(message=message)
    # A field that is spelt wrong is not missing too.
    return [
        one
        for one in found.values()
        if one.kind != "missing" or f"Did you mean {one.path[-1]}?" not in unknown.get(one.path[:-1], ())
    ]


def _wrong(details: ErrorDetails, data: Any) -> Wrong:
    """Where and what is wrong: pydantic's own location also names union members; those are not in the data and are left out."""
    path: list[str | int] = []
    at: Any = data
    kind, message = details["type"], details["msg"].replace("Input should be ", "should be ").replace("String should", "should")
    for index, part in enumerate(details["loc"]):
        if part in (at if isinstance(at, dict) else range(len(at)) if isinstance(at, list) else ()):
            path.append(part)
            at = at[part]
        elif kind == "missing" and index == len(details["loc"]) - 1:
            path.append(part)
    if kind == "value_error":
        name, message = split_field(message)
        for part in name.replace("[", ".").replace("]", "").split(".") if name else ():
            path.append(int(part) if part.isdigit() else part)
        return Wrong(tuple(path), ProblemCode.WRONG_VALUE, message, "", kind)
    if kind == "extra_forbidden":
        return Wrong(tuple(path), ProblemCode.UNKNOWN_FIELD, "unknown field", _field_hint(tuple(path)), kind)
    if kind == "missing":
        return Wrong(tuple(path), ProblemCode.MISSING_FIELD, "missing", _hint_for(path), kind)
    if kind == "literal_error":
        expected = str(details.get("ctx", {}).get("expected", ""))
        choices = re.findall(r"'([^']*)'", expected)
        given = details["input"]
        close = difflib.get_close_matches(given.lower()[:64], choices, n=1) if isinstance(given, str) else []
        hint = f"Did you mean {close[0]}?" if close else ""
        return Wrong(tuple(path), ProblemCode.WRONG_VALUE, f"{shortened(given)} is not one of {expected}", hint, kind)
    if kind.endswith("_type") or kind in ("int_from_float", "int_parsing", "bool_parsing", "float_parsing"):
        message = message.replace("a valid tuple", "a list").replace("a valid array", "a list").replace("an object", "a mapping")
        return Wrong(
            tuple(path),
            ProblemCode.WRONG_TYPE,
            f"{message}, not {_shown(details['input'])}",
            _type_hint(kind, path, details["input"]),
            kind,
        )
    if kind == "too_short":
        return Wrong(tuple(path), ProblemCode.WRONG_VALUE, "an empty list, at least one entry is needed", _hint_for(path), kind)
    if kind == "string_pattern_mismatch":
        slug = re.sub(r"[^a-z0-9_-]+", "-", str(details["input"]).lower()[:64]).strip("-_")
        dashes = "_-" in str(details.get("ctx", {}).get("pattern", ""))
        rule = _NAME if dashes else _KEY
        slug = slug if dashes else slug.replace("-", "_")
        hint = f"{rule}: {slug}" if slug and slug != details["input"] else rule
        return Wrong(tuple(path), ProblemCode.WRONG_VALUE, f"{message}, not {shortened(details['input'])}", hint, kind)
    given = "" if isinstance(details["input"], str | list | dict) else f", not {shortened(details['input'])}"
    return Wrong(tuple(path), ProblemCode.WRONG_VALUE, message + given, "", kind)


def _hint_for(path: list[str | int]) -> str:
    return _MISSING.get(str(path[-1]), "") if path else ""


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    return "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else shortened(value)


def _type_hint(kind: str, path: list[str | int], given: Any) -> str:
    if kind in ("int_from_float",) or (kind == "int_type" and isinstance(given, float)):
        return "A whole number, without a point"
    if isinstance(given, str) and kind in ("float_type", "int_type") and re.fullmatch(r"[-+]?[\d.]+", given):
        return f"Write it without quotes: {given[:40]}"
    if isinstance(given, str) and kind == "bool_type":
        return "true or false, without quotes; yes, no, on and off are text"
    if kind == "string_type" and given is not None and not isinstance(given, dict | list):
        text = str(given).lower() if isinstance(given, bool) else str(given)
        return f"Put it into quotes: '{text[:40]}'"
    if kind in ("tuple_type", "list_type") and isinstance(given, str):
        return f"Write a list: [{given[:40]}]" if given.isprintable() else ""
    if kind in ("tuple_type", "list_type") and isinstance(given, dict):
        return "Every entry of a list begins with `- `"
    if kind == "model_type" and path and path[-1] in ("then", "otherwise", "on_error"):
        return "An action is a mapping: {lanes: [{lane: classical, codecs: [avif, webp]}]}"
    return ""


def _at(data: Any, path: FieldPath) -> Any:
    for part in path:
        data = data[part]
    return data


def _model(path: FieldPath) -> type[BaseModel] | None:
    """The model whose field the last part of the path would be."""
    if path[:1] == ("context",):
        return ContextKey if len(path) > 2 else None
    names = [part for part in path[:-1] if isinstance(part, str)]
    return _MODELS.get(names[-1]) if names else Policy


def _field_hint(path: FieldPath) -> str:
    name = str(path[-1])
    model = _model(path)
    fields = list(model.model_fields) if model else []
    other = _OTHER_NAMES.get(name.lower(), "")
    close = [other] if other in fields else difflib.get_close_matches(name.lower()[:64], fields, n=1)
    if close:
        return f"Did you mean {close[0]}?"
    place = next((place for place, at in _PLACES if name in at.model_fields and at is not model), "")
    if place:
        return f"{name} stands {place}"
    return f"Fields here: {', '.join(fields)}" if fields else ""
