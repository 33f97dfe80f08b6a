"""The codec seam: what a codec declares, encodes and decodes. Implement `Codec`, register it, run `check_codec()`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from router.codecs import versions
from router.codecs.options import IntRange, Option
from router.containers import short_record
from router.containers.metadata import Metadata
from router.containers.xmp import extract_record, holds_record, merge_record, without_record
from router.errors import CarryError, StreamError
from router.images.profile import fault
from router.images.sample import ImageSample, Mode, Pixels
from router.limits import DEFAULT_LIMITS, NO_LIMITS, Limits
from router.reasons import ReasonCode

Settings = Mapping[str, Any]
"""JSON-able encoder settings, e.g. {"quality": 61}; goes into the record as it is."""


class Lane(StrEnum):
    """How an image is treated."""

    NEURAL = "neural"
    CLASSICAL = "classical"
    LOSSLESS = "lossless"
    TRANSCODE = "transcode"
    PASSTHROUGH = "passthrough"


@dataclass(frozen=True)
class CarryMatrix:
    """What comes back after a round trip. `check_codec()` proves every claim; what is not claimed is refused.

    Attributes:
        modes: channel layouts taken, whatever the depth.
        depths: bits per sample taken.
        alpha: "exact", "lossy" or "none" for what happens to the alpha channel (and colour under alpha 0 when "exact" in
            the lossless lane).
        icc, exif, xmp: carried byte for byte (XMP: as a packet that `read_xmp` gives back).
        max_side: longest side in pixels, None if only memory limits it.
        text, density, chunks: `encode` writes these fields of the metadata, and `decode` gives them back. What is not claimed
            is no reason to refuse: texts and densities then go into the XMP packet.
    """

    modes: frozenset[Mode]
    depths: frozenset[int]
    alpha: Literal["exact", "lossy", "none"]
    icc: bool
    exif: bool
    xmp: bool
    max_side: int | None = None
    text: bool = False
    density: bool = False
    chunks: bool = False


@dataclass(frozen=True)
class Knob:
    """The one rate control that the quality search turns: integer setting `name` in [low, high], quality rising with it."""

    name: str
    low: int
    high: int
    start: int
    """First guess for a search."""


@dataclass(frozen=True)
class DecodedImage:
    """Pixels (H, W, C) as in ImageSample.pixels, and the metadata that the stream carried (XMP includes our record)."""

    pixels: Pixels
    metadata: Metadata


class ModelWeights(NamedTuple):
    """The weights that a codec encodes with: the model's id, and the SHA-256 of its file in hexadecimal, "" if not known."""

    model: str
    sha256: str


class Codec(ABC):
    """One way to write an image.

    Class attributes say what it is; instances hold configuration only (`get_config`), are cheap to build, thread-safe and
    equal when their configurations are equal. Heavy imports happen inside methods.
    """

    codec_id: ClassVar[str]
    lane: ClassVar[Lane]
    media_type: ClassVar[str]
    suffix: ClassVar[str]
    carries: ClassVar[CarryMatrix]
    knob: ClassVar[Knob | None] = None
    working_bytes: ClassVar[float] = 40.0
    """What encoding, decoding and comparing take at their highest, in bytes a pixel at 8 bits, beside the source's own pixels."""
    working_base: ClassVar[int] = 128 << 20
    """What they take whatever the size of the image, in bytes."""
    experimental: ClassVar[bool] = False
    short_place: ClassVar[str | None] = None
    """Container that short records have a place in: "png", "jpeg", "webp", "avif" or "jxl". None: they lie where full ones do."""
    options: ClassVar[Mapping[str, Option] | None] = None
    """Settings that `encode` takes beside the knob, with the values of each (`router.codecs.options`; the knob may be among
    them). None: nothing is declared, and policies can set the knob only."""

    byte_neutral: ClassVar[frozenset[str]] = frozenset()
    """Names in the configuration that change no byte of a file, such as a number of threads; a model counts by its weights."""

    @classmethod
    def accepted(cls) -> Mapping[str, Option]:
        """Every setting that a policy may name, with the values that it takes."""
        knob = {} if cls.knob is None else {cls.knob.name: IntRange(cls.knob.low, cls.knob.high)}
        return {**knob, **(cls.options or {})}

    def settled(self, sample: ImageSample, settings: Settings) -> Settings:
        """The settings that this image is coded with, from its size alone: others where a default would take too much memory."""
        return settings

    def memory(self, sample: ImageSample, settings: Settings) -> int:
        """Bytes that this image takes at its highest, source pixels included; asked before any of them is decoded."""
        pixels, depth = sample.width * sample.height, sample.bits // 8
        return self.working_base + int(pixels * depth * (sample.channels + self.working_bytes))

    def prepare(self, sample: ImageSample) -> ImageSample:
        """The image as this codec represents it (a colour conversion); what guard and search compare with.

        Raises CarryError if the conversion would lose something.
        """
        return sample

    @abstractmethod
    def encode(self, sample: ImageSample, settings: Settings) -> bytes:
        """Encode the pixels with the metadata that is claimed, but for XMP, which is attached later, by `with_xmp`.

        Settings that are missing take the codec's defaults. Deterministic: same input, same bytes.

        Raises:
            CarryError: `sample` holds something outside `carries`.
            UsageError: unknown setting or value out of range (code BAD_SETTING).
            CodecError: the library underneath failed (code ENCODE_FAILED).
        """

    @abstractmethod
    def decode(self, data: bytes, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
        """Decode what `encode` or `with_xmp` wrote.

        Raises:
            StreamError: damaged, truncated or foreign data; never a bare library exception.
            LimitError: larger than `limits`, checked before pixels are allocated.
        """

    def with_xmp(self, data: bytes, xmp: bytes) -> bytes:
        """`data` with this XMP packet in place of any other; the pixels stay bit for bit. Only if `carries.xmp`."""
        raise CarryError(f"{self.codec_id} cannot carry XMP", code=ReasonCode.CANNOT_CARRY_XMP)

    def read_xmp(self, data: bytes) -> bytes | None:
        """The XMP packet in `data` without decoding pixels; None if there is none. Raises StreamError."""
        return None

    def without_xmp(self, data: bytes) -> bytes:
        """What `encode` wrote without the room that it left for a packet, if it did; the pixels stay bit for bit."""
        return data

    def with_record(self, data: bytes, record: bytes, source_xmp: bytes | None) -> bytes:
        """`data` with the decision record (JSON, UTF-8) in it, and the source's XMP kept beside; pixels stay bit for bit.

        Raises CarryError (RECORD_NOT_CARRIED) where the format has no place for it.
        """
        if not self.carries.xmp:
            raise CarryError(f"{self.codec_id} has no place for a record", code=ReasonCode.RECORD_NOT_CARRIED)
        return self.with_xmp(data, merge_record(source_xmp, record))

    def with_short_record(self, data: bytes, record: bytes, source_xmp: bytes | None) -> bytes:
        """`data` with the short record in it, and the source's XMP, without any record, beside; pixels stay bit for bit.

        At most 160 bytes are added for the record where `short_place` names a container; elsewhere it lies where full records
        do. Raises CarryError (RECORD_NOT_CARRIED) where the format has no place for it.
        """
        if self.short_place is None:
            return self.with_record(data, record, source_xmp)
        if source_xmp is not None and holds_record(source_xmp):
            source_xmp = without_record(source_xmp)
        data = self.without_xmp(data) if source_xmp is None else self.with_xmp(data, source_xmp)
        return short_record.write(data, self.short_place, record)

    def read_record(self, data: bytes) -> bytes | None:
        """The decision record in `data`, full or short (JSON, UTF-8), without decoding pixels; None if there is none.

        Raises StreamError; DAMAGED_RECORD if there is more than one.
        """
        xmp = self.read_xmp(data)
        full = None if xmp is None else extract_record(xmp)
        short = None if self.short_place is None else short_record.read(data, self.short_place)
        if full is not None and short is not None:
            raise StreamError("the file holds more than one decision record", code=ReasonCode.DAMAGED_RECORD)
        return full if short is None else short

    def same_image(self, before: bytes, after: bytes, pixels: Pixels | None = None) -> bool:
        """Whether two streams of this codec decode to the same pixels; asked after a record was written into a stream.

        `pixels`: what `before` decodes to, where that is known already. The default decodes the rest. A codec that can compare
        its coded image data byte for byte should do that.
        """
        a = self.decode(before, NO_LIMITS).pixels if pixels is None else pixels
        b = self.decode(after, NO_LIMITS).pixels
        return a.dtype == b.dtype and np.array_equal(a, b)

    @classmethod
    def recognises(cls, data: bytes) -> bool:
        """Whether these bytes carry this codec's signature; how `router.decompress` finds a codec of another package."""
        return False

    def libraries(self) -> Mapping[str, str]:
        """Versions, by name, of what encodes and decodes underneath; how long both take depends on them.

        By default the package that declares the codec as an entry point. Raises RouterError where they cannot be found out.
        """
        return versions.plugin(self.codec_id)

    def version(self) -> str:
        """The version of what decides the bytes beside configuration: the library that encodes, or the SHA-256 of the weights.

        "" where it is not known. By default all of `libraries`. Raises RouterError where it cannot be found out.
        """
        return ", ".join(f"{name} {version}" for name, version in self.libraries().items())

    def weights(self) -> ModelWeights | None:
        """The weights that `encode` uses; None for a codec without any.

        By default those that the configuration names as `model`, with an unknown hash. Raises ModelError or ArtefactError if
        they are not here or damaged.
        """
        model = self.get_config().get("model")
        return None if model is None else ModelWeights(str(model), "")

    def decoding_in(self, arithmetic: str) -> Codec:
        """This codec, computing decoded pixels as "fp32", "bf16" or "exact" says; itself where it has one arithmetic only."""
        return self

    def unavailable(self) -> str | None:
        """None when usable here, else an install hint such as `pip install 'codec-router[neural]'`."""
        return None

    def session(self, sample: ImageSample) -> Callable[[Settings], bytes]:
        """An encoder of this one image for many settings; codecs with costly analysis cache it here."""
        return lambda settings: self.encode(sample, settings)

    def get_config(self) -> dict[str, Any]:
        """JSON-able configuration with `id`; `from_config(get_config())` is equal to the codec."""
        return {"id": self.codec_id}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Codec:
        """Build from `get_config()`'s result."""
        return cls(**{k: v for k, v in config.items() if k != "id"})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Codec) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self.get_config().items() if k != "id")
        return f"{type(self).__name__}({arguments})"

    def refusal(self, sample: ImageSample) -> CarryError | None:
        """Why this image cannot be carried, from header facts and metadata only; None if it can."""
        c, m = self.carries, sample.metadata
        if sample.source.hdr_transfer and m.icc is None:  # no codec here can state PQ or HLG by number
            return self._cannot("PQ or HLG samples", ReasonCode.HDR)
        if sample.has_alpha and c.alpha == "none":
            return self._cannot("alpha", ReasonCode.CANNOT_CARRY_ALPHA)
        if sample.mode not in c.modes:
            return self._cannot(f"mode {sample.mode}", ReasonCode.CANNOT_CARRY_MODE)
        if sample.bits not in c.depths:
            return self._cannot(f"{sample.bits} bits per sample", ReasonCode.CANNOT_CARRY_DEPTH)
        if c.max_side is not None and max(sample.width, sample.height) > c.max_side:
            return self._cannot(f"a side of {max(sample.width, sample.height)} px", ReasonCode.CANNOT_CARRY_SIZE)
        if m.icc and not c.icc:
            return self._cannot("an ICC profile", ReasonCode.CANNOT_CARRY_ICC)
        if m.icc and (why := fault(m.icc, sample.channels)):
            return self._cannot(f"an ICC profile that cannot be used ({why})", ReasonCode.CANNOT_CARRY_ICC)
        if m.exif and not c.exif:
            return self._cannot("EXIF", ReasonCode.CANNOT_CARRY_EXIF)
        if m.xmp and not c.xmp:
            return self._cannot("XMP", ReasonCode.CANNOT_CARRY_XMP)
        return None

    def _cannot(self, what: str, code: ReasonCode) -> CarryError:
        return CarryError(f"{self.codec_id} cannot carry {what}", code=code, hint="Choose another codec, or strip the metadata")
