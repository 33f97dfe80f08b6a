"""PNG: lossless at 8 and 16 bits, and readable everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, ClassVar

from router.codecs import versions
from router.codecs._decode import decode_still
from router.codecs._pillow import encode_failed, save, to_image
from router.codecs.base import CarryMatrix, Codec, DecodedImage, Lane, Settings
from router.codecs.options import IntRange, Option, checked
from router.containers import png as container
from router.errors import CarryError
from router.extras import install_hint
from router.images.sample import ImageSample
from router.limits import DEFAULT_LIMITS, Limits
from router.reasons import ReasonCode


class PngCodec(Codec):
    """PNG. Sixteen bits with more than one channel need the extra `depth`: Pillow has no such images.

    Settings: `level`, zlib's, 0 to 9 (default 6, from the constructor).
    """

    codec_id: ClassVar[str] = "png"
    lane: ClassVar[Lane] = Lane.LOSSLESS
    media_type: ClassVar[str] = "image/png"
    suffix: ClassVar[str] = ".png"
    short_place: ClassVar[str | None] = "png"
    carries: ClassVar[CarryMatrix] = CarryMatrix(
        modes=frozenset({"L", "LA", "RGB", "RGBA"}),
        depths=frozenset({8, 16}),
        alpha="exact",
        icc=True,
        exif=True,
        xmp=True,
        max_side=(1 << 31) - 1,
        text=True,
        density=True,
        chunks=True,
    )
    options: ClassVar[dict[str, Option]] = {"level": IntRange(0, 9)}

    def __init__(self, *, level: int = 6) -> None:
        self._config = checked(self.codec_id, self.options, {"level": level})

    def get_config(self) -> dict[str, Any]:
        """`level`."""
        return {"id": self.codec_id, **self._config}

    def libraries(self) -> Mapping[str, str]:
        """See `Codec.libraries`."""
        return {"pillow": versions.package("pillow"), "zlib": versions.pillow_library("zlib")}

    def version(self) -> str:
        """See `Codec.version`."""
        return f"zlib {versions.pillow_library('zlib')}"

    def encode(self, sample: ImageSample, settings: Settings) -> bytes:
        """See `Codec.encode`."""
        if (error := self.refusal(sample)) is not None:
            raise error
        level = {**self._config, **checked(self.codec_id, self.options, settings)}["level"]
        if _needs_depth(sample):
            data = self._encode_deep(sample, level)
        else:
            data = save(self.codec_id, to_image(sample.pixels), "PNG", compress_level=level)
        m = sample.metadata
        chunks = [container.iccp(m.icc)] if m.icc else []
        if m.exif:
            chunks.append(container.exif(m.exif))
        if m.density:
            chunks.append(container.density(m.density))
        chunks += [container.chunk(*c) for c in m.chunks]
        chunks += [container.text(t) for t in m.text]
        return container.insert_after_header(data, chunks)

    def _encode_deep(self, sample: ImageSample, level: int) -> bytes:
        import imagecodecs

        try:
            return bytes(imagecodecs.png_encode(sample.pixels, level))
        except Exception as error:  # libpng's errors and Cython's alike
            raise encode_failed(self.codec_id, error) from error

    def decode(self, data: bytes, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
        """See `Codec.decode`."""
        return decode_still(data, "png", limits)

    def with_xmp(self, data: bytes, xmp: bytes) -> bytes:
        """See `Codec.with_xmp`."""
        return container.with_xmp(data, xmp)

    def read_xmp(self, data: bytes) -> bytes | None:
        """See `Codec.read_xmp`."""
        return container.read_xmp(data)

    def refusal(self, sample: ImageSample) -> CarryError | None:
        """See `Codec.refusal`; without the extra `depth`, 16 bits are carried for gray only."""
        if (error := super().refusal(sample)) is not None:
            return error
        if _needs_depth(sample) and find_spec("imagecodecs") is None:
            return CarryError(
                f"{self.codec_id} cannot carry 16-bit {sample.mode} without imagecodecs",
                code=ReasonCode.CANNOT_CARRY_DEPTH,
                hint=install_hint("depth"),
            )
        return None


def _needs_depth(sample: ImageSample) -> bool:
    return sample.bits == 16 and sample.channels > 1
