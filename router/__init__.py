"""codec-router: image compression that uses a neural codec where it is safe and a classical codec where it is not.

    import router

    enc = router.compress("cat.png", policy="balanced", quality=70, receiver="self")
    enc.save("out/cat")                      # adds the suffix
    img = router.decompress(enc.data)        # PIL.Image
    router.inspect(enc.data).reasons         # why this lane

Names are imported on first use: `import router` costs milliseconds and loads neither torch nor any codec.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from router.api import compress as compress
    from router.api import decide as decide
    from router.api import score as score
    from router.codecs.base import Codec as Codec
    from router.codecs.base import Lane as Lane
    from router.detector.report import OodReport as OodReport
    from router.encoded import EncodedImage as EncodedImage
    from router.errors import RouterError as RouterError
    from router.images.limits import Limits as Limits
    from router.policy.decision import Decision as Decision
    from router.quality.target import Target as Target
    from router.reasons import ReasonCode as ReasonCode
    from router.record import DecisionRecord as DecisionRecord
    from router.record import RunRecord as RunRecord
    from router.router import Router as Router
    from router.sinks import JsonLines as JsonLines
    from router.streams import decompress as decompress
    from router.streams import inspect as inspect
    from router.streams import restore as restore

_HOMES = {
    "Codec": "router.codecs.base",
    "Decision": "router.policy.decision",
    "DecisionRecord": "router.record",
    "EncodedImage": "router.encoded",
    "JsonLines": "router.sinks",
    "Lane": "router.codecs.base",
    "Limits": "router.images.limits",
    "OodReport": "router.detector.report",
    "ReasonCode": "router.reasons",
    "Router": "router.router",
    "RouterError": "router.errors",
    "RunRecord": "router.record",
    "Target": "router.quality.target",
    "compress": "router.api",
    "decide": "router.api",
    "decompress": "router.streams",
    "inspect": "router.streams",
    "restore": "router.streams",
    "score": "router.api",
}

__all__ = [
    "Codec",
    "Decision",
    "DecisionRecord",
    "EncodedImage",
    "JsonLines",
    "Lane",
    "Limits",
    "OodReport",
    "ReasonCode",
    "Router",
    "RouterError",
    "RunRecord",
    "Target",
    "compress",
    "decide",
    "decompress",
    "inspect",
    "restore",
    "score",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'router' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
