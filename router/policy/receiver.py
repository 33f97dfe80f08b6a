"""Who receives the output, and what that proves. The neural lane needs consent: a literal `image/x-ncr` and the model's id."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from router.errors import UsageError
from router.policy.builtin import SOURCE_MEDIA_TYPES
from router.reasons import ReasonCode

NEURAL_MEDIA_TYPE = "image/x-ncr"
PROVEN_BY_WILDCARD = frozenset({"image/jpeg", "image/png", "image/gif"})
"""What `image/*` or `*/*` proves. Browsers have sent `*/*` since long before WebP and AVIF; those must be named."""

MAX_ACCEPT_LENGTH = 8192
MAX_MODELS = 64
MAX_MODEL_ID_LENGTH = 256

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"'
_PARAMETER = re.compile(rf"[ \t]*;[ \t]*(?:({_NAME})=({_NAME}|{_QUOTED}))?")
_RANGE = re.compile(rf"[ \t]*({_NAME})/({_NAME})")
_SEPARATOR = re.compile(r"[ \t]*(?:,|\Z)")  # not `$`, which also stands before a newline at the end and takes nothing there
_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


ReceiverSource: TypeAlias = "str | Mapping[str, Any] | Receiver | None"
"""What callers say about the receiver; `Receiver.parse` reads it."""


@dataclass(frozen=True)
class Receiver:
    """What is known about the receiver. Build it with `Receiver.parse`.

    Attributes:
        kind: "unknown" (no word about it), "self" (this installation decodes) or "accept" (an HTTP Accept value).
        named: media types that Accept names literally with q > 0, lower case.
        excluded: media types that Accept names literally with q = 0.
        doubted: media types that Accept names with q = 0 in any form, parameters of their own included.
        wildcard: whether `image/*`, or else `*/*`, is there with q > 0.
        models: ids of the neural models that the receiver holds.
    """

    kind: Literal["unknown", "self", "accept"]
    named: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    doubted: frozenset[str] = frozenset()
    wildcard: bool = False
    models: tuple[str, ...] = ()

    @classmethod
    def parse(cls, value: ReceiverSource) -> Receiver:
        """Read what the caller says about the receiver.

        Args:
            value: None (nothing known), "self", an HTTP Accept value (RFC 9110, section 12.5.1), or a mapping with `accept`
                (such a value, or None) and `models` (ids). An empty Accept value says as little as none.

        Raises UsageError (BAD_ARGUMENT) for anything else, and for a malformed Accept value.
        """
        if isinstance(value, Receiver):
            return value
        if value is None:
            return cls("unknown")
        if isinstance(value, str):
            return cls("self") if value == "self" else _from_accept(value, ())
        if isinstance(value, Mapping):
            unknown = sorted(str(key) for key in value if key not in ("accept", "models"))
            if unknown:
                raise _bad(f"unknown receiver key {unknown[0]!r}", "A receiver mapping has `accept` and `models`")
            accept = value.get("accept")
            if accept is not None and not isinstance(accept, str):
                raise _bad(f"receiver accept is {accept!r}, not text")
            return _from_accept(accept or "", _models(value.get("models", ())))
        raise _bad(
            f"receiver is of type {type(value).__name__}",
            'Pass None, "self", an HTTP Accept value, or {"accept": ..., "models": [...]}',
        )

    @property
    def known(self) -> bool:
        """Whether the caller said anything about what the receiver reads."""
        return self.kind != "unknown"

    def accepts(self, media_type: str) -> bool:
        """Whether the receiver may be sent this media type (`type/subtype`, no parameters).

        "self" takes everything. An unknown receiver is taken to read any standard format: every type outside `image/x-*`, and
        Netpbm, whose type has no other name.
        """
        media_type = media_type.lower()
        if self.kind == "self":
            return True
        if self.kind == "unknown":
            return not media_type.startswith("image/x-") or media_type in SOURCE_MEDIA_TYPES.values()
        if media_type in self.excluded:
            return False
        return media_type in self.named or (self.wildcard and media_type in PROVEN_BY_WILDCARD)

    def neural_consent(self, model_id: str, media_type: str = NEURAL_MEDIA_TYPE) -> bool:
        """Whether the receiver is known to decode a neural stream of this model.

        True for "self"; else `media_type` must be named literally, nowhere with q = 0, and `models` must hold `model_id`.
        Wildcards never count.
        """
        if self.kind == "self":
            return True
        media_type = media_type.lower()
        return media_type in self.named and media_type not in self.doubted and model_id in self.models

    def facts(self) -> dict[str, Any]:
        """The `receiver` inputs of a policy."""
        return {
            "known": self.known,
            "self": self.kind == "self",
            "jpeg": self.accepts("image/jpeg"),
            "png": self.accepts("image/png"),
            "webp": self.accepts("image/webp"),
            "avif": self.accepts("image/avif"),
            "jxl": self.accepts("image/jxl"),
            "ncr": self.accepts(NEURAL_MEDIA_TYPE),
            "models": list(self.models),
        }


def _from_accept(text: str, models: tuple[str, ...]) -> Receiver:
    if not text.strip(" \t,"):
        return Receiver("unknown", models=models)
    weights, doubted = _parse_accept(text)
    wildcard = weights.get("image/*", weights.get("*/*", 0.0))
    literal = {name: weight for name, weight in weights.items() if not name.endswith("/*")}
    return Receiver(
        "accept",
        named=frozenset(name for name, weight in literal.items() if weight > 0),
        excluded=frozenset(name for name, weight in literal.items() if weight == 0),
        doubted=doubted,
        wildcard=wildcard > 0,
        models=models,
    )


def _parse_accept(text: str) -> tuple[dict[str, float], frozenset[str]]:
    """Media range to weight, and every range that is there with weight 0, whatever else is said of it.

    Of several weights for one range the lowest counts. A range with parameters of its own says nothing about the plain type and
    is not among the weights; what follows the weight is no such parameter (RFC 7231 called it an extension).
    """
    if len(text) > MAX_ACCEPT_LENGTH:
        raise _bad(f"an Accept value of {len(text)} characters; at most {MAX_ACCEPT_LENGTH} are read")
    weights: dict[str, float] = {}
    doubted: set[str] = set()
    position = 0
    while position < len(text):
        separator = _SEPARATOR.match(text, position)
        if separator:  # empty list elements are allowed (RFC 9110, 5.6.1.2)
            position = separator.end()
            continue
        media_range = _RANGE.match(text, position)
        if not media_range:
            raise _malformed(text, position)
        kind, subtype = media_range.group(1).lower(), media_range.group(2).lower()
        if kind == "*" and subtype != "*":
            raise _malformed(text, position)
        position = media_range.end()
        weight, weighted, parameters = 1.0, False, False
        while parameter := _PARAMETER.match(text, position):
            name, value = parameter.groups()
            if name and name.lower() == "q":
                if not _WEIGHT.fullmatch(value):
                    raise _malformed(text, parameter.start(2))
                weight, weighted = min(weight, float(value)), True
            elif name and not weighted:
                parameters = True
            position = parameter.end()
        separator = _SEPARATOR.match(text, position)
        if not separator:
            raise _malformed(text, position)
        position = separator.end()
        name = f"{kind}/{subtype}"
        if weight == 0:
            doubted.add(name)
        if not parameters:
            weights[name] = min(weight, weights.get(name, 1.0))  # said twice: the exclusion counts
    return weights, frozenset(doubted)


def _models(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence | set | frozenset):
        raise _bad(f"receiver models is {value!r}", "Pass a list of model ids")
    if len(value) > MAX_MODELS:
        raise _bad(f"{len(value)} receiver models; at most {MAX_MODELS} are read")
    models = tuple(sorted(value, key=str) if isinstance(value, set | frozenset) else value)
    for model in models:
        if not isinstance(model, str) or not model.isprintable() or not 0 < len(model) <= MAX_MODEL_ID_LENGTH:
            raise _bad(f"{model!r} is no model id")
    return models


def _malformed(text: str, position: int) -> UsageError:
    return _bad(
        f"malformed Accept value at character {position + 1}: {text[position : position + 40]!r}",
        'Such as "image/avif,image/webp,*/*;q=0.8", or "self" when this installation decodes',
        position=position,
    )


def _bad(message: str, hint: str = "", **details: Any) -> UsageError:
    return UsageError(message, code=ReasonCode.BAD_ARGUMENT, hint=hint, **details)
