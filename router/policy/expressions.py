"""The one place that touches the CEL library: conditions are compiled and type-checked when a policy loads, then evaluated.

Measured with cel-expr-python 0.1.3: undeclared names and type errors are found by `compile` (RuntimeError with a position);
variables are declared dotted; a variable without a value makes an ERROR *value*, as do division by zero and a bad regular
expression, while a spent iteration budget (10,000 by default, which bounds nested comprehensions) raises RuntimeError;
`false && error` is false and `true || error` is true in either order, so a result found without some input stands;
`x / 0.0` is infinity and no error, and nothing bounds the size of values (`bounds.py` does).
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from cel_expr_python import cel

from router.errors import PolicyError
from router.policy import bounds
from router.policy.bounds import Cost
from router.policy.inputs import INPUTS, MAX_TEXT_LENGTH, CelType
from router.policy.receiver import MAX_MODEL_ID_LENGTH, MAX_MODELS
from router.policy.syntax import Checked
from router.reasons import ReasonCode

MAX_EXPRESSION_LENGTH = 2000

SIMPLER = "Compare texts and lists as they are, without building new ones"
_CHARACTER = 4
"""Bytes of UTF-8, at most."""
_SIZES = {
    "string": bounds.text(_CHARACTER * MAX_TEXT_LENGTH),
    "list<string>": bounds.texts(MAX_MODELS, _CHARACTER * MAX_MODEL_ID_LENGTH),
}
_FINITE = "@finite"
"""A function that no condition can name: gives its argument back, and an error for a number that is not finite."""
_MAY_OVERFLOW = frozenset({"add_double", "subtract_double", "multiply_double", "divide_double", "string_to_double"})

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
        cost: the most that one evaluation can take.
    """

    def __init__(self, text: str, expression: Any, names: tuple[str, ...], cost: Cost) -> None:
        self.text = text
        self.names = names
        self.cost = cost
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
        self._sizes = {key: _SIZES[type_] for key, type_ in types.items() if type_ in _SIZES}
        variables = {key: _CEL_TYPES[type_] for key, type_ in types.items()}
        double = cel.Type.DOUBLE
        finite = cel.FunctionDecl(_FINITE, [cel.Overload(_FINITE, return_type=double, parameters=[double], impl=_finite)])
        self._env = cel.NewEnv(variables=variables, functions=[finite])

    def compile(self, text: str) -> Condition:
        """Compile one condition.

        Raises PolicyError (POLICY_INVALID): too long, a syntax or type error, an unknown name, a result that is not bool, a
        number that is not finite, or more work or memory than one evaluation may take.
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
        try:
            checked = Checked(expression.serialize())
            cost = bounds.cost(checked.root, self._sizes)
            expression = self._without_infinities(expression, checked)
        except (ValueError, IndexError, RecursionError, RuntimeError) as error:  # loops in loops beyond what protobuf reads
            raise _invalid("the condition is nested too deeply") from error
        if problem := cost.problem("the condition"):
            raise _invalid(problem, SIMPLER)
        return Condition(text, expression, tuple(sorted(self._names & checked.names)), cost)

    def _without_infinities(self, expression: Any, checked: Checked) -> Any:
        """The expression with every operation that could give infinity or NaN made to fail instead."""
        nodes = list(checked.root.walk())
        for node in nodes:
            if isinstance(node.value, float) and not math.isfinite(node.value):
                raise _invalid("a number beyond 1.8e308")
        risky = [node for node in nodes if _MAY_OVERFLOW.intersection(node.overloads)]
        if any(len(node.overloads) > 1 for node in risky):
            raise _invalid("arithmetic whose operands have no type of their own", "Give one of them a type, such as double(x)")
        ids = frozenset(node.id for node in risky)
        return self._env.deserialize(checked.wrapped(_FINITE, ids)) if ids else expression

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


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ArithmeticError("a number that is not finite")
    return value


def _invalid(message: str, hint: str = "", **details: Any) -> PolicyError:
    return PolicyError(message, code=ReasonCode.POLICY_INVALID, hint=hint, **details)
