"""Why a condition was false, or true: which part of it decided, with the values that made it so.

A condition is divided at its `&&` and `||` as its text has them, and its parts are asked in that order, whatever the order in
which their inputs were paid for. What cannot be told (a part whose inputs were never read) is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from router.policy.expressions import STRING, Condition, Environment, canonical
from router.policy.inputs import INPUTS
from router.policy.words import Words, told_apart

_TOKEN = re.compile(
    rf"""(?P<text>{STRING}) | (?P<name>[A-Za-z_][A-Za-z_0-9]*(?:\s*\.\s*[A-Za-z_][A-Za-z_0-9]*)*)
        | (?P<sign>&&|\|\||<=|>=|==|!=|[<>?()\[\]{{}}])""",
    re.VERBOSE,
)
_OPEN, _CLOSED = "([{", ")]}"
_COMPARISONS = ("<=", ">=", "==", "!=", "<", ">", "in")
_TURNED = {"<=": ">=", ">=": "<=", "<": ">", ">": "<", "==": "==", "!=": "!="}
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_NAME = re.compile(r"[a-z]+\.[a-z_0-9]+")
_MAX_DEPTH = 50
_MAX_PARTS = 3
"""Parts of an `||` that a sentence names; all of them are false."""


class Why(NamedTuple):
    """Why a condition was false.

    `sentence` is ours, with the values ("image.megapixels is 12.2, needs <= 12"); `words` the policy's, "" where it has none.
    """

    sentence: str
    words: str = ""


@dataclass(frozen=True)
class _Part:
    """A piece of a condition; `parts` are joined by `&&` ("all") or `||` ("any")."""

    text: str
    kind: Literal["all", "any", "one"] = "one"
    parts: tuple[_Part, ...] = ()


@dataclass(frozen=True)
class _Comparison:
    """The two sides and the sign; all empty for what is no comparison. A literal stands on the right."""

    left: str = ""
    sign: str = ""
    right: str = ""


class Explained:
    """One rule's condition with its words. Safe to share between threads; pieces are compiled when they are first asked."""

    def __init__(
        self, condition: Condition, environment: Environment, because: Mapping[str, str], if_not: Mapping[str, str]
    ) -> None:
        """`because` and `if_not`: words by input, for a part that reads it and is true, or false."""
        self._condition = condition
        self._environment = environment
        self._because = because
        self._if_not = if_not

    @cached_property
    def _whole(self) -> _Part:
        return _divided(canonical(self._condition.text))

    def why_false(self, values: Mapping[str, Any], words: Words) -> Why | None:
        """The first false part of a condition that is false with these values of inputs; None where none can be told."""
        return self._false(self._whole, values, words)

    def why_true(self, values: Mapping[str, Any], words: Words) -> str:
        """The words for what made it true, "" where it has none: of an `||`, for the first part that holds."""
        return ", ".join(self._true(self._whole, values, words)) if self._because else ""

    def _false(self, part: _Part, values: Mapping[str, Any], words: Words) -> Why | None:
        if part.kind == "all":
            first = next((p for p in part.parts if self._truth(p, values) is False), None)
            return None if first is None else self._false(first, values, words)
        if part.kind == "any":
            found = [why for p in part.parts if (why := self._false(p, values, words)) is not None]
            said = next((why.words for why in found if why.words), "")
            sentences = [why.sentence for why in found]
            if len(sentences) > _MAX_PARTS:
                sentences[_MAX_PARTS:] = [f"{len(sentences) - _MAX_PARTS} more"]
            return Why("; ".join(sentences), said) if found else None
        if self._truth(part, values) is not False:
            return None
        return self._sentence(part.text, values, words)

    def _true(self, part: _Part, values: Mapping[str, Any], words: Words) -> Iterator[str]:
        if part.kind == "all":
            for p in part.parts:
                yield from self._true(p, values, words)
        elif part.kind == "any":
            first = next((p for p in part.parts if self._truth(p, values)), None)
            if first is not None:
                yield from self._true(first, values, words)
        elif text := self._said(self._because, part.text):
            value, limit, _ = self._sides(part.text, values)
            yield words.filled(text, value, limit)

    def _sentence(self, text: str, values: Mapping[str, Any], words: Words) -> Why:
        names = self._names(text)
        value, limit, compared = self._sides(text, values)
        said = words.filled(self._said(self._if_not, text), value, limit)
        if not all(map(words.may_tell, names)):
            return Why(f"{text}: false, its values are not recorded", said)
        left = text.removeprefix("!").strip()
        named = compared.left or left
        entry = INPUTS.get(named)
        if entry is not None and entry.flag and not values.get(entry.flag, True):
            sentence = f"{named} is not known"
        elif compared.sign:
            one, other = told_apart(value, limit)
            needs = {"==": f"needs {other}", "!=": f"needs another than {other}", "in": f"needs one of {other}"}
            sentence = f"{named} is {one}, {needs.get(compared.sign, f'needs {compared.sign} {other}')}"
        elif _NAME.fullmatch(left):
            sentence = f"{left} is {'true' if text.startswith('!') else 'false'}"
        else:
            sentence = f"{text} is false"
        return Why(sentence, said)

    def _said(self, words: Mapping[str, str], text: str) -> str:
        names = self._names(text) if words else ()
        return next((said for name, said in words.items() if name in names), "")

    def _names(self, text: str) -> frozenset[str]:
        """The inputs that a part reads."""
        found = {re.sub(r"\s", "", token["name"]) for token in _TOKEN.finditer(text) if token["name"]}
        return frozenset(found.intersection(self._condition.names))

    def _truth(self, part: _Part, values: Mapping[str, Any]) -> bool | None:
        value = self._environment.value_of(part.text, values)
        return value if isinstance(value, bool) else None

    def _sides(self, text: str, values: Mapping[str, Any]) -> tuple[Any, Any, _Comparison]:
        """What is compared, with what, and how, where the part is one comparison."""
        found = _comparison(text)
        return self._value(found.left, values), self._value(found.right, values), found

    def _value(self, text: str, values: Mapping[str, Any]) -> Any:
        if text in values:
            return values[text]
        if _NUMBER.fullmatch(text):
            return float(text) if not text.lstrip("-").isdigit() else int(text)
        return None if not text else self._environment.value_of(text, values)


def _divided(text: str, depth: int = 0) -> _Part:
    """The text cut at its outermost `||`, else `&&`; brackets around all of it are taken off. A conditional is one piece."""
    text = text.strip()
    tops = list(_outermost(text))
    if depth >= _MAX_DEPTH or any(token["sign"] == "?" for token in tops):
        return _Part(text)
    for sign, kind in (("||", "any"), ("&&", "all")):
        cuts = [token for token in tops if token["sign"] == sign]
        if cuts:
            edges = [0, *(edge for token in cuts for edge in token.span()), len(text)]
            pieces = [text[start:stop] for start, stop in zip(edges[::2], edges[1::2], strict=True)]
            return _Part(text, kind, tuple(_divided(piece, depth + 1) for piece in pieces))  # type: ignore[arg-type]
    if text.startswith("(") and len(tops) == 2 and tops[1].end() == len(text):
        return _divided(text[1:-1], depth + 1)
    return _Part(text)


def _outermost(text: str) -> Iterator[re.Match[str]]:
    """The tokens that stand in no brackets, and the outermost brackets themselves."""
    depth = 0
    for token in _TOKEN.finditer(text):
        sign = token["sign"] or ""
        depth -= sign in _CLOSED and bool(sign)
        if depth == 0:
            yield token
        depth += sign in _OPEN and bool(sign)


def _comparison(text: str) -> _Comparison:
    tokens = list(_outermost(text))
    found = [token for token in tokens if (token["sign"] or token["name"]) in _COMPARISONS]
    if len(found) != 1 or any(token["sign"] == "?" for token in tokens):
        return _Comparison()
    sign = found[0][0]
    left, right = text[: found[0].start()].strip(), text[found[0].end() :].strip()
    if _NUMBER.fullmatch(left) and sign in _TURNED:
        left, sign, right = right, _TURNED[sign], left
    return _Comparison(left, sign, right)
