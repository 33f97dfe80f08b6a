"""WebP (RFC 9649) through libwebp, lossy and lossless. It has no gray mode: gray images are refused, not widened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from router.codecs import versions
from router.codecs._decode import decode_still
from router.codecs._opaque import without_opaque_alpha
from router.codecs._pillow import missing_feature, save, to_image
from router.codecs.base import CarryMatrix, Codec, DecodedImage, Knob, Lane, Settings
from router.codecs.options import IntRange, Option, checked
from router.containers import webp as container
from router.images.sample import ImageSample
from router.limits import DEFAULT_LIMITS, Limits


class _Webp(Codec):
    """What both WebP codecs share: the container."""

    media_type: ClassVar[str] = "image/webp"
    suffix: ClassVar[str] = ".webp"
    short_place: ClassVar[str | None] = "webp"
    carries: ClassVar[CarryMatrix] = CarryMatrix(
        modes=frozenset({"RGB", "RGBA"}), depths=frozenset({8}), alpha="exact", icc=True, exif=True, xmp=True, max_side=16_383
    )
    options: ClassVar[dict[str, Option]]
    _encoder: ClassVar[dict[str, Any]]

    def __init__(self, *, method: int = 4) -> None:
        self._config = checked(self.codec_id, self.options, {"method": method})

    def get_config(self) -> dict[str, Any]:
        """`method`."""
        return {"id": self.codec_id, **self._config}

    def prepare(self, sample: ImageSample) -> ImageSample:
        """See `Codec.prepare`: an alpha channel that is opaque everywhere is dropped, as libwebp does."""
        return without_opaque_alpha(sample)

    def libraries(self) -> Mapping[str, str]:
        """See `Codec.libraries`."""
        return {"pillow": versions.package("pillow"), "webp": versions.pillow_library("webp")}

    def version(self) -> str:
        """See `Codec.version`."""
        return f"webp {versions.pillow_library('webp')}"

    def encode(self, sample: ImageSample, settings: Settings) -> bytes:
        """See `Codec.encode`."""
        if (error := self.refusal(sample)) is not None:
            raise error
        options = {**self._encoder, **self._config, **checked(self.codec_id, self.options, settings)}
        m = sample.metadata
        image = to_image(sample.pixels)
        return save(self.codec_id, image, "WEBP", icc_profile=m.icc or b"", exif=m.exif or b"", **options)

    def decode(self, data: bytes, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
        """See `Codec.decode`."""
        return decode_still(data, "webp", limits)

    def with_xmp(self, data: bytes, xmp: bytes) -> bytes:
        """See `Codec.with_xmp`."""
        return container.with_xmp(data, xmp)

    def read_xmp(self, data: bytes) -> bytes | None:
        """See `Codec.read_xmp`."""
        return container.read_xmp(data)

    def unavailable(self) -> str | None:
        """See `Codec.unavailable`."""
        return missing_feature("webp")


class WebpCodec(_Webp):
    """Lossy WebP: 8-bit 4:2:0 colour, alpha kept exactly.

    Settings: `quality` 1 to 100 (75), `method` 0 (fast) to 6 (small; default 4).
    """

    codec_id: ClassVar[str] = "webp"
    lane: ClassVar[Lane] = Lane.CLASSICAL
    knob: ClassVar[Knob | None] = Knob("quality", 1, 100, 75)
    options: ClassVar[dict[str, Option]] = {"quality": IntRange(1, 100), "method": IntRange(0, 6)}
    _encoder: ClassVar[dict[str, Any]] = {"quality": 75, "alpha_quality": 100}


class WebpLosslessCodec(_Webp):
    """Lossless WebP, with the colours under full transparency kept. Settings: `method` 0 (fast) to 6 (small; default 4)."""

    codec_id: ClassVar[str] = "webp-lossless"
    lane: ClassVar[Lane] = Lane.LOSSLESS
    options: ClassVar[dict[str, Option]] = {"method": IntRange(0, 6)}
    # In lossless mode `quality` is effort, not fidelity; 75 is libwebp's default.
    _encoder: ClassVar[dict[str, Any]] = {"lossless": True, "exact": True, "quality": 75}
