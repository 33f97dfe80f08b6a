"""Words of a policy with values in them: "{image.megapixels} MP, over this policy's {limit}"."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from typing import Any

_PLACE = re.compile(r"\{([a-z]+\.[a-z_0-9]+|value|limit)(:%)?\}")
_LONGEST = 100
"""Characters of a text that a sentence shows."""


class Words:
    """Fills places in a policy's words. What is not known, or may not be told, is "unknown"."""

    def __init__(self, names: Container[str], read: Callable[[str], Any], may_tell: Callable[[str], bool]) -> None:
        """`names` of inputs: other braces stay as they are.

        `read`: value of an input, None where it is not known. `may_tell`: whether it may be in a record.
        """
        self._names = names
        self._read = read
        self.may_tell = may_tell

    def filled(self, template: str, value: Any = None, limit: Any = None) -> str:
        """The text with values in its places; `value` and `limit` are the two sides of a comparison."""
        if "{" not in template:
            return template

        def fill(place: re.Match[str]) -> str:
            name, share = place[1], place[2] is not None
            if name in ("value", "limit"):
                return told_apart(value, limit, share)[name == "limit"]
            if name not in self._names:
                return place[0]
            known = self._read(name) if self.may_tell(name) else None
            return "unknown" if known is None else shown(known, share=share)

        return _PLACE.sub(fill, template)


def places(template: str) -> tuple[list[str], bool]:
    """The names in the places of a text, and whether there are braces that are no places."""
    return [name for name, _ in _PLACE.findall(template)], any(brace in _PLACE.sub("", template) for brace in "{}")


def shown(value: Any, digits: int = 3, *, share: bool = False) -> str:
    """A value for a sentence: numbers with so many digits that count, as percent if it is a share; a long text shortened."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if share and isinstance(value, int | float):
        return f"{_number(100.0 * value, digits)} %"
    if isinstance(value, float):
        return _number(value, digits)
    if isinstance(value, list | tuple):
        return _shortened(", ".join(map(str, value))) or "none"
    return "unknown" if value is None else str(value) if isinstance(value, int) else _shortened(str(value)) or '""'


def told_apart(value: Any, limit: Any, share: bool = False) -> tuple[str, str]:
    """Both as sentences show them, with as many digits as it takes to see that they differ."""
    for digits in (3, 5, 8, 17):
        one, other = shown(value, digits, share=share), shown(limit, digits, share=share)
        if one != other or value == limit:
            break
    return one, other


def _number(value: float, digits: int) -> str:
    if abs(value) >= 10**digits and abs(value) < 1e15:
        return f"{value:.0f}"
    return f"{value:.{digits}g}"


def _shortened(text: str) -> str:
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "\u2026"
