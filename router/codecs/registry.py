"""Which codecs there are: ours, those of installed packages (entry-point group `codec_router.codecs`), those registered here.

Nothing is imported before it is asked for. A package adds a codec with

    [project.entry-points."codec_router.codecs"]
    mine = "my_package.codec:MyCodec"

where the name is the class's `codec_id`. Our own ids cannot be taken over that way, only by `register(..., replace=True)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from router.codecs.base import Codec, Lane
from router.codecs.versions import GROUP
from router.containers import avif, jxl
from router.containers.signatures import format_of
from router.errors import CodecUnavailableError, StreamError, UsageError
from router.extras import install_hint
from router.process.forks import Lock
from router.reasons import ReasonCode

BUILTIN: Mapping[str, str] = {
    "jpeg": "router.codecs.jpeg:JpegCodec",
    "webp": "router.codecs.webp:WebpCodec",
    "avif": "router.codecs.avif:AvifCodec",
    "jxl": "router.codecs.jxl:JxlCodec",
    "webp-lossless": "router.codecs.webp:WebpLosslessCodec",
    "jxl-lossless": "router.codecs.jxl:JxlLosslessCodec",
    "png": "router.codecs.png:PngCodec",
    "jxl-transcode": "router.codecs.jxl:JxlTranscodeCodec",
    "ncr": "router.codecs.neural.codec:NeuralCodec",
}
"""The codecs of this package, and the one place that lists them. What else is said of them stands in their classes."""

_EXTRAS = {"torch": "neural", "constriction": "neural", "imagecodecs": "depth"}

_lock = Lock()
_registered: dict[str, type[Codec]] = {}
_classes: dict[str, type[Codec]] = {}
_instances: dict[str, Codec] = {}


def ids() -> tuple[str, ...]:
    """Every known codec id, sorted. Known does not mean usable: see `Codec.unavailable`."""
    return tuple(sorted({*_references(), *_registered}))


def get(codec_id: str) -> Codec:
    """The codec with its default configuration; one shared instance.

    Raises CodecUnavailableError: UNKNOWN_CODEC, or MISSING_EXTRA if its module cannot be imported.
    """
    with _lock:
        if codec_id not in _instances:
            _instances[codec_id] = get_class(codec_id)()
        return _instances[codec_id]


def get_from_config(config: Mapping[str, Any]) -> Codec:
    """The codec of a `Codec.get_config()` result.

    Raises UsageError (BAD_ARGUMENT without an `id`, BAD_SETTING for options it does not have), CodecUnavailableError.
    """
    codec_id = config.get("id")
    if not isinstance(codec_id, str):
        raise UsageError("a codec configuration needs an id", code=ReasonCode.BAD_ARGUMENT, hint='For example {"id": "avif"}')
    codec_class = get_class(codec_id)
    try:
        return codec_class.from_config(config)
    except TypeError as error:  # the constructor has no such argument
        raise UsageError(
            f"{codec_id} does not take this configuration", code=ReasonCode.BAD_SETTING, foreign=error, codec=codec_id
        ) from error


def get_class(codec_id: str) -> type[Codec]:
    """The codec's class. Raises CodecUnavailableError."""
    with _lock:
        if codec_id in _registered:
            return _registered[codec_id]
        if codec_id not in _classes:
            _classes[codec_id] = _load(codec_id)
        return _classes[codec_id]


def in_lane(lane: Lane) -> Iterator[str]:
    """Ids of a lane's codecs, ours first, then the others by id. Codecs that do not load are left out."""
    for codec_id in (*BUILTIN, *(i for i in ids() if i not in BUILTIN)):
        try:
            if get_class(codec_id).lane is lane:
                yield codec_id
        except CodecUnavailableError:
            continue


def first_in_lane(lane: Lane) -> Codec:
    """The codec that stands for its lane in predictions and measurements. Errors as `get`; StopIteration for an empty lane."""
    return get(next(in_lane(lane)))


@cache
def builtin_classes() -> Mapping[str, type[Codec]]:
    """The classes in `BUILTIN` by id, whatever is registered in their place."""
    return {codec_id: _class(codec_id, reference) for codec_id, reference in BUILTIN.items()}


def is_ours(codec: str | Codec) -> bool:
    """Whether a codec, or the one with this id, comes with this package: what its errors say is in our own words."""
    try:
        found = get_class(codec) if isinstance(codec, str) else type(codec)
    except CodecUnavailableError:
        return True  # whatever is said of it, it does not say itself
    return found.__module__.partition(".")[0] == "router"


def register(codec_class: type[Codec], *, replace: bool = False) -> None:
    """Add a codec for the life of this process. Raises UsageError (BAD_ARGUMENT) for a known id unless `replace`."""
    codec_id = codec_class.codec_id
    with _lock:
        if not replace and codec_id in ids() and _registered.get(codec_id) is not codec_class:
            raise UsageError(
                f"there is already a codec {codec_id!r}",
                code=ReasonCode.BAD_ARGUMENT,
                hint="Choose another codec_id, or pass replace=True",
                codec=codec_id,
            )
        _registered[codec_id] = codec_class
        _instances.pop(codec_id, None)


def for_data(data: bytes) -> Codec:
    """A codec that reads these bytes, told by their signature.

    Codecs that are not ours are asked through `Codec.recognises`.

    Raises StreamError (UNKNOWN_STREAM), CodecUnavailableError.
    """
    codec_id = _builtin_id(data)
    if codec_id is not None:
        return get(codec_id)
    for other in (i for i in ids() if i not in BUILTIN):
        try:
            recognised = get_class(other).recognises(data)
        except Exception:  # noqa: S112 - a package that does not load, or fails here, must not hide the others
            continue
        if recognised:
            return get(other)
    raise StreamError(
        "no codec knows this signature",
        code=ReasonCode.UNKNOWN_STREAM,
        hint=f"Known codecs: {', '.join(ids())}",
        signature=data[:12].hex(),
    )


def _builtin_id(data: bytes) -> str | None:
    found = format_of(data)
    if found == "webp":
        return "webp-lossless" if data[12:16] == b"VP8L" else "webp"
    if found == "jxl":
        return "jxl-transcode" if jxl.holds_jpeg(data) else "jxl"
    if found == "iso":  # HEIC shares the boxes and the brand mif1
        return "avif" if b"avif" in avif.brands(data) else None
    return found if found in ("jpeg", "ncr", "png") else None


@cache
def _references() -> Mapping[str, str]:
    installed = {e.name: e.value for e in entry_points(group=GROUP)}
    return {**installed, **BUILTIN}


def _load(codec_id: str) -> type[Codec]:
    reference = _references().get(codec_id)
    if reference is None:
        raise CodecUnavailableError(
            f"there is no codec {codec_id!r}",
            code=ReasonCode.UNKNOWN_CODEC,
            hint=f"Known: {', '.join(ids())}",
            codec=codec_id,
        )
    return _class(codec_id, reference)


def _class(codec_id: str, reference: str) -> type[Codec]:
    module, _, name = reference.partition(":")
    try:
        found = getattr(import_module(module), name)
    except ImportError as error:
        raise CodecUnavailableError(
            f"codec {codec_id!r} cannot be loaded",
            code=ReasonCode.MISSING_EXTRA,
            foreign=error,
            hint=_install_hint(error),
            codec=codec_id,
        ) from error
    except Exception as error:  # a package of someone else's may fail in any way while it is imported
        raise _unusable(codec_id, f"{reference} raised {error!r}") from error
    if not (isinstance(found, type) and issubclass(found, Codec)):
        raise _unusable(codec_id, f"{reference} is no Codec class")
    if found.codec_id != codec_id:
        raise _unusable(codec_id, f"{reference} calls itself {found.codec_id!r}")
    return found


def _install_hint(error: ImportError) -> str:
    missing = (error.name or "").partition(".")[0]
    extra = _EXTRAS.get(missing)
    return install_hint(extra) if extra else f"pip install {missing or 'the package it comes from'}"


def _unusable(codec_id: str, why: str) -> CodecUnavailableError:
    return CodecUnavailableError(
        f"codec {codec_id!r} cannot be loaded",
        code=ReasonCode.INTERNAL_ERROR,
        foreign=why,
        hint="Report it to the package that the codec comes from",
        codec=codec_id,
    )
