"""What is wrong with a policy, or will surprise: one problem, its place, and the error that several of them make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from dataclasses import field as data_field
from enum import StrEnum
from typing import Any, NamedTuple

from router.codecs.options import shortened_text
from router.errors import PolicyError
from router.reasons import ReasonCode

MAX_MESSAGE = 400
"""Characters of one problem as messages show it."""
MAX_PROBLEMS = 10
"""Problems named in one error; a file that is wrong throughout is not clearer with more. `policies check` shows them all."""

FieldPath = tuple[str | int, ...]


class Place(NamedTuple):
    """A character of a file; both count from 1."""

    line: int
    column: int


class ProblemCode(StrEnum):
    """What kind of problem it is. Stable: programs may compare it."""

    NOT_READABLE = "NOT_READABLE"
    """Too large, not UTF-8, empty, or no mapping."""
    YAML_SYNTAX = "YAML_SYNTAX"
    DUPLICATE_FIELD = "DUPLICATE_FIELD"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    MISSING_FIELD = "MISSING_FIELD"
    WRONG_TYPE = "WRONG_TYPE"
    WRONG_VALUE = "WRONG_VALUE"
    """Out of range, not one of the choices, or not a name."""
    CONTRADICTION = "CONTRADICTION"
    """Two fields that do not go together."""
    DUPLICATE_NAME = "DUPLICATE_NAME"
    CEL_SYNTAX = "CEL_SYNTAX"
    CEL_TYPE = "CEL_TYPE"
    UNKNOWN_INPUT = "UNKNOWN_INPUT"
    UNKNOWN_FUNCTION = "UNKNOWN_FUNCTION"
    TOO_COSTLY = "TOO_COSTLY"
    UNKNOWN_CODEC = "UNKNOWN_CODEC"
    WRONG_LANE = "WRONG_LANE"
    UNKNOWN_SETTING = "UNKNOWN_SETTING"
    BAD_SETTING = "BAD_SETTING"
    NEVER_APPLIES = "NEVER_APPLIES"
    """Warning: no image can come to this rule or action."""
    NO_EFFECT = "NO_EFFECT"
    """Warning: the field changes nothing."""
    NO_FALLBACK = "NO_FALLBACK"
    """Warning: without consent to the neural lane this action fails."""
    NOT_INSTALLED = "NOT_INSTALLED"
    """Warning: the codec is passed over on this machine."""
    SHIPPED_NAME = "SHIPPED_NAME"
    """Warning: records will name a shipped policy that this one is not."""


@dataclass(frozen=True)
class Problem:
    """One problem.

    Attributes:
        path: the field; () for the whole policy.
        code: what kind it is.
        message: one line.
        hint: a way out, one line; "" if there is none to tell.
        place: in the file; None for a policy that is not from a file.
        warning: whether the policy loads all the same.
        broken: whether the field has no readable value, so that nothing more can be said of it.
        details: further facts for the error's `details` (rule, condition, position in it).
    """

    path: FieldPath
    code: ProblemCode
    message: str
    hint: str = ""
    place: Place | None = None
    warning: bool = False
    broken: bool = False
    details: dict[str, Any] = data_field(default_factory=dict)

    @property
    def field(self) -> str:
        """`rules[2].then.lanes[0].codecs`, cut to what a message has room for."""
        return shortened_text(field_name(self.path), MAX_MESSAGE)

    def line(self, file: str, *, hint: bool = False, kind: bool = False) -> str:
        """`mine.yaml:7:11: rules[0].when: what is wrong`, on one line; with `hint` also a way out, with `kind` how bad it is."""
        where = ":".join([*([file] if file else []), *(map(str, self.place) if file and self.place else ())])
        parts = [where, ("warning" if self.warning else "error") if kind else "", self.field, self.message]
        text = shortened_text(": ".join(part for part in parts if part), MAX_MESSAGE + len(where))
        return _one_line(f"{text}. {self.hint}" if hint and self.hint else text)

    def to_dict(self, file: str) -> dict[str, Any]:
        """JSON-able facts: file, line, column (None where not known), field, code, severity, message, hint."""
        line, column = self.place or (None, None)
        return {
            "file": file,
            "line": line,
            "column": column,
            "field": self.field,
            "code": str(self.code),
            "severity": "warning" if self.warning else "error",
            "message": _one_line(shortened_text(self.message, MAX_MESSAGE)),
            "hint": _one_line(self.hint),
        }


def field_name(path: FieldPath) -> str:
    """`rules[2].then.lanes[0].codecs` for ("rules", 2, "then", "lanes", 0, "codecs")."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{_one_line(part)}" if text else _one_line(part)
    return text


def policy_error(problems: Sequence[Problem], file: str) -> PolicyError:
    """One error from problems in the order of the file; at least one. `details` has those that it names as `problems`."""
    named, first = problems[:MAX_PROBLEMS], problems[0]
    several = len(problems) > 1
    lines = [problem.line(file, hint=several) for problem in named]
    if len(problems) > MAX_PROBLEMS:
        lines.append(f"and {len(problems) - MAX_PROBLEMS} more")
    everything = f"`codec-router policies check {file}` shows them all" if file and len(problems) > MAX_PROBLEMS else ""
    return PolicyError(
        "\n".join(lines),
        code=ReasonCode.POLICY_INVALID,
        hint=everything if several else first.hint,
        file=file,
        line=first.place.line if first.place else None,
        column=first.place.column if first.place else None,
        field=first.field,
        errors=lines,
        problems=[problem.to_dict(file) for problem in named],
        **_details(named),
    )


def _details(problems: Iterable[Problem]) -> dict[str, Any]:
    return next((problem.details for problem in problems if problem.details), {})


def _one_line(text: str) -> str:
    """Names and values come from anywhere: control characters are escaped, line breaks are spaces."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c in "\r\n\t" else c.encode("unicode_escape").decode() for c in text)
