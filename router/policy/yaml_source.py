"""Policy files as plain data with the line of every field. YAML without its traps: no anchors, tags or duplicate keys, and the
scalars of YAML 1.2 (`no`, `on`, `1:30`, `0777` and dates are what they look like: text, text, text, 777 and text).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from router.codecs.options import shortened_text
from router.errors import PolicyError
from router.reasons import ReasonCode

MAX_FILE_BYTES = 128 * 1024
MAX_DEPTH = 24
MAX_NODES = 10_000
"""Fields, names and list entries of a policy."""
MAX_MESSAGE = 400
"""Characters of one problem as messages show it."""
MAX_INT = (1 << 63) - 1

FieldPath = tuple[str | int, ...]


@dataclass(frozen=True)
class PolicySource:
    """A policy before validation.

    Attributes:
        data: plain dicts, lists and scalars.
        file: path for messages; "" when it did not come from a file.
        lines: line (from 1) of every field, by path.
        text_lines: line where the text of a scalar begins: the next one for block scalars.
    """

    data: Any
    file: str = ""
    lines: dict[FieldPath, int] = field(default_factory=dict)
    text_lines: dict[FieldPath, int] = field(default_factory=dict)

    def line(self, path: FieldPath) -> int | None:
        """Line of the field, or of the closest field around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None

    def where(self, line: int | None) -> str:
        """`file:line: ` as a prefix for messages; "" for a policy that is not from a file."""
        return "" if not self.file else f"{self.file}: " if line is None else f"{self.file}:{line}: "


def read_policy_file(path: Path) -> PolicySource:
    """Read one YAML file.

    Raises PolicyError: POLICY_NOT_FOUND (no such file, or not readable), POLICY_INVALID (too large, not UTF-8, not YAML, or
    a construct that policies do not use), with file and line.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise PolicyError(
            f"cannot read policy file {path}: {error.strerror or error}", code=ReasonCode.POLICY_NOT_FOUND, file=str(path)
        ) from None
    return parse_policy_bytes(raw, str(path))


def parse_policy_bytes(raw: bytes, file: str) -> PolicySource:
    """Parse a YAML file's bytes; `file` is for messages. Raises PolicyError as `read_policy_file`."""
    if len(raw) > MAX_FILE_BYTES:
        raise _invalid(file, None, f"larger than {MAX_FILE_BYTES} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _invalid(file, raw[: error.start].count(b"\n") + 1, "not UTF-8") from None
    return parse_policy_text(text, file)


def parse_policy_text(text: str, file: str) -> PolicySource:
    """Parse YAML text; `file` is for messages. Raises PolicyError as `read_policy_file`."""
    try:
        node = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        raise _invalid(file, mark.line + 1 if mark else None, problem or "not YAML") from None
    except yaml.YAMLError as error:
        raise _invalid(file, None, f"not YAML: {str(error).splitlines()[0]}") from None
    if node is None:
        raise _invalid(file, None, "empty")
    source = PolicySource({}, file)
    return PolicySource(_plain(node, (), source), file, source.lines, source.text_lines)


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


def _plain(node: yaml.Node, path: FieldPath, source: PolicySource) -> Any:
    line = node.start_mark.line + 1
    source.lines.setdefault(path, line)  # a mapping's entry has its key's line already
    if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != _TAG + "str":
                raise _invalid(source.file, key_line, "a field's name must be text; quote it if it is meant to be", path)
            key = key_node.value
            if not is_unicode(key):
                raise _invalid(source.file, key_line, "a field's name is not valid Unicode", path)
            if key in result:
                raise _invalid(source.file, key_line, "given twice", (*path, key))
            source.lines[(*path, key)] = key_line
            result[key] = _plain(value_node, (*path, key), source)
        return result
    if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
        return [_plain(item, (*path, index), source) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode) and node.tag.startswith(_TAG):
        source.text_lines[path] = line + (node.style in ("|", ">"))
        kind = node.tag.removeprefix(_TAG)
        try:
            if kind == "str":
                return _valid(node.value)
            if kind == "int":
                return _bounded(int(node.value))
            if kind == "float":
                return _bounded(float(node.value))
        except ValueError as error:
            raise _invalid(source.file, line, str(error), path) from None
        if kind == "bool":
            return node.value.lower() == "true"
        if kind == "null":
            return None
    raise _invalid(source.file, line, f"tag {node.tag} is not allowed", path)


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


def field_name(path: FieldPath) -> str:
    """`rules[2].then.lanes[0].codecs` for ("rules", 2, "then", "lanes", 0, "codecs")."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _invalid(file: str, line: int | None, problem: str, path: FieldPath = ()) -> PolicyError:
    where = PolicySource(None, file).where(line)
    name = shortened_text(field_name(path), MAX_MESSAGE)
    return PolicyError(
        f"{where}{name + ': ' if name else ''}{shortened_text(problem, MAX_MESSAGE)}",
        code=ReasonCode.POLICY_INVALID,
        file=file,
        line=line,
        field=name,
    )
