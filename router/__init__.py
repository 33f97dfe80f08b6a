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
    from router import batch as batch
    from router import migrate as migrate
    from router import testing as testing
    from router.api import compress as compress
    from router.api import decide as decide
    from router.api import save as save
    from router.api import score as score
    from router.codecs.base import Codec as Codec
    from router.codecs.base import Lane as Lane
    from router.comparison import Comparison as Comparison
    from router.comparison import compare as compare
    from router.decoding import decompress, inspect, restore
    from router.detector.report import OodReport as OodReport
    from router.encoded import EncodedImage
    from router.errors import ArtefactError as ArtefactError
    from router.errors import CarryError as CarryError
    from router.errors import CodecError as CodecError
    from router.errors import CodecMemoryError as CodecMemoryError
    from router.errors import CodecUnavailableError as CodecUnavailableError
    from router.errors import EvidenceError as EvidenceError
    from router.errors import GuardError as GuardError
    from router.errors import InputError as InputError
    from router.errors import InputNotFoundError as InputNotFoundError
    from router.errors import InputPermissionError as InputPermissionError
    from router.errors import InputTimeoutError as InputTimeoutError
    from router.errors import InputUnreadableError as InputUnreadableError
    from router.errors import InvalidInputError as InvalidInputError
    from router.errors import LimitError as LimitError
    from router.errors import MemoryLimitError as MemoryLimitError
    from router.errors import MissingExtraError as MissingExtraError
    from router.errors import ModelError as ModelError
    from router.errors import NoLaneError as NoLaneError
    from router.errors import NoRecordError as NoRecordError
    from router.errors import OutputExistsError as OutputExistsError
    from router.errors import OutputNotWritableError as OutputNotWritableError
    from router.errors import OutputPermissionError as OutputPermissionError
    from router.errors import PolicyError as PolicyError
    from router.errors import RefusedError as RefusedError
    from router.errors import RouterError as RouterError
    from router.errors import StreamError as StreamError
    from router.errors import UnknownCodecError as UnknownCodecError
    from router.errors import UsageError as UsageError
    from router.http_status import http_status as http_status
    from router.limits import Limits
    from router.policy.decision import Decision as Decision
    from router.policy.receiver import Receiver as Receiver
    from router.quality.target import Target as Target
    from router.reasons import ReasonCode as ReasonCode
    from router.record import DecisionRecord as DecisionRecord
    from router.record import RunRecord as RunRecord
    from router.routing.router import Router
    from router.sinks import JsonLines as JsonLines

    __version__: str

_HOMES = {
    "ArtefactError": "router.errors",
    "CarryError": "router.errors",
    "Codec": "router.codecs.base",
    "CodecError": "router.errors",
    "CodecMemoryError": "router.errors",
    "CodecUnavailableError": "router.errors",
    "Comparison": "router.comparison",
    "Decision": "router.policy.decision",
    "DecisionRecord": "router.record",
    "EncodedImage": "router.encoded",
    "EvidenceError": "router.errors",
    "GuardError": "router.errors",
    "InputError": "router.errors",
    "InputNotFoundError": "router.errors",
    "InputPermissionError": "router.errors",
    "InputTimeoutError": "router.errors",
    "InputUnreadableError": "router.errors",
    "InvalidInputError": "router.errors",
    "JsonLines": "router.sinks",
    "Lane": "router.codecs.base",
    "LimitError": "router.errors",
    "Limits": "router.limits",
    "MemoryLimitError": "router.errors",
    "MissingExtraError": "router.errors",
    "ModelError": "router.errors",
    "NoLaneError": "router.errors",
    "NoRecordError": "router.errors",
    "OodReport": "router.detector.report",
    "OutputExistsError": "router.errors",
    "OutputNotWritableError": "router.errors",
    "OutputPermissionError": "router.errors",
    "PolicyError": "router.errors",
    "ReasonCode": "router.reasons",
    "Receiver": "router.policy.receiver",
    "RefusedError": "router.errors",
    "Router": "router.routing.router",
    "RouterError": "router.errors",
    "RunRecord": "router.record",
    "StreamError": "router.errors",
    "Target": "router.quality.target",
    "UnknownCodecError": "router.errors",
    "UsageError": "router.errors",
    "compare": "router.comparison",
    "compress": "router.api",
    "decide": "router.api",
    "decompress": "router.decoding",
    "http_status": "router.http_status",
    "inspect": "router.decoding",
    "restore": "router.decoding",
    "save": "router.api",
    "score": "router.api",
}
_MODULES = ("batch", "migrate", "pillow", "testing")
"""Modules of their own that are used as `router.<name>`."""

__all__ = [
    "ArtefactError",
    "CarryError",
    "Codec",
    "CodecError",
    "CodecMemoryError",
    "CodecUnavailableError",
    "Comparison",
    "Decision",
    "DecisionRecord",
    "EncodedImage",
    "EvidenceError",
    "GuardError",
    "InputError",
    "InputNotFoundError",
    "InputPermissionError",
    "InputTimeoutError",
    "InputUnreadableError",
    "InvalidInputError",
    "JsonLines",
    "Lane",
    "LimitError",
    "Limits",
    "MemoryLimitError",
    "MissingExtraError",
    "ModelError",
    "NoLaneError",
    "NoRecordError",
    "OodReport",
    "OutputExistsError",
    "OutputNotWritableError",
    "OutputPermissionError",
    "PolicyError",
    "ReasonCode",
    "Receiver",
    "RefusedError",
    "Router",
    "RouterError",
    "RunRecord",
    "StreamError",
    "Target",
    "UnknownCodecError",
    "UsageError",
    "__version__",
    "batch",
    "compare",
    "compress",
    "decide",
    "decompress",
    "http_status",
    "inspect",
    "migrate",
    "restore",
    "save",
    "score",
    "testing",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("codec-router")
    elif name in _MODULES:
        value = importlib.import_module(f"router.{name}")
    elif name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'router' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES})
