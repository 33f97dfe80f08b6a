"""Policy files as plain data with the place of every field.

YAML without its traps: no anchors, tags or duplicate keys, and the scalars of YAML 1.2 (`no`, `on`, `1:30`, `0777` and dates
are what they look like: text, text, text, 777 and text).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from router.codecs.options import shortened
from router.errors import PolicyError
from router.policy.places import Places, SourceSpan
from router.policy.problems import FieldPath, Place, Problem, ProblemCode, policy_error
from router.reasons import ReasonCode

MAX_FILE_BYTES = 128 * 1024
MAX_DEPTH = 24
MAX_NODES = 10_000
"""Fields, names and list entries of a policy."""
MAX_INT = (1 << 63) - 1

_QUOTE = "Put text that begins with a sign, or has `: ` or ` #` in it, into quotes, or on lines of its own below `|`"
_YAML_HINTS = (
    ("cannot start any token", "\\t", "Indent with spaces, not tabs"),
    ("mapping values are not allowed", "", f"Check the indentation. {_QUOTE}"),
    ("while scanning an anchor", "", f"Conditions with && belong into quotes. {_QUOTE}"),
    ("while scanning an alias", "", _QUOTE),
    ("while scanning a directive", "", _QUOTE),
    ("expected <block end>", "", f"Check the indentation of this line. {_QUOTE}"),
    ("could not find expected ':'", "", "Write `name: value`, with a space behind the colon"),
    ("found unexpected end of stream", "", "A quote is not closed"),
    ("expected ',' or", "", "A bracket is not closed, or a comma is missing"),
    ("anchors and aliases", "", f"Write it out. {_QUOTE}"),
)


@dataclass(frozen=True)
class PolicySource:
    """A policy before validation.

    Attributes:
        data: plain dicts, lists and scalars; None where a value could not be read.
        file: path for messages; "" when it did not come from a file.
        places: where everything stands in the file.
        problems: what is wrong with the file as YAML, found so far; `validate` raises it with the rest.
    """

    data: Any
    file: str = ""
    places: Places = field(default_factory=Places)
    problems: tuple[Problem, ...] = ()


class _UnreadableError(Exception):
    """Stops reading a file: nothing can be said of the rest."""

    def __init__(self, code: ProblemCode, message: str, hint: str = "", place: Place | None = None) -> None:
        super().__init__(message)
        self.problem = Problem((), code, message, hint, place)


def read_policy_file(path: Path) -> PolicySource:
    """Read one YAML file.

    Raises PolicyError: POLICY_NOT_FOUND (no such file, or not readable), POLICY_INVALID (too large, not UTF-8, or not YAML), with
    file, line and column. A construct that policies do not use is among the source's `problems`.
    """
    return parse_policy_bytes(_raw(path), str(path))


def read_source(path: Path) -> tuple[PolicySource | None, Problem | None]:
    """The source, or what makes the file unreadable as a whole. Raises PolicyError (POLICY_NOT_FOUND)."""
    try:
        return _from_bytes(_raw(path), str(path)), None
    except _UnreadableError as stop:
        return None, stop.problem


def parse_policy_bytes(raw: bytes, file: str) -> PolicySource:
    """Parse a YAML file's bytes; `file` is for messages. Raises PolicyError as `read_policy_file`."""
    try:
        return _from_bytes(raw, file)
    except _UnreadableError as stop:
        raise policy_error([stop.problem], file) from None


def parse_policy_text(text: str, file: str) -> PolicySource:
    """Parse YAML text; `file` is for messages. Raises PolicyError as `read_policy_file`."""
    try:
        return _from_text(text, file)
    except _UnreadableError as stop:
        raise policy_error([stop.problem], file) from None


def _raw(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise PolicyError(
            f"cannot read policy file {path}: {error.strerror or error}", code=ReasonCode.POLICY_NOT_FOUND, file=str(path)
        ) from None


def _from_bytes(raw: bytes, file: str) -> PolicySource:
    if len(raw) > MAX_FILE_BYTES:
        raise _UnreadableError(ProblemCode.NOT_READABLE, f"larger than {MAX_FILE_BYTES} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        place = Place(before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1)
        raise _UnreadableError(ProblemCode.NOT_READABLE, "not UTF-8", "Save it as UTF-8", place) from None
    return _from_text(text, file)


def _from_text(text: str, file: str) -> PolicySource:
    places = Places(text)
    try:
        node = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = ", ".join(part for part in (error.context, error.problem) if part) or "not YAML"
        hint = next((hint for said, also, hint in _YAML_HINTS if said in problem and also in problem), "")
        if hint.startswith("A ") and error.context_mark:
            opened = places.at(error.context_mark.index)
            hint += f"; it begins at line {opened.line}, column {opened.column}"
        raise _UnreadableError(ProblemCode.YAML_SYNTAX, problem, hint, places.at(mark.index) if mark else None) from None
    except yaml.reader.ReaderError as error:
        problem = f"not YAML: the character {shortened(text[error.position])}"
        raise _UnreadableError(
            ProblemCode.YAML_SYNTAX, problem, "Write it as an escape in double quotes", places.at(error.position)
        ) from None
    except yaml.YAMLError as error:
        raise _UnreadableError(ProblemCode.YAML_SYNTAX, f"not YAML: {str(error).splitlines()[0]}") from None
    if node is None:
        raise _UnreadableError(
            ProblemCode.NOT_READABLE, "empty", "`codec-router policies show balanced` prints a policy to start from"
        )
    reading = _Reading(places)
    data = reading.plain(node, ())
    return PolicySource(data, file, places, tuple(reading.problems))


class _Loader(yaml.SafeLoader):
    """Composes nodes only; nothing is ever constructed from a tag."""

    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  (PyYAML's own name and type)
    _depth = _nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(problem="anchors and aliases are not allowed", problem_mark=event.start_mark)
        if self._depth >= MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {MAX_DEPTH} levels", problem_mark=event.start_mark)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise yaml.MarkedYAMLError(problem=f"more than {MAX_NODES:,} values", problem_mark=event.start_mark)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


_TAG = "tag:yaml.org,2002:"
for _name, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+0123456789."),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"^(?:{_pattern})$"), list(_first))


class _Reading:
    """Turns nodes into plain data; notes where they stand, and what policies do not use."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self.problems: list[Problem] = []

    def plain(self, node: yaml.Node, path: FieldPath) -> Any:
        start, end = node.start_mark.index, node.end_mark.index
        self._places.names.setdefault(path, start)  # a mapping's entry has its name already
        self._places.values[path] = SourceSpan(
            start, end, (getattr(node, "style", "") or "") if isinstance(node, yaml.ScalarNode) else ""
        )
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.plain(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag.startswith(_TAG):
            kind = node.tag.removeprefix(_TAG)
            try:
                if kind == "str":
                    return _valid(node.value)
                if kind == "int":
                    return _bounded(int(node.value))
                if kind == "float":
                    return _bounded(float(node.value))
            except ValueError as error:
                self._note(path, start, ProblemCode.WRONG_VALUE, str(error))
                return None
            if kind == "bool":
                return node.value.lower() == "true"
            if kind == "null":
                return None
        hint = f"Put it into quotes: '{node.tag} ...'" if path[-1:] == ("when",) and not node.tag.startswith(_TAG) else ""
        self._note(path, start, ProblemCode.YAML_SYNTAX, f"tag {node.tag} is not allowed", hint)
        return None

    def _mapping(self, node: yaml.MappingNode, path: FieldPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            at = key_node.start_mark.index
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != _TAG + "str":
                self._note(
                    path, at, ProblemCode.YAML_SYNTAX, "a field's name must be text; quote it if it is meant to be", broken=False
                )
                continue
            key = key_node.value
            if not is_unicode(key):
                self._note(path, at, ProblemCode.YAML_SYNTAX, "a field's name is not valid Unicode", broken=False)
                continue
            if key in result:
                first = self._places.at(self._places.names[(*path, key)])
                hint = f"It stands in line {first.line} already"
                self._note((*path, key), at, ProblemCode.DUPLICATE_FIELD, "given twice", hint, broken=False)
                continue
            self._places.names[(*path, key)] = at
            result[key] = self.plain(value_node, (*path, key))
        return result

    def _note(self, path: FieldPath, index: int, code: ProblemCode, message: str, hint: str = "", *, broken: bool = True) -> None:
        self.problems.append(Problem(path, code, message, hint, self._places.at(index), broken=broken))


def _bounded(number: float) -> float:
    if not math.isfinite(number) or (isinstance(number, int) and abs(number) > MAX_INT):
        raise ValueError("a number beyond 64 bits")
    return number


def is_unicode(text: str) -> bool:
    """Whether there are no halves of surrogate pairs in it."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _valid(text: str) -> str:
    if not is_unicode(text):
        raise ValueError("text that is not valid Unicode")
    return text
