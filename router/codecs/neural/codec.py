"""The neural lane's codec: `.ncr` files."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from router.artefacts import MODELS
from router.artefacts.bundle import vouch
from router.codecs import versions
from router.codecs.base import CarryMatrix, Codec, DecodedImage, Knob, Lane, ModelWeights, Settings
from router.codecs.neural import weights
from router.codecs.neural.arithmetic import Decoding
from router.codecs.options import Option
from router.containers import ncr as container
from router.containers.xmp import holds_record, without_record
from router.errors import CodecUnavailableError, RouterError, UsageError
from router.extras import install_hint
from router.images.sample import ImageSample, Pixels
from router.limits import DEFAULT_LIMITS, Limits
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from router.codecs.neural.encoder import ImageEncoder

_DECODING = 8
"""Bytes a pixel that decoding takes beside the pixels: latents of some bands of tiles."""


class NeuralCodec(Codec):
    """Transform codec with a hyperprior; one knob, `rate`, over all rates of one model.

    Gray images come back gray: one value is decoded per pixel and repeated. Alpha is lossless; colour under alpha 0 is coded
    like any other. Images above 2 Mi pixels are coded in tiles, decoded with a halo: there is no seam and no bit is spent
    twice. Encoding holds 5 bytes of latents per pixel for a session, else those of one tile.
    """

    codec_id = "ncr"
    lane = Lane.NEURAL
    media_type = "image/x-ncr"
    suffix = ".ncr"
    experimental = True
    carries = CarryMatrix(
        modes=frozenset({"L", "LA", "RGB", "RGBA"}),
        depths=frozenset({8}),
        alpha="exact",
        icc=False,
        exif=True,
        xmp=True,
        max_side=65_535,
    )
    working_base = 768 << 20  # torch and a model that are not loaded yet, and `prefetch.MOST` tiles at work
    knob = Knob("rate", 0, 65_535, 39_000)
    options: ClassVar[Mapping[str, Option] | None] = {}  # the knob alone
    byte_neutral: ClassVar[frozenset[str]] = frozenset({"decoding", "model"})

    def __init__(self, model: str | None = None, decoding: str = Decoding.FP32) -> None:
        """Args: model: id of the model to encode with; the newest that ships by default.

        Decoding uses the one in the stream. decoding: arithmetic of the pixels when decoding: "fp32", "bf16" or "exact", see
        `Decoding`.

        Raises UsageError (BAD_ARGUMENT).
        """
        self.model = model if model is not None else weights.newest_shipped() or ""
        self.decoding = Decoding.parse(decoding)

    def get_config(self) -> dict[str, Any]:
        """JSON-able configuration with `id`; `from_config(get_config())` is equal to the codec."""
        return {"id": self.codec_id, "model": self.model, "decoding": str(self.decoding)}

    def libraries(self) -> Mapping[str, str]:
        """See `Codec.libraries`; the model that encodes is among them, by its hash, where it is here."""
        found = {name: versions.package(name) for name in ("codec-router", "torch", "constriction")}
        try:
            return {**found, "model": self.weights().sha256}
        except RouterError:
            return found

    def version(self) -> str:
        """The SHA-256 of the weights. Raises ModelError, ArtefactError."""
        return self.weights().sha256

    def weights(self) -> ModelWeights:
        """The weights that `encode` uses, from their card; the card alone is read. Raises ModelError, ArtefactError."""
        return ModelWeights(self.model, weights.find_model(self.model).sha256)

    def decoding_in(self, arithmetic: str) -> NeuralCodec:
        """This codec, decoding in this arithmetic. Raises UsageError (BAD_ARGUMENT) for an unknown one."""
        return NeuralCodec(self.model, arithmetic)

    def unavailable(self) -> str | None:
        """None when usable here, else an install hint."""
        if not _has_extra():
            return install_hint("neural")
        return None if self.model else f"no neural model ships here: put one into a folder that {weights.ENVIRONMENT} lists"

    def prepare(self, sample: ImageSample) -> ImageSample:
        """The image in sRGB, without its ICC profile. Raises CarryError for wide gamut and HDR."""
        from router.images.colour import to_srgb

        return to_srgb(sample)

    def encode(self, sample: ImageSample, settings: Settings) -> bytes:
        """Encode with `settings["rate"]`, 0 to 65,535."""
        rate = rate_index(settings)
        encoder = self._encoder(sample)
        return encoder.write(encoder.analyse(), rate)

    def session(self, sample: ImageSample) -> Callable[[Settings], bytes]:
        """An encoder of this image whose analysis transform runs once; later rates cost hyperprior and entropy coding."""
        encoder = self._encoder(sample)
        latents = tuple(encoder.analyse())
        return lambda settings: encoder.write(latents, rate_index(settings))

    def decode(self, data: bytes, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
        """Decode, in fp32 (the reference decoding) unless the codec was made with another.

        Raises StreamError as `container.parse`, and LATENT_MISMATCH where a tile does not decode to what was written;
        ModelError UNKNOWN_MODEL or MODEL_MISMATCH; LimitError, also MEMORY_LIMIT; CodecUnavailableError without the neural extra.
        """
        file = container.parse(data, limits)
        _require_extra()
        header = file.header
        own = header.width * header.height * (header.channels + _DECODING)
        limits.check_memory(self.working_base + own, f"decoding {header.width}x{header.height} pixels")

        from router.codecs.neural.decoder import decode_image

        return decode_image(file, weights.load_model(file.model.model_id, file.model.sha256.hex()), self.decoding)

    def with_xmp(self, data: bytes, xmp: bytes) -> bytes:
        """`data` with this XMP packet in place of any other; streams stay byte for byte."""
        return container.replace(data, xmp=xmp)

    def read_xmp(self, data: bytes) -> bytes | None:
        """The XMP packet, None if there is none."""
        return container.ancillary(data).get("xmp")

    def with_record(self, data: bytes, record: bytes, source_xmp: bytes | None) -> bytes:
        """`data` with the record in its own chunk and the source's XMP, without a stale record, in the XMP chunk."""
        if source_xmp is not None and holds_record(source_xmp):
            source_xmp = without_record(source_xmp)
        return container.replace(data, record=record, xmp=source_xmp)

    def with_short_record(self, data: bytes, record: bytes, source_xmp: bytes | None) -> bytes:
        """As `with_record`: the chunk holds either form."""
        return self.with_record(data, record, source_xmp)

    def read_record(self, data: bytes) -> bytes | None:
        """The decision record, None if there is none."""
        return container.ancillary(data).get("record")

    def same_image(self, before: bytes, after: bytes, pixels: Pixels | None = None) -> bool:
        """Whether all that decides the pixels is the same, byte for byte; nothing is decoded."""
        return container.identity(before) == container.identity(after)

    def _encoder(self, sample: ImageSample) -> ImageEncoder:
        if refusal := self.refusal(sample):
            raise refusal
        _require_extra()

        from router.codecs.neural.encoder import ImageEncoder

        model = weights.load_model(self.model)
        if model.card.folder.parent == MODELS:  # a stream names its weights by hash: reading one does not ask the bundle
            vouch("models", model.card.sha256, model.card.id)
        return ImageEncoder(model, sample)


def rate_index(settings: Settings) -> int:
    """The checked `rate` of settings. Raises UsageError (BAD_SETTING)."""
    knob = NeuralCodec.knob
    if unknown := settings.keys() - {knob.name}:
        raise UsageError(f"ncr has no setting {', '.join(sorted(unknown))}", code=ReasonCode.BAD_SETTING, hint="It has: rate")
    rate = settings.get(knob.name, knob.start)
    if type(rate) is not int or not knob.low <= rate <= knob.high:
        raise UsageError(
            f"ncr: rate {rate!r} is not an integer from {knob.low} to {knob.high}",
            code=ReasonCode.BAD_SETTING,
            hint="39000 gives about SSIMULACRA2 70",
        )
    return rate


def _has_extra() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("torch", "constriction"))


def _require_extra() -> None:
    if not _has_extra():
        raise CodecUnavailableError(
            "the neural codec needs packages that are not installed", code=ReasonCode.MISSING_EXTRA, hint=install_hint("neural")
        )
