"""JPEG XL (ISO/IEC 18181) through libjxl: lossy, lossless, and JPEG files repacked bit-exactly.

Always in the container, where EXIF and XMP have their boxes. ICC profiles are refused outside `jxl-transcode`: the binding
takes none and would tag the pixels as sRGB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, ClassVar

from router.codecs import versions
from router.codecs._decode import decode_still
from router.codecs._pillow import encode_failed
from router.codecs.base import CarryMatrix, Codec, DecodedImage, Knob, Lane, Settings
from router.codecs.options import IntRange, Option, checked
from router.containers import jxl as container
from router.errors import CarryError, StreamError
from router.images.sample import ImageSample, Pixels
from router.limits import DEFAULT_LIMITS, Limits
from router.reasons import ReasonCode

_MAX_SIDE = 1 << 30  # 18181-1, level 10
_EFFORT = IntRange(1, 9)
_GROUPWISE = 6
"""The highest effort at which libjxl 0.11 holds a part of a large picture at a time, whatever the quality."""
_LARGE = 1 << 22
_WHOLE_BYTES = 110.0
"""Bytes a pixel that it takes where it holds a picture as a whole."""
_EXIF_OFFSET = bytes(4)  # the box begins with the distance to the TIFF header; the binding leaves that to its caller


class _Jxl(Codec):
    """What the JPEG XL codecs share: the container and the threads (which do not change a byte; 0 is the calling thread)."""

    media_type: ClassVar[str] = "image/jxl"
    suffix: ClassVar[str] = ".jxl"
    short_place: ClassVar[str | None] = "jxl"
    options: ClassVar[dict[str, Option]] = {"effort": _EFFORT}
    byte_neutral: ClassVar[frozenset[str]] = frozenset({"threads"})

    def __init__(self, *, effort: int = 7, threads: int = 0) -> None:
        allowed = {"effort": _EFFORT, "threads": IntRange(0, 256)}
        self._config = checked(self.codec_id, allowed, {"effort": effort, "threads": threads})

    def get_config(self) -> dict[str, Any]:
        """`effort` 1 (fast) to 9 (small), `threads`."""
        return {"id": self.codec_id, **self._config}

    def libraries(self) -> Mapping[str, str]:
        """See `Codec.libraries`."""
        return {"pillow-jxl-plugin": versions.package("pillow-jxl-plugin")}

    def with_xmp(self, data: bytes, xmp: bytes) -> bytes:
        """See `Codec.with_xmp`: the packet becomes the last box."""
        return container.with_xmp(data, xmp)

    def read_xmp(self, data: bytes) -> bytes | None:
        """See `Codec.read_xmp`; only what `with_xmp` wrote, not a packet inside a transcoded JPEG."""
        return container.read_xmp(data)

    def unavailable(self) -> str | None:
        """See `Codec.unavailable`."""
        return None if find_spec("pillow_jxl") else "pip install pillow-jxl-plugin"

    def _settings(self, settings: Settings) -> dict[str, Any]:
        return {**self._config, **checked(self.codec_id, self.options, settings)}

    def _call_encoder(
        self, data: bytes, sample: ImageSample, *, mode: str, lossless: bool, quality: float, effort: int, **more: Any
    ) -> bytes:
        import pillow_jxl

        encoder_type: Any = pillow_jxl.Encoder  # its type stub describes an older release
        try:
            encoder = encoder_type(
                mode=mode,
                lossless=lossless,
                quality=quality,
                effort=effort,
                use_container=True,
                num_threads=self._config["threads"],
            )
            return bytes(encoder(data, sample.width, sample.height, **more))
        except Exception as error:  # the binding raises bare RuntimeErrors
            raise encode_failed(self.codec_id, error) from error

    def _encode_pixels(self, sample: ImageSample, *, lossless: bool, quality: int, effort: int) -> bytes:
        exif = sample.metadata.exif
        return self._call_encoder(
            sample.pixels.tobytes(),
            sample,
            mode="I;16" if sample.bits == 16 else sample.mode,
            lossless=lossless,
            quality=quality,
            effort=effort,
            jpeg_encode=False,
            exif=_EXIF_OFFSET + exif if exif else None,
        )

    def decode(self, data: bytes, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
        """See `Codec.decode`; a packet that `with_xmp` wrote goes before one inside a transcoded JPEG."""
        decoded = decode_still(data, "jxl", limits)
        xmp = self.read_xmp(data)
        return decoded if xmp is None else DecodedImage(decoded.pixels, replace(decoded.metadata, xmp=xmp))


class JxlCodec(_Jxl):
    """Lossy JPEG XL.

    Settings: `quality` 1 to 99 (80; 90 is distance 1), `effort` 1 to 9 (default 7, from the constructor; above 4 Mi pixels 6,
    at which the encoder takes a third of the memory).

    Alpha is coded exactly except at the lowest qualities (below about 20), hence claimed as lossy.
    """

    codec_id: ClassVar[str] = "jxl"
    lane: ClassVar[Lane] = Lane.CLASSICAL
    carries: ClassVar[CarryMatrix] = CarryMatrix(
        modes=frozenset({"L", "LA", "RGB", "RGBA"}),
        depths=frozenset({8}),
        alpha="lossy",
        icc=False,
        exif=True,
        xmp=True,
        max_side=_MAX_SIDE,
    )
    working_base: ClassVar[int] = 448 << 20  # a group of 2048 x 2048 px, or a whole picture of that size
    knob: ClassVar[Knob | None] = Knob("quality", 1, 99, 80)
    options: ClassVar[dict[str, Option]] = {"quality": IntRange(1, 99), "effort": _EFFORT}

    def settled(self, sample: ImageSample, settings: Settings) -> Settings:
        """See `Codec.settled`: a lower effort for a large picture, if none is named."""
        if "effort" in settings or self._config["effort"] <= _GROUPWISE or sample.width * sample.height <= _LARGE:
            return settings
        return {**settings, "effort": _GROUPWISE}

    def memory(self, sample: ImageSample, settings: Settings) -> int:
        """See `Codec.memory`; more at an effort that takes the picture as a whole."""
        needed, pixels = super().memory(sample, settings), sample.width * sample.height
        whole = pixels > _LARGE and settings.get("effort", self._config["effort"]) > _GROUPWISE
        return needed + int(pixels * (_WHOLE_BYTES - self.working_bytes)) if whole else needed

    def encode(self, sample: ImageSample, settings: Settings) -> bytes:
        """See `Codec.encode`."""
        if (error := self.refusal(sample)) is not None:
            raise error
        options = {"quality": 80, **self._settings(settings)}
        return self._encode_pixels(sample, lossless=False, quality=options["quality"], effort=options["effort"])


class JxlLosslessCodec(_Jxl):
    """Lossless JPEG XL: 8 bit in every mode, 16 bit for gray. Settings: `effort` 1 to 9 (default 7, from the constructor)."""

    codec_id: ClassVar[str] = "jxl-lossless"
    lane: ClassVar[Lane] = Lane.LOSSLESS
    carries: ClassVar[CarryMatrix] = CarryMatrix(
        modes=frozenset({"L", "LA", "RGB", "RGBA"}),
        depths=frozenset({8, 16}),
        alpha="exact",
        icc=False,
        exif=True,
        xmp=True,
        max_side=_MAX_SIDE,
    )

    def encode(self, sample: ImageSample, settings: Settings) -> bytes:
        """See `Codec.encode`."""
        if (error := self.refusal(sample)) is not None:
            raise error
        return self._encode_pixels(sample, lossless=True, quality=100, effort=self._settings(settings)["effort"])

    def refusal(self, sample: ImageSample) -> CarryError | None:
        """See `Codec.refusal`; 16 bits are carried for gray only."""
        if (error := super().refusal(sample)) is not None:
            return error
        if sample.bits == 16 and sample.mode != "L":
            return self._cannot(f"16-bit {sample.mode}", ReasonCode.CANNOT_CARRY_DEPTH)
        return None


class JxlTranscodeCodec(_Jxl):
    """A JPEG file repacked as JPEG XL, about a fifth smaller; `reconstruct` gives the file back byte for byte.

    What travels is the file, so ICC, EXIF and XMP are those inside it. Settings: `effort` 1 to 9 (default 7).
    """

    codec_id: ClassVar[str] = "jxl-transcode"
    lane: ClassVar[Lane] = Lane.TRANSCODE
    carries: ClassVar[CarryMatrix] = CarryMatrix(
        modes=frozenset({"L", "RGB"}), depths=frozenset({8}), alpha="none", icc=True, exif=True, xmp=True, max_side=65_535
    )

    def encode(self, sample: ImageSample, settings: Settings) -> bytes:
        """See `Codec.encode`; CodecError (ENCODE_FAILED) also if the JPEG file would not come back byte for byte."""
        if (error := self.refusal(sample)) is not None:
            raise error
        original = sample.source.data
        assert original is not None  # or refused above
        data = self._call_encoder(
            original,
            sample,
            mode=sample.mode,
            lossless=True,
            quality=100,
            effort=self._settings(settings)["effort"],
            jpeg_encode=True,
        )
        if _rebuild(data, self._config["threads"]) != original:
            raise encode_failed(self.codec_id, "the JPEG file does not come back byte for byte")
        return data

    def reconstruct(self, data: bytes) -> bytes:
        """The original JPEG file, byte for byte. Raises StreamError."""
        jpeg = _rebuild(data, self._config["threads"])
        if jpeg is None:
            raise StreamError("no JPEG file can be rebuilt from this JPEG XL data", code=ReasonCode.DAMAGED_STREAM)
        return jpeg

    def same_image(self, before: bytes, after: bytes, pixels: Pixels | None = None) -> bool:
        """See `Codec.same_image`; here also every other byte of the JPEG file must be the same."""
        return self.reconstruct(before) == self.reconstruct(after)

    def refusal(self, sample: ImageSample) -> CarryError | None:
        """See `Codec.refusal`; NOT_A_JPEG for everything that did not come as a JPEG file."""
        if sample.source.format != "jpeg" or sample.source.data is None:
            return CarryError(
                f"{self.codec_id} takes JPEG files, not {sample.source.format}",
                code=ReasonCode.NOT_A_JPEG,
                hint="Use jxl or jxl-lossless",
            )
        return super().refusal(sample)


def _rebuild(data: bytes, threads: int) -> bytes | None:
    """The JPEG file inside, None if there is none. Raises StreamError."""
    import pillow_jxl

    decoder_type: Any = pillow_jxl.Decoder  # its type stub describes an older release
    if not container.holds_jpeg(data):
        return None
    try:
        is_jpeg, _, content, *_ = decoder_type(num_threads=threads)(data)
    except Exception as error:  # the binding raises bare RuntimeErrors
        raise StreamError("JPEG XL data cannot be decoded", code=ReasonCode.DAMAGED_STREAM, foreign=error) from error
    return bytes(content) if is_jpeg else None
