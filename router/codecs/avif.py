"""AVIF through libavif and libaom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from router.codecs import versions
from router.codecs._decode import decode_still
from router.codecs._opaque import without_opaque_alpha
from router.codecs._pillow import missing_feature, save, to_image
from router.codecs.base import CarryMatrix, Codec, DecodedImage, Knob, Lane, Settings
from router.codecs.options import IntRange, OneOf, Option, checked
from router.containers import avif as container
from router.containers.avif import MetadataItem
from router.errors import CarryError
from router.images.plain_profile import plain_profile
from router.images.profile import fault
from router.images.sample import ImageSample
from router.limits import DEFAULT_LIMITS, Limits
from router.reasons import ReasonCode

_MAX_PIXELS = 1 << 28  # what libavif decodes by default
_TIFF = (b"II*\x00", b"MM\x00*")


class AvifCodec(Codec):
    """AVIF, 8 bit, full range. Gray is coded as monochrome and comes back as gray.

    Encodes with one thread: libaom writes other bytes with two or more.

    Settings: `quality` 1 to 99 (55), `speed` 0 (small) to 10 (fast), `subsampling` "444" or "420" (for colour); the
    defaults of the last two come from the constructor.
    """

    codec_id: ClassVar[str] = "avif"
    lane: ClassVar[Lane] = Lane.CLASSICAL
    media_type: ClassVar[str] = "image/avif"
    suffix: ClassVar[str] = ".avif"
    short_place: ClassVar[str | None] = "avif"
    carries: ClassVar[CarryMatrix] = CarryMatrix(
        modes=frozenset({"L", "LA", "RGB", "RGBA"}),
        depths=frozenset({8}),
        alpha="lossy",
        icc=True,
        exif=True,
        xmp=True,
        max_side=32_768,
    )
    knob: ClassVar[Knob | None] = Knob("quality", 1, 99, 55)
    options: ClassVar[dict[str, Option]] = {
        "quality": IntRange(1, 99),
        "speed": IntRange(0, 10),
        "subsampling": OneOf(("444", "420")),
    }

    def __init__(self, *, speed: int = 6, subsampling: str = "444") -> None:
        self._config = checked(self.codec_id, self.options, {"speed": speed, "subsampling": subsampling})

    def get_config(self) -> dict[str, Any]:
        """`speed`, `subsampling`."""
        return {"id": self.codec_id, **self._config}

    def prepare(self, sample: ImageSample) -> ImageSample:
        """See `Codec.prepare`: an alpha channel that is opaque everywhere is dropped, as libavif does.

        A profile that not all browsers can parse is rewritten in a plain form, or they would not open the file.
        """
        icc = sample.metadata.icc
        plain = None if icc is None or fault(icc, sample.channels) else plain_profile(icc)
        if plain is not None and plain != icc:
            sample = sample.with_metadata(replace(sample.metadata, icc=plain))
        return without_opaque_alpha(sample)

    def libraries(self) -> Mapping[str, str]:
        """See `Codec.libraries`."""
        return {"pillow": versions.package("pillow"), "avif": versions.pillow_library("avif")}

    def version(self) -> str:
        """See `Codec.version`."""
        return f"avif {versions.pillow_library('avif')}"

    def encode(self, sample: ImageSample, settings: Settings) -> bytes:
        """See `Codec.encode`."""
        if (error := self.refusal(sample)) is not None:
            raise error
        options = {"quality": 55, **self._config, **checked(self.codec_id, self.options, settings)}
        gray = sample.channels < 3
        image = to_image(sample.pixels)
        data = save(
            self.codec_id,
            image.convert("RGBA") if sample.mode == "LA" else image,
            "AVIF",
            quality=options["quality"],
            speed=options["speed"],
            subsampling="4:0:0" if gray else {"444": "4:4:4", "420": "4:2:0"}[options["subsampling"]],
            max_threads=1,
            icc_profile=sample.metadata.icc,
            # Pillow would rewrite a block that has an orientation tag, so the block takes its place afterwards.
            exif=MetadataItem.EXIF.value if sample.metadata.exif else None,
            xmp=MetadataItem.XMP.value,
        )
        return container.replace(data, MetadataItem.EXIF, sample.metadata.exif) if sample.metadata.exif else data

    def decode(self, data: bytes, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
        """See `Codec.decode`."""
        decoded = decode_still(data, "avif", limits)
        metadata = decoded.metadata
        return DecodedImage(decoded.pixels, replace(metadata, xmp=None) if metadata.xmp == MetadataItem.XMP.value else metadata)

    def with_xmp(self, data: bytes, xmp: bytes) -> bytes:
        """See `Codec.with_xmp`; CarryError (CANNOT_CARRY_XMP) for a foreign file without an XMP item."""
        return container.replace(data, MetadataItem.XMP, xmp)

    def without_xmp(self, data: bytes) -> bytes:
        """See `Codec.without_xmp`: the item that `encode` made, or the packet that took its place, goes."""
        return container.remove(data, MetadataItem.XMP)

    def read_xmp(self, data: bytes) -> bytes | None:
        """See `Codec.read_xmp`."""
        return container.content(data, container.items(data), MetadataItem.XMP)

    def unavailable(self) -> str | None:
        """See `Codec.unavailable`."""
        return missing_feature("avif")

    def refusal(self, sample: ImageSample) -> CarryError | None:
        """See `Codec.refusal`.

        More than 2^28 pixels, an EXIF block that is no TIFF, and a profile that some browsers cannot parse are refused too.
        """
        if (error := super().refusal(sample)) is not None:
            return error
        if sample.width * sample.height > _MAX_PIXELS:
            return self._cannot(f"{sample.width}x{sample.height} pixels", ReasonCode.CANNOT_CARRY_SIZE)
        if sample.metadata.icc and plain_profile(sample.metadata.icc) != sample.metadata.icc:
            return self._cannot("an ICC profile that browsers cannot parse", ReasonCode.CANNOT_CARRY_ICC)
        if sample.metadata.exif and not sample.metadata.exif.startswith(_TIFF):
            return self._cannot("EXIF without a TIFF header", ReasonCode.CANNOT_CARRY_EXIF)
        return None
