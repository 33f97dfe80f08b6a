"""The one place that touches the CEL library: conditions are compiled and type-checked when a policy loads, then evaluated.

Measured with cel-expr-python 0.1.3: undeclared names and type errors are found by `compile` (RuntimeError with a position);
variables are declared dotted; a variable without a value makes an ERROR *value*, as do division by zero and a bad regular
expression, while a spent iteration budget (10,000 by default, which bounds nested comprehensions) raises RuntimeError;
`false && error` is false and `true || error` is true in either order, so a result found without some input stands.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cel_expr_python import cel

from router.errors import PolicyError
from router.policy.inputs import INPUTS, CelType
from router.reasons import ReasonCode

MAX_EXPRESSION_LENGTH = 2000

_CEL_TYPES = {
    "bool": cel.Type.BOOL,
    "int": cel.Type.INT,
    "double": cel.Type.DOUBLE,
    "string": cel.Type.STRING,
    "list<string>": cel.Type.List(cel.Type.STRING),
}

_POSITION = re.compile(r"<input>:(\d+):(\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'.*")
_LEXEMES = re.compile(
    r"""(?P<text>[bB]?[rR][bB]?(?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3}|"[^"\n]*"|'[^'\n]*')
       | \"{3}(?:[^\\]|\\[\s\S])*?\"{3} | '{3}(?:[^\\]|\\[\s\S])*?'{3} | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*'
       | [A-Za-z_][A-Za-z_0-9]* )
       | (?P<gap>(?:\s|//[^\n]*)+)""",
    re.VERBOSE,
)


class Outcome(NamedTuple):
    """Result of an evaluation: `value` is None exactly when `error` says why there is none."""

    value: bool | None
    error: str = ""


class Condition:
    """A compiled condition. Safe to share between threads.

    Attributes:
        text: as written.
        names: the declared inputs that it reads (`group.name`), from the checked syntax tree, sorted.
    """

    def __init__(self, text: str, expression: Any, names: tuple[str, ...]) -> None:
        self.text = text
        self.names = names
        self._expression = expression

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"

    def evaluate(self, values: Mapping[str, Any]) -> Outcome:
        """Evaluate with the inputs known so far; an outcome with a value does not change when more become known."""
        try:
            result = self._expression.eval(data=values)
            plain = result.plain_value()
        except Exception as error:  # the binding raises bare RuntimeError and TypeError; a condition must never stop the flow
            return Outcome(None, str(error))
        return Outcome(plain) if isinstance(plain, bool) else Outcome(None, str(plain))


class Environment:
    """The inputs that a policy's conditions may read: the frozen table and the policy's own context keys."""

    def __init__(self, context: Mapping[str, CelType]) -> None:
        types: dict[str, CelType] = {key: entry.type for key, entry in INPUTS.items()}
        types.update({f"context.{key}": type_ for key, type_ in context.items()})
        self._names = frozenset(types)
        self._env = cel.NewEnv(variables={key: _CEL_TYPES[type_] for key, type_ in types.items()})

    def compile(self, text: str) -> Condition:
        """Compile one condition.

        Raises PolicyError (POLICY_INVALID): too long, a syntax or type error, an unknown name, or a result that is not bool.
        `details` has `expression_line` and `expression_column` (from 1) where known.
        """
        if len(text) > MAX_EXPRESSION_LENGTH:
            raise _invalid(f"a condition of {len(text)} characters; at most {MAX_EXPRESSION_LENGTH} are allowed")
        try:
            expression = self._env.compile(text)
        except Exception as error:  # bare RuntimeError, or TypeError for text that is not valid Unicode
            raise self._explain(str(error)) from None
        kind = expression.return_type()
        if kind != cel.Type.BOOL:
            raise _invalid(f"a condition must be bool, this is {kind.name().lower()}", expression_line=1, expression_column=1)
        names = tuple(sorted(self._names.intersection(_references(expression.serialize()))))
        return Condition(text, expression, names)

    def _explain(self, message: str) -> PolicyError:
        found = _POSITION.search(message)
        if not found:
            return _invalid(message.removesuffix("]").rpartition(" [")[0] or message)
        line, column, problem = int(found.group(1)), int(found.group(2)), found.group(3)
        hint = ""
        if undeclared := _UNDECLARED.match(problem):
            name = undeclared.group(1)
            problem = f"unknown input {name!r}"
            group, _, key = name.partition(".")
            own = {declared.partition(".")[2]: declared for declared in self._names if declared.startswith(f"{group}.")}
            close = [own[match] for match in difflib.get_close_matches(key, own, n=1)]
            close = close or ([] if own else difflib.get_close_matches(name, self._names, n=1))
            if close:
                hint = f"Did you mean {close[0]}?"
            elif group == "context":
                hint = "Declare the key under `context:` first"
        elif "double" in problem and "int" in problem:
            hint = "Doubles are written with a point: 1.0"
        return _invalid(problem, hint, expression_line=line, expression_column=column)


def canonical(text: str) -> str:
    """The condition without comments and with single spaces, so that line breaks do not change a policy's hash."""
    return _LEXEMES.sub(lambda lexeme: lexeme.group() if lexeme.lastgroup == "text" else " ", text).strip()


def _references(checked: bytes) -> Iterator[str]:
    """Names that a checked expression refers to: CheckedExpr.reference_map of cel/expr/checked.proto, inside a protobuf Any.

    The reference map is what the type checker resolved, so names in string literals and comprehension variables do not count.
    """
    for number, any_value in _fields(checked):
        if number != 2:
            continue
        for field, entry in _fields(any_value):
            if field != 2:
                continue
            for key, reference in _fields(entry):
                if key == 2:
                    yield from (name.decode() for part, name in _fields(reference) if part == 1)


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """(number, payload) of the length-delimited fields of a protobuf message; the others are stepped over."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        wire = tag & 7
        if wire == 2:
            length, position = _varint(message, position)
            yield tag >> 3, message[position : position + length]
            position += length
        elif wire == 0:
            _, position = _varint(message, position)
        else:
            position += 8 if wire == 1 else 4


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _invalid(message: str, hint: str = "", **details: Any) -> PolicyError:
    return PolicyError(message, code=ReasonCode.POLICY_INVALID, hint=hint, **details)
