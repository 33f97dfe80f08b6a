"""The frozen table of everything a policy condition can read. Names and meanings never change; inputs are only added."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal

CelType = Literal["bool", "int", "double", "string", "list<string>"]

GROUPS = ("image", "source", "ood", "gain", "cost", "receiver", "context", "device", "target")
"""`context.<key>` is declared by each policy; the other groups are below."""

FAR_OUT = 1e300
"""Stands for an unavailable `ood.score` or `cost.*`: worse than any real value."""
NO_GAIN = -1e300
"""Stands for an unavailable `gain.*`."""

MAX_TEXT_LENGTH = 1024
"""Characters of a text, at most."""

_INT64 = 1 << 63


class Price(IntEnum):
    """What knowing an input costs. Conditions are tried with the cheap ones first."""

    FREE = 0
    """Headers, arguments, configuration."""
    PIXELS = 1
    """Decodes the image."""
    MODEL = 2
    """Runs a model; all inputs of the group come from the one run."""


@dataclass(frozen=True)
class Input:
    """One input: `group.name` in a condition.

    Attributes:
        group, name: how conditions spell it.
        type: CEL type.
        meaning: what it says.
        unit: unit or range; "" where the type says it all.
        unavailable: the value that stands for "not known"; None where it is always known.
        flag: the bool input (`group.name`) that tells whether it is known; "" where it always is.
        price: what knowing it costs.
    """

    group: str
    name: str
    type: CelType
    meaning: str
    unit: str = ""
    unavailable: bool | int | float | str | None = None
    flag: str = ""
    price: Price = Price.FREE

    @property
    def key(self) -> str:
        """`group.name`."""
        return f"{self.group}.{self.name}"


def _gain(name: str, meaning: str) -> Input:
    return Input("gain", name, "double", meaning, "share, at most 1.0", NO_GAIN, "gain.available", Price.MODEL)


def _cost(name: str, meaning: str) -> Input:
    return Input("cost", name, "double", meaning, "ms, >= 0.0", FAR_OUT, "cost.available")


_TABLE = (
    Input("image", "width", "int", "width of the upright image", "px, >= 1"),
    Input("image", "height", "int", "height of the upright image", "px, >= 1"),
    Input("image", "megapixels", "double", "width x height / 1,000,000", "MP, > 0.0"),
    Input("image", "channels", "int", "channels, alpha included", "1 to 4"),
    Input("image", "bits", "int", "bits per sample", "8 or 16"),
    Input("image", "mode", "string", "channel layout, whatever the depth", '"L", "LA", "RGB" or "RGBA"'),
    Input("image", "has_alpha", "bool", "an alpha channel exists"),
    Input("image", "alpha_used", "bool", "some pixel is not fully opaque", price=Price.PIXELS),
    Input(
        "image",
        "gray",
        "bool",
        "one or two channels, or colour channels that differ by less than 0.5 of 255 on average",
        price=Price.PIXELS,
    ),
    Input("image", "colours", "int", "distinct colours in a sample of at most 65,536 pixels", "1 to 65,536", price=Price.PIXELS),
    Input("image", "has_icc", "bool", "an ICC profile is embedded"),
    Input("image", "wide_gamut", "bool", "the colour space is wider than sRGB"),
    Input("image", "decodable", "bool", "its picture can be decoded here; where not, only lanes that keep the file can succeed"),
    Input("image", "hdr", "bool", "a PQ or HLG image, or one with a gain map"),
    Input(
        "source",
        "format",
        "string",
        "container of the source",
        '"jpeg", "png", "webp", "avif", "jxl", "gif", "bmp", "tiff", "ppm"; "array" or "pil" for bare pixels',
    ),
    Input("source", "lossy", "bool", "the source was already compressed with loss", unavailable=False, flag="source.lossy_known"),
    Input("source", "lossy_known", "bool", "whether the container tells if it is lossy"),
    Input("source", "bytes", "int", "size of the source file", "bytes", 0, "source.is_file"),
    Input("source", "bpp", "double", "bits of the source file per pixel", "bit/px", 0.0, "source.is_file"),
    Input("source", "is_file", "bool", "the source has bytes of its own (a file, not bare pixels)"),
    Input("source", "transcodable", "bool", "a JPEG that can be repacked bit-exactly into JPEG XL"),
    Input("ood", "available", "bool", "a detector is installed and gave a score", price=Price.MODEL),
    Input(
        "ood",
        "score",
        "double",
        "distance from what the neural codec knows; higher is further out",
        "scale of the detector",
        FAR_OUT,
        "ood.available",
        Price.MODEL,
    ),
    Input("ood", "p_value", "double", "conformal p-value of the score", "0.0 to 1.0", -1.0, "ood.available", Price.MODEL),
    Input(
        "ood",
        "in_distribution",
        "bool",
        "`p_value > defaults.alpha` of the policy",
        unavailable=False,
        flag="ood.available",
        price=Price.MODEL,
    ),
    Input("ood", "detector", "string", "id of the detector", "", "", "ood.available", Price.MODEL),
    Input("gain", "available", "bool", "a gain model is installed and gave an estimate", price=Price.MODEL),
    _gain("bytes_saved", "expected share of bytes neural saves against the best classical codec; negative: neural is larger"),
    _gain("low", "lower end of the estimate's interval"),
    _gain("high", "upper end of the estimate's interval"),
    Input("cost", "available", "bool", "costs were measured on this machine and still hold (`codec-router models benchmark`)"),
    _cost("neural_encode_ms", "expected time of a neural encoding: search, scoring and the policy's default guard included"),
    _cost("neural_decode_ms", "expected time of a neural decoding on this machine"),
    _cost("classical_encode_ms", "the same for the classical codec it is compared with: AVIF in its default configuration"),
    Input("receiver", "known", "bool", 'the caller said who receives (`"self"` or an Accept value)'),
    Input("receiver", "self", "bool", "this same installation decodes"),
    Input("receiver", "jpeg", "bool", "may be sent JPEG"),
    Input("receiver", "png", "bool", "may be sent PNG"),
    Input("receiver", "webp", "bool", "may be sent WebP"),
    Input("receiver", "avif", "bool", "may be sent AVIF"),
    Input("receiver", "jxl", "bool", "may be sent JPEG XL"),
    Input("receiver", "ncr", "bool", "named `image/x-ncr`; the neural lane also needs the model's id in `receiver.models`"),
    Input("receiver", "models", "list<string>", "model ids that the receiver says it holds", "at most 64"),
    Input("device", "cpus", "int", "CPU cores that may be used", ">= 1"),
    Input("device", "gpu", "bool", "a GPU may be used"),
    Input("device", "neural_available", "bool", "the neural codec and its weights are installed"),
    Input("device", "neural_problem", "string", "why the neural codec cannot be used here, and what helps; empty where it can"),
    Input("target", "metric", "string", "what the target counts", '"ssimulacra2", "psnr", "ms-ssim", "bpp" or "max_bytes"'),
    Input("target", "value", "double", "the target, in the metric's unit"),
    Input(
        "target",
        "quality",
        "double",
        "the target where its metric is SSIMULACRA2, else -1.0",
        "SSIMULACRA2: 90 visually lossless, 70 high, 50 medium, 30 low",
    ),
)

VALUES: dict[str, tuple[str | int, ...]] = {
    "image.bits": (8, 16),
    "image.channels": (1, 2, 3, 4),
    "image.mode": ("L", "LA", "RGB", "RGBA"),
    "source.format": ("jpeg", "png", "webp", "avif", "jxl", "gif", "bmp", "tiff", "ppm", "array", "pil"),
    "target.metric": ("ssimulacra2", "psnr", "ms-ssim", "bpp", "max_bytes"),
}
"""Inputs that have one of a few values, so that a comparison with another one can be told."""

RANGES: dict[str, tuple[float, float]] = {
    "image.width": (1, math.inf),
    "image.height": (1, math.inf),
    "image.megapixels": (0.0, math.inf),
    "image.colours": (1, 65_536),
    "source.bytes": (0, math.inf),
    "source.bpp": (0.0, math.inf),
    "ood.p_value": (-1.0, 1.0),
    "gain.bytes_saved": (NO_GAIN, 1.0),
    "gain.low": (NO_GAIN, 1.0),
    "gain.high": (NO_GAIN, 1.0),
    "device.cpus": (1, math.inf),
    "target.quality": (-1.0, 100.0),
}
"""Smallest and largest value of numbers, the one for "not known" included."""

INPUTS: dict[str, Input] = {entry.key: entry for entry in _TABLE}
"""Every input by `group.name`, in the table's order."""

_BY_GROUP: dict[str, tuple[Input, ...]] = {g: tuple(entry for entry in _TABLE if entry.group == g) for g in GROUPS}


def inputs_of(group: str) -> tuple[Input, ...]:
    """The inputs of one group in the table's order; empty for `context`."""
    return _BY_GROUP[group]


def unavailable(group: str) -> dict[str, bool | int | float | str]:
    """What a resolver returns for `ood`, `gain` or `cost` when there is no model: `available` false and every sentinel.

    Sentinels are finite (NaN compares false with everything, which would hide a missing score) and fail closed: each is worse
    for the neural lane than any real value.
    """
    if group not in ("ood", "gain", "cost"):
        raise ValueError(f"the inputs of {group} are always known")
    values: dict[str, bool | int | float | str] = {"available": False}
    values.update({entry.name: entry.unavailable for entry in _BY_GROUP[group] if entry.unavailable is not None})
    return values


def coerce(value: Any, type_: CelType) -> Any:
    """`value` as the plain Python type that CEL takes for `type_`; numpy scalars are unwrapped, an int may stand for a double.

    Raises ValueError for another type, a NaN or infinity, an integer beyond 64 bit, or text that is too long or no valid Unicode.
    """
    if type_ == "double" and isinstance(value, numbers.Real) and not isinstance(value, bool):
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"{number} is not a finite number")
        return number
    if type_ == "bool" and (isinstance(value, bool) or type(value).__name__ == "bool"):  # numpy.bool is no subclass of bool
        return bool(value)
    if type_ == "int" and isinstance(value, numbers.Integral) and not isinstance(value, bool):
        integer = int(value)
        if not -_INT64 <= integer < _INT64:
            raise ValueError(f"{integer} does not fit 64 bits")
        return integer
    if type_ == "string" and isinstance(value, str):
        if len(value) > MAX_TEXT_LENGTH:
            raise ValueError(f"longer than {MAX_TEXT_LENGTH} characters")
        value.encode()  # lone surrogates: UnicodeEncodeError is a ValueError
        return str(value)
    if type_ == "list<string>" and isinstance(value, list | tuple):
        return [coerce(item, "string") for item in value]
    raise ValueError(f"{value!r} is not of type {type_}")


def markdown_table() -> str:
    """The table as docs/reference/policy-inputs.md shows it."""
    lines = ["| input | type | meaning | unit or range | if not known | costs |", "|---|---|---|---|---|---|"]
    for entry in _TABLE:
        missing = "" if entry.unavailable is None else f"`{_literal(entry.unavailable)}`, `{entry.flag}` is false"
        cells = (f"`{entry.key}`", entry.type, entry.meaning, entry.unit, missing, entry.price.name.lower())
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _literal(value: bool | int | float | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)
