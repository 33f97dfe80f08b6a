"""Conditions of policies."""

from __future__ import annotations

from contextlib import suppress

from router.errors import RouterError
from router.policy.expressions import Environment
from training.fuzz.target import FuzzTarget

_ENVIRONMENT = Environment({"s": "string", "i": "int", "d": "double", "b": "bool"})
_VALUES = {
    "context.s": "x" * 1024,
    "context.i": 3,
    "context.d": 0.0,
    "context.b": True,
    "image.width": 640,
    "image.bits": 8,
    "image.megapixels": 0.3,
    "ood.score": 1.5,
    "ood.p_value": 0.4,
    "ood.in_distribution": True,
    "source.format": "png",
    "receiver.models": ["m" * 256] * 64,
    "target.quality": 70.0,
}


def run(data: bytes) -> None:
    """Compile and evaluate it; a result that comes without some input is the one that comes with it."""
    with suppress(RouterError):
        condition = _ENVIRONMENT.compile(data.decode("utf-8", "surrogateescape"))
        whole = condition.evaluate(_VALUES)
        assert isinstance(whole.value, bool) or (whole.value is None and whole.error)
        early = condition.evaluate({"image.width": 640})
        assert early.value in (None, whole.value), (early, whole)


TARGET = FuzzTarget(
    run,
    (
        b"image.width > 10 && ood.available || image.bits == 8",
        b"receiver.models.exists(m, m.startsWith('photo') && m.matches('a+'))",
        b"(context.b ? context.d / 2.0 : 1.0 / context.d) > 1.5",
        b"[1, 2, 3].map(x, x + 1).filter(y, y > 2).size() == {'a': 1}['a']",
        b"context.s + 'a' == string(context.i) || duration('1s') < duration('2m')",
        b"has({'a': 1}.a) && !(type(1.0) == double) && 1u < uint(2) && 'x' in ['x', \"y\"] // why",
    ),
    (
        *(
            b".map(a, a + a)",
            b".exists(x, ",
            b".filter(x, ",
            b".all(x, ",
            b"['a']",
            b"[[1]]",
            b" / 0.0",
            b"1e308",
            b"double('nan')",
        ),
        b"context.s",
        b"context.d",
        b"receiver.models",
        b"dyn(",
        b"string(",
        b".matches(",
        b" ? ",
        b" : ",
        b"||",
        b"&&",
        b"!",
        *(
            b"google.protobuf.Struct{}",
            b"'''",
            b"r'",
            b"\\u0000",
            b"//",
            b".size()",
            b"in ",
            b"9223372036854775807",
            b"timestamp(",
        ),
    ),
    longest=2200,
)
