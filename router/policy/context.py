"""What the caller tells a policy: `context.<key>`, checked against the policy's declarations."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from router.errors import UsageError
from router.policy.inputs import coerce
from router.policy.schema import Policy
from router.reasons import ReasonCode


def check_context(policy: Policy, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Value of every declared key: the caller's where given, else the default.

    Raises UsageError (BAD_ARGUMENT) for an undeclared key or a value of another type (an int may stand for a double).
    """
    if not isinstance(given, Mapping | None):
        raise UsageError(f"context is a mapping of keys to values, not {given!r}", code=ReasonCode.BAD_ARGUMENT)
    values = {key: coerce(declared.default, declared.type) for key, declared in policy.context.items()}
    for key, value in (given or {}).items():
        _declared(policy, key)
        try:
            values[key] = coerce(value, policy.context[key].type)
        except ValueError as error:
            raise UsageError(f"context.{key}: {error}", code=ReasonCode.BAD_ARGUMENT, key=key) from None
    return values


def parse_context(policy: Policy, given: Mapping[str, str]) -> dict[str, Any]:
    """Text values, as from a command line, read as the declared types ("true" and "false" for bool).

    Raises UsageError (BAD_ARGUMENT) for an undeclared key or text that is no such value.
    """
    values: dict[str, Any] = {}
    for key, text in given.items():
        _declared(policy, key)
        kind = policy.context[key].type
        try:
            values[key] = _READERS[kind](text)
        except (ValueError, KeyError):
            raise UsageError(f"context.{key}: {text!r} is not of type {kind}", code=ReasonCode.BAD_ARGUMENT, key=key) from None
    return values


_READERS: dict[str, Any] = {
    "string": str,
    "int": int,
    "double": float,
    "bool": {"true": True, "false": False}.__getitem__,
}


def _declared(policy: Policy, key: object) -> None:
    if key in policy.context:
        return
    close = difflib.get_close_matches(str(key), policy.context, n=1)
    declared = ", ".join(policy.context) or "none"
    guess = f"Did you mean {close[0]}? " if close else ""
    raise UsageError(
        f"policy {policy.name} declares no context key {key!r}",
        code=ReasonCode.BAD_ARGUMENT,
        hint=f"{guess}Declared: {declared}",
        key=str(key),
    )
