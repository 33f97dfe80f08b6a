"""JPEG (ITU-T T.81) through libjpeg-turbo: the format that every receiver reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from router.codecs import versions
from router.codecs._decode import decode_still
from router.codecs._pillow import reserve, save, to_image
from router.codecs.base import CarryMatrix, Codec, DecodedImage, Knob, Lane, Settings
from router.codecs.options import IntRange, OneOf, Option, checked
from router.containers import jpeg as container
from router.errors import CarryError
from router.images.sample import ImageSample
from router.limits import DEFAULT_LIMITS, Limits
from router.reasons import ReasonCode

FULL_CHROMA_FROM = 92
"""`subsampling="auto"` keeps full chroma from this quality on. Measured on three photographs at equal SSIMULACRA2: 4:4:4
takes 2 to 35 % more bytes than 4:2:0 at qualities 40 to 80 and 9 to 18 % fewer at 96; they cross between 85 and 95."""

_MAX_ICC = 255 * 65_519  # ICC.1, annex B.4: at most 255 segments, each less its header


class JpegCodec(Codec):
    """Progressive JPEG with optimised Huffman tables.

    Settings: `quality` 1 to 100 (80), `subsampling` "auto", "444" or "420" (for colour; default from the constructor).
    """

    codec_id: ClassVar[str] = "jpeg"
    lane: ClassVar[Lane] = Lane.CLASSICAL
    media_type: ClassVar[str] = "image/jpeg"
    suffix: ClassVar[str] = ".jpg"
    short_place: ClassVar[str | None] = "jpeg"
    carries: ClassVar[CarryMatrix] = CarryMatrix(
        modes=frozenset({"L", "RGB"}),
        depths=frozenset({8}),
        alpha="none",
        icc=True,
        exif=True,
        xmp=True,
        max_side=65_500,
        density=True,
    )
    knob: ClassVar[Knob | None] = Knob("quality", 1, 100, 80)
    options: ClassVar[dict[str, Option]] = {"quality": IntRange(1, 100), "subsampling": OneOf(("auto", "444", "420"))}

    def __init__(self, *, subsampling: str = "auto") -> None:
        self._config = checked(self.codec_id, self.options, {"subsampling": subsampling})

    def get_config(self) -> dict[str, Any]:
        """`subsampling`."""
        return {"id": self.codec_id, **self._config}

    def libraries(self) -> Mapping[str, str]:
        """See `Codec.libraries`."""
        return {"pillow": versions.package("pillow"), "jpg": versions.pillow_library("jpg")}

    def version(self) -> str:
        """See `Codec.version`."""
        return f"libjpeg_turbo {versions.pillow_library('libjpeg_turbo')}"

    def encode(self, sample: ImageSample, settings: Settings) -> bytes:
        """See `Codec.encode`."""
        if (error := self.refusal(sample)) is not None:
            raise error
        options = {"quality": 80, **self._config, **checked(self.codec_id, self.options, settings)}
        quality, chroma = options["quality"], options["subsampling"]
        if chroma == "auto":
            chroma = "444" if quality >= FULL_CHROMA_FROM else "420"
        m = sample.metadata
        with reserve(_largest(sample) + sum(len(block or b"") for block in (m.icc, m.exif))):
            data = save(
                self.codec_id,
                to_image(sample.pixels),
                "JPEG",
                quality=quality,
                subsampling={"444": "4:4:4", "420": "4:2:0"}[chroma],
                progressive=True,
                optimize=True,
                icc_profile=m.icc,
                exif=b"Exif\x00\x00" + m.exif if m.exif else b"",
            )
        return data if m.density is None else container.with_density(data, m.density)

    def decode(self, data: bytes, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
        """See `Codec.decode`."""
        return decode_still(data, "jpeg", limits)

    def with_xmp(self, data: bytes, xmp: bytes) -> bytes:
        """See `Codec.with_xmp`; CarryError (CANNOT_CARRY_XMP) for a packet longer than 65,502 bytes."""
        return container.with_xmp(data, xmp)

    def read_xmp(self, data: bytes) -> bytes | None:
        """See `Codec.read_xmp`."""
        return container.read_xmp(data)

    def refusal(self, sample: ImageSample) -> CarryError | None:
        """See `Codec.refusal`; metadata that does not fit into segments is refused too."""
        m = sample.metadata
        if (error := super().refusal(sample)) is not None:
            return error
        if m.exif and len(m.exif) > container.MAX_EXIF:
            return self._cannot(f"{len(m.exif)} bytes of EXIF", ReasonCode.CANNOT_CARRY_EXIF)
        if m.xmp and len(m.xmp) > container.MAX_XMP:
            return self._cannot(f"{len(m.xmp)} bytes of XMP", ReasonCode.CANNOT_CARRY_XMP)
        if m.icc and len(m.icc) > _MAX_ICC:
            return self._cannot(f"an ICC profile of {len(m.icc)} bytes", ReasonCode.CANNOT_CARRY_ICC)
        return None


def _largest(sample: ImageSample) -> int:
    """More bytes than any JPEG of this size: samples in whole blocks of 16 x 16, two bytes each (noise takes 1.1)."""
    padded = (-(-sample.width // 16) * 16) * (-(-sample.height // 16) * 16)
    return 2 * sample.channels * padded + (64 << 10)
