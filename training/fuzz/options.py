"""What a command line says: --target METRIC=VALUE and --context KEY=VALUE."""

from __future__ import annotations

from contextlib import suppress

from router.cli.options import context_from, target_from
from router.errors import RouterError
from router.policy.context import check_context
from router.policy.load import load
from training.fuzz.target import FuzzTarget

_KEYS = {"s": ("string", ""), "i": ("int", 1), "d": ("double", 1.0), "b": ("bool", True)}
_POLICY = load(
    {
        "schema_version": 1,
        "name": "options",
        "context": {key: {"type": kind, "default": value} for key, (kind, value) in _KEYS.items()},
        "otherwise": {"lanes": [{"lane": "lossless", "codecs": ["png"]}]},
    }
)


def run(data: bytes) -> None:
    """Read it as a target, and its lines as context."""
    text = data.decode("utf-8", "surrogateescape")
    with suppress(RouterError):
        target = target_from(None, text)
        assert target is not None
        assert target.value == target.value
    with suppress(RouterError):
        check_context(_POLICY.policy, context_from(_POLICY, text.splitlines()))


TARGET = FuzzTarget(
    run,
    (b"psnr=40", b"max_bytes=20000", b"s=text\ni=3\nd=0.5\nb=true"),
    (
        b"=",
        b"ssimulacra2=",
        b"ms-ssim=0.99",
        b"bpp=1",
        b"nan",
        b"inf",
        b"-inf",
        b"1e999",
        b"9" * 5000,
        b"1_0",
        b"\xd9\xa3",
        b"b=TRUE",
        b"\x00",
        b"\n",
        b"ss=1",
    ),
)
