"""Encoder options: what values they take, and one typed refusal for everything else.

A codec declares them as `Codec.options`; policies are checked against that when they load.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from router.errors import UsageError
from router.reasons import ReasonCode


class Option(Protocol):
    """The values one option takes."""

    def accepts(self, value: object) -> bool:
        """Whether `value` may be used."""
        ...

    def __str__(self) -> str:
        """What it takes, to go after "must be"."""
        ...


@dataclass(frozen=True)
class IntRange:
    """An integer in [low, high]; booleans are none, they would go into records as `true`."""

    low: int
    high: int

    def accepts(self, value: object) -> bool:
        """Whether `value` is such an integer."""
        return isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"an integer from {self.low} to {self.high}"


@dataclass(frozen=True)
class FloatRange:
    """A number in [low, high], also an integer; booleans are none."""

    low: float
    high: float

    def accepts(self, value: object) -> bool:
        """Whether `value` is such a number; NaN is none."""
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Switch:
    """True or false."""

    def accepts(self, value: object) -> bool:
        """Whether `value` is a bool."""
        return isinstance(value, bool)

    def __str__(self) -> str:
        return "true or false"


@dataclass(frozen=True)
class OneOf:
    """One of a few names."""

    names: tuple[str, ...]

    def accepts(self, value: object) -> bool:
        """Whether `value` is one of the names."""
        return isinstance(value, str) and value in self.names

    def __str__(self) -> str:
        return "one of " + ", ".join(map(repr, self.names))


def shortened(value: object) -> str:
    """`repr`, cut to what a message has room for."""
    if isinstance(value, int) and abs(value) >= 1 << 256:  # Python refuses to write the longest ones
        return "an integer of more than 256 bits"
    return shortened_text(repr(value), 80)


def shortened_text(text: str, most: int) -> str:
    """The text, or its beginning and three dots: `most` characters at most."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def checked(codec_id: str, options: Mapping[str, Option], given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` as a dictionary, every name known and every value accepted. Raises UsageError (BAD_SETTING)."""
    for name, value in given.items():
        option = options.get(name)
        if option is None:
            raise UsageError(
                f"{codec_id} has no setting {shortened(name)}",
                code=ReasonCode.BAD_SETTING,
                hint=f"It has: {', '.join(sorted(options))}" if options else "It takes no settings",
                codec=codec_id,
                setting=name,
            )
        if not option.accepts(value):
            raise UsageError(
                f"{codec_id}: {name} must be {option}, not {shortened(value)}",
                code=ReasonCode.BAD_SETTING,
                codec=codec_id,
                setting=name,
            )
    return dict(given)
