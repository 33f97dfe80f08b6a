"""The one place that touches the CEL library: conditions are compiled and type-checked when a policy loads, then evaluated.

Measured with cel-expr-python 0.1.3: undeclared names and type errors are found by `compile` (RuntimeError with a position);
variables are declared dotted; a variable without a value makes an ERROR *value*, as do division by zero and a bad regular
expression, while a spent iteration budget (10,000 by default, which bounds nested comprehensions) raises RuntimeError;
`false && error` is false and `true || error` is true in either order, so a result found without some input stands;
`x / 0.0` is infinity and no error, and nothing bounds the size of values (`bounds.py` does).
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from cel_expr_python import cel

from router.errors import PolicyError
from router.policy import bounds
from router.policy.bounds import ConditionCost
from router.policy.cel_mistakes import MAX_MISTAKES, CelMistake, explained, foreign, moved, not_bool
from router.policy.inputs import INPUTS, MAX_TEXT_LENGTH, CelType
from router.policy.problems import ProblemCode
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

STRING = r"""(?:[bB]?[rR][bB]?(?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3}|"[^"\n]*"|'[^'\n]*')
       | \"{3}(?:[^\\]|\\[\s\S])*?\"{3} | '{3}(?:[^\\]|\\[\s\S])*?'{3} | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*')"""
"""A text literal of CEL, as a verbose regular expression."""
_LEXEMES = re.compile(
    rf"""(?P<text>{STRING}
       | [A-Za-z_][A-Za-z_0-9]* )
       | (?P<gap>(?:\s|//[^\n]*)+)""",
    re.VERBOSE,
)


class Evaluation(NamedTuple):
    """Result of an evaluation: `value` is None exactly when `error` says why there is none."""

    value: bool | None
    error: str = ""


class Condition:
    """A compiled condition. Safe to share between threads.

    Attributes:
        text: as written.
        names: the declared inputs that it reads (`group.name`), from the checked syntax tree, sorted.
        cost: the most that one evaluation can take.
        checked: its syntax tree.
    """

    def __init__(self, text: str, expression: Any, names: tuple[str, ...], cost: ConditionCost, checked: Checked) -> None:
        self.text = text
        self.names = names
        self.cost = cost
        self.checked = checked
        self._expression = expression

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"

    def evaluate(self, values: Mapping[str, Any]) -> Evaluation:
        """Evaluate with the inputs known so far; an outcome with a value does not change when more become known."""
        try:
            result = self._expression.eval(data=values)
            plain = result.plain_value()
        except Exception as error:  # the binding raises bare RuntimeError and TypeError; a condition must never stop the flow
            return Evaluation(None, str(error))
        return Evaluation(plain) if isinstance(plain, bool) else Evaluation(None, str(plain))


class Environment:
    """The inputs that a policy's conditions may read: the frozen table and the policy's own context keys."""

    def __init__(self, context: Mapping[str, CelType], untyped: Collection[str] = ()) -> None:
        """`untyped`: context keys that are declared, but wrongly, so that nothing can be said of what is done with them."""
        types: dict[str, CelType] = {key: entry.type for key, entry in INPUTS.items()}
        types.update({f"context.{key}": type_ for key, type_ in context.items()})
        self._untyped = frozenset(f"context.{key}" for key in untyped)
        self._names = frozenset(types) | self._untyped
        self._sizes = {key: _SIZES[type_] for key, type_ in types.items() if type_ in _SIZES}
        variables = {key: _CEL_TYPES[type_] for key, type_ in types.items()} | dict.fromkeys(self._untyped, cel.Type.DYN)
        double = cel.Type.DOUBLE
        finite = cel.FunctionDecl(_FINITE, [cel.Overload(_FINITE, return_type=double, parameters=[double], impl=_finite)])
        self._env = cel.NewEnv(variables=variables, functions=[finite])
        self._pieces: dict[str, Any] = {}

    def compile(self, text: str) -> Condition:
        """Compile one condition.

        Raises PolicyError (POLICY_INVALID): too long, a syntax or type error, an unknown name, a result that is not bool, a
        number that is not finite, or more work or memory than one evaluation may take.
        `details` has `expression_line` and `expression_column` (from 1) where known.
        """
        found = self._attempt(text)
        if isinstance(found, Condition):
            return found
        first = found[0]
        raise PolicyError(
            first.message,
            code=ReasonCode.POLICY_INVALID,
            hint=first.hint,
            expression_line=first.line,
            expression_column=first.column,
        )

    def attempt(self, text: str) -> Condition | list[CelMistake]:
        """The condition, or all that is wrong with it; an empty list where its types cannot be told."""
        found = self._attempt(text)
        if isinstance(found, Condition) or not any(key in text for key in self._untyped):
            return found
        return [mistake for mistake in found if mistake.code is not ProblemCode.CEL_TYPE]

    def _attempt(self, text: str) -> Condition | list[CelMistake]:
        if len(text) > MAX_EXPRESSION_LENGTH:
            return _one(f"a condition of {len(text)} characters; at most {MAX_EXPRESSION_LENGTH} are allowed")
        try:
            expression = self._env.compile(text)
        except Exception as error:  # bare RuntimeError, or TypeError for text that is not valid Unicode
            return self._mistakes(text, str(error))
        kind = expression.return_type()
        if kind != cel.Type.BOOL:
            return [not_bool(kind.name().lower(), text)]
        try:
            checked = Checked(expression.serialize())
            cost = bounds.cost(checked.root, self._sizes)
            if infinite := _infinite(checked):
                return [infinite]
            expression = self._without_infinities(expression, checked)
        except (ValueError, IndexError, RecursionError, RuntimeError):  # loops in loops beyond what protobuf reads
            return _one("the condition is nested too deeply")
        if problem := cost.problem("the condition"):
            return _one(problem, SIMPLER)
        return Condition(text, expression, tuple(sorted(self._names & checked.names)), cost, checked)

    def _mistakes(self, text: str, message: str) -> list[CelMistake]:
        """What the library says, and what it would say if operators of other languages were put right."""
        mistakes, right, origin = foreign(text)
        if not mistakes:
            return explained(message, text, self._names)
        try:
            self._env.compile(right)
        except Exception as error:
            told = {(mistake.line, mistake.column) for mistake in mistakes} | {mistake.hint for mistake in mistakes}
            further = moved(explained(str(error), right, self._names), right, text, origin)
            mistakes += [m for m in further if (m.line, m.column) not in told and m.hint not in told]
        return sorted(dict.fromkeys(mistakes), key=lambda mistake: (mistake.line or 0, mistake.column or 0))[:MAX_MISTAKES]

    def value_of(self, text: str, values: Mapping[str, Any]) -> Any:
        """The value of a piece of a compiled condition with the inputs known so far; None where it has none."""
        if text not in self._pieces:
            try:
                self._pieces[text] = self._env.compile(text)
            except Exception:  # a piece that does not stand alone
                self._pieces[text] = None
        expression = self._pieces[text]
        try:
            result = None if expression is None else expression.eval(data=values)
            return None if result is None or result.type() == cel.Type.ERROR else result.plain_value()
        except Exception:  # as in `Condition.evaluate`
            return None

    def _without_infinities(self, expression: Any, checked: Checked) -> Any:
        """The expression with every operation that could give infinity or NaN made to fail instead."""
        ids = frozenset(node.id for node in checked.root.walk() if _MAY_OVERFLOW.intersection(node.overloads))
        return self._env.deserialize(checked.wrapped(_FINITE, ids)) if ids else expression


def _infinite(checked: Checked) -> CelMistake | None:
    """A number, or an operation, that cannot be held to be finite."""
    for node in checked.root.walk():
        if isinstance(node.value, float) and not math.isfinite(node.value):
            return CelMistake(ProblemCode.WRONG_VALUE, "a number beyond 1.8e308")
        if _MAY_OVERFLOW.intersection(node.overloads) and len(node.overloads) > 1:
            hint = "Give one of them a type, such as double(x)"
            return CelMistake(ProblemCode.CEL_TYPE, "arithmetic whose operands have no type of their own", hint)
    return None


def canonical(text: str) -> str:
    """The condition without comments and with single spaces, so that line breaks do not change a policy's hash."""
    return _LEXEMES.sub(lambda lexeme: lexeme.group() if lexeme.lastgroup == "text" else " ", text).strip()


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ArithmeticError("a number that is not finite")
    return value


def _one(message: str, hint: str = "") -> list[CelMistake]:
    return [CelMistake(ProblemCode.TOO_COSTLY, message, hint)]
