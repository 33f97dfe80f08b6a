"""Every codec keeps its promises, and the check notices each way of breaking one."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from router.codecs import registry
from router.codecs.base import Codec, DecodedImage, Knob, Lane
from router.codecs.conformance import synthetic
from router.codecs.options import IntRange
from router.codecs.png import PngCodec
from router.errors import CarryError, StreamError, UsageError
from router.images.read import read
from router.limits import NO_LIMITS
from router.reasons import ReasonCode
from router.testing import check_codec

CLASSICAL = [i for i in registry.ids() if i != "ncr"]


@pytest.mark.parametrize("codec_id", CLASSICAL)
def test_keeps_its_promises(codec_id):
    check_codec(registry.get(codec_id))


@pytest.mark.parametrize(
    "config",
    [
        {"id": "jpeg", "subsampling": "444"},
        {"id": "webp-lossless", "method": 0},
        {"id": "avif", "speed": 9, "subsampling": "420"},
        {"id": "jxl-lossless", "effort": 2, "threads": 2},
        {"id": "png", "level": 1},
    ],
    ids=lambda c: c["id"],
)
def test_keeps_its_promises_in_another_configuration(config):
    check_codec(registry.get_from_config(config))


def test_takes_the_callers_images_and_settings():
    sample = read(synthetic(40, 30, "RGB", 8))
    check_codec(registry.get("jpeg"), samples=[sample], settings=[{"quality": 50, "subsampling": "420"}])
    check_codec(registry.get("jpeg"), samples=[read(synthetic(40, 30, "RGBA", 8))])  # refused, and that is right
    with pytest.raises(AssertionError, match=r"round trips: UsageError: .*quality must be"):
        check_codec(registry.get("jpeg"), samples=[sample], settings=[{"quality": 0}])


class Toy(PngCodec):
    """Sound; the classes below break one thing each."""

    codec_id = "toy"
    carries = replace(PngCodec.carries, modes=frozenset({"L", "RGB", "RGBA"}), depths=frozenset({8}))


class Lossy(Toy):
    """A classical codec whose knob is fidelity: it drops low bits."""

    lane = Lane.CLASSICAL
    knob = Knob("keep", 3, 8, 6)

    def encode(self, sample, settings):
        keep = settings.get("keep", 6)
        if not isinstance(keep, int) or not 3 <= keep <= 8:
            raise UsageError("bad setting", code=ReasonCode.BAD_SETTING)
        if (error := self.refusal(sample)) is not None:
            raise error
        pixels = sample.pixels.copy()
        pixels[..., :3] &= 256 - (1 << (8 - keep))
        return super().encode(sample.replace_pixels(pixels), {k: v for k, v in settings.items() if k != "keep"})


class OddConfig(Toy):
    def get_config(self):
        return {**super().get_config(), "level": (6,)}


class OtherId(Toy):
    def get_config(self):
        return {**super().get_config(), "id": "png"}


class ForgetsConfig(Toy):
    @classmethod
    def from_config(cls, config):
        return cls(level=1)


class OddRepr(Toy):
    def __repr__(self):
        return f"{type(self).__name__}(level=1)"


class AnySetting(Toy):
    def encode(self, sample, settings):
        return super().encode(sample, {})


class OddSettingCode(Toy):
    def encode(self, sample, settings):
        try:
            return super().encode(sample, settings)
        except UsageError as error:
            raise UsageError("no", code=ReasonCode.BAD_ARGUMENT) from error


class DeclaresMoreThanItTakes(Toy):
    options: ClassVar = {"level": IntRange(0, 10)}

    def encode(self, sample, settings):
        if settings.get("level") == 10:
            raise UsageError("ten", code=ReasonCode.BAD_SETTING)
        return super().encode(sample, settings)


class TakesMoreThanItDeclares(Toy):
    options: ClassVar = {"level": IntRange(0, 8)}

    def encode(self, sample, settings):
        return PngCodec().encode(sample, settings)


class DeclaresAnotherKnob(Lossy):
    options: ClassVar = {**Lossy.options, "keep": IntRange(3, 7)}


class OpenKnob(Lossy):
    def encode(self, sample, settings):
        return super().encode(sample, {k: min(max(v, 3), 8) if isinstance(v, int) else v for k, v in settings.items()})


class KnobStartsOutside(Lossy):
    knob = Knob("keep", 3, 8, 9)


class ClaimsDepthItRefuses(Toy):
    carries = replace(Toy.carries, depths=frozenset({8, 16}))

    def refusal(self, sample):
        return self._cannot("16 bit", ReasonCode.CANNOT_CARRY_DEPTH) if sample.bits == 16 else super().refusal(sample)


class TakesWhatItDoesNotClaim(Toy):
    carries = replace(Toy.carries, modes=frozenset({"RGB", "RGBA"}))

    def refusal(self, sample):
        return None


class EncodesWhatItRefuses(Toy):
    carries = replace(Toy.carries, icc=False)

    def encode(self, sample, settings):
        return Toy().encode(sample, settings)


class NoSizeLimit(Toy):
    carries = replace(Toy.carries, max_side=100)

    def refusal(self, sample):
        error = super().refusal(sample)
        return None if error and error.code == ReasonCode.CANNOT_CARRY_SIZE else error


class PreparesAwayDetail(Toy):
    def prepare(self, sample):
        return sample.replace_pixels(sample.pixels & 0xF0)


class DropsOpaqueAlphaSilently(Toy):
    def encode(self, sample, settings):
        if self.refusal(sample) is None and sample.has_alpha and not sample.alpha_used:
            sample = sample.replace_pixels(sample.pixels[..., :3])
        return super().encode(sample, settings)


class GrayBecomesColour(Toy):
    def decode(self, data, limits=NO_LIMITS):
        decoded = super().decode(data, limits)
        return DecodedImage(np.repeat(decoded.pixels, 3, -1), decoded.metadata) if decoded.pixels.shape[2] == 1 else decoded


class Widens(Toy):
    def decode(self, data, limits=NO_LIMITS):
        decoded = super().decode(data, limits)
        return DecodedImage(decoded.pixels.astype(np.uint16), decoded.metadata)


class OffByOne(Toy):
    def decode(self, data, limits=NO_LIMITS):
        decoded = super().decode(data, limits)
        pixels = decoded.pixels.copy()
        pixels[0, 0, 0] ^= 1
        return DecodedImage(pixels, decoded.metadata)


class ClearsColourUnderTransparency(Toy):
    def encode(self, sample, settings):
        if self.refusal(sample) is None and sample.mode == "RGBA":
            sample = sample.replace_pixels(np.where(sample.pixels[..., 3:] == 0, 0, sample.pixels).astype(np.uint8))
        return super().encode(sample, settings)


class SwapsChannels(Lossy):
    def decode(self, data, limits=NO_LIMITS):
        decoded = super().decode(data, limits)
        pixels = decoded.pixels
        return decoded if pixels.shape[2] != 3 else DecodedImage(pixels[..., ::-1], decoded.metadata)


class ClaimsExactAlpha(Lossy):
    def encode(self, sample, settings):
        if self.refusal(sample) is None and sample.has_alpha:
            pixels = sample.pixels.copy()
            pixels[..., 3] &= 0xFC
            sample = sample.replace_pixels(pixels)
        return super().encode(sample, settings)


class ClaimsNoAlpha(Toy):
    carries = replace(Toy.carries, alpha="none")

    def refusal(self, sample):
        return Toy().refusal(sample)


class LosesIcc(Toy):
    def decode(self, data, limits=NO_LIMITS):
        decoded = super().decode(data, limits)
        return DecodedImage(decoded.pixels, replace(decoded.metadata, icc=None))


class RewritesExif(Toy):
    def decode(self, data, limits=NO_LIMITS):
        decoded = super().decode(data, limits)
        exif = decoded.metadata.exif
        return DecodedImage(decoded.pixels, replace(decoded.metadata, exif=exif and exif + b"\x00"))


class InventsExif(Toy):
    def decode(self, data, limits=NO_LIMITS):
        decoded = super().decode(data, limits)
        return DecodedImage(decoded.pixels, replace(decoded.metadata, exif=decoded.metadata.exif or b"II*\x00"))


class EncodeAttachesXmp(Toy):
    def encode(self, sample, settings):
        data = super().encode(sample, settings)
        return self.with_xmp(data, sample.metadata.xmp) if sample.metadata.xmp else data


class ForgetsXmp(Toy):
    def with_xmp(self, data, xmp):
        return data


class KeepsTheFirstXmp(Toy):
    def with_xmp(self, data, xmp):
        return data if self.read_xmp(data) is not None else super().with_xmp(data, xmp)


class HoardsXmp(Toy):
    def with_xmp(self, data, xmp):
        old = self.read_xmp(data) or b""
        return super().with_xmp(data, xmp) + old


class XmpChangesPixels(Toy):
    def with_xmp(self, data, xmp):
        return super().with_xmp(self.encode(read(self.decode(data).pixels // 2), {}), xmp)


class XmpDropsExif(Toy):
    def with_xmp(self, data, xmp):
        return super().with_xmp(self.encode(read(self.decode(data).pixels), {}), xmp)


class DecodeHidesXmp(Toy):
    def decode(self, data, limits=NO_LIMITS):
        decoded = super().decode(data, limits)
        return DecodedImage(decoded.pixels, replace(decoded.metadata, xmp=None))


class LosesTheRecord(Toy):
    def read_record(self, data):
        return None


class RecordReplacesXmp(Toy):
    def with_record(self, data, record, source_xmp):
        return super().with_record(data, record, None)


class RefusesTheRecord(Toy):
    def with_record(self, data, record, source_xmp):
        raise CarryError("no", code=ReasonCode.RECORD_NOT_CARRIED)


class Restless(Toy):
    count = 0

    def encode(self, sample, settings):
        type(self).count += 1
        return Toy(level=self.count % 2).encode(sample, {"level": self.count % 2, **settings})


class OddSession(Toy):
    def session(self, sample):
        return lambda settings: Toy(level=0).encode(sample, settings)


class SharesState(Toy):
    def encode(self, sample, settings):
        self.sample = sample
        time.sleep(0.002)
        return super().encode(self.sample, settings)


class KnobTurnsTheOtherWay(Lossy):
    def encode(self, sample, settings):
        keep = settings.get("keep")
        return super().encode(sample, {**settings, "keep": 11 - keep} if isinstance(keep, int) else settings)


class NoLimits(Toy):
    def decode(self, data, limits=NO_LIMITS):
        return super().decode(data, NO_LIMITS)


class DecodesAnything(Toy):
    def decode(self, data, limits=NO_LIMITS):
        sample = read(data, limits=limits) if data[:1] == b"P" else None
        return super().decode(data, limits) if sample is None else DecodedImage(sample.pixels, sample.metadata)


class LeaksExceptions(Toy):
    def decode(self, data, limits=NO_LIMITS):
        try:
            return super().decode(data, limits)
        except StreamError as error:
            if len(data) > 200:
                raise ValueError(str(error)) from error
            raise


class LeaksFromXmp(Toy):
    def read_xmp(self, data):
        try:
            return super().read_xmp(data)
        except StreamError as error:
            if len(data) > 200:
                raise IndexError(str(error)) from error
            raise


class NotInstalled(Toy):
    def unavailable(self):
        return "pip install toy"


def test_sound_toys_pass():
    check_codec(Toy())
    check_codec(Lossy())


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (OddConfig, "configuration: .* JSON"),
        (OtherId, "configuration: .* id 'png'"),
        (ForgetsConfig, "configuration: .* not equal"),
        (OddRepr, "configuration: repr"),
        (AnySetting, "settings: .*no-such-setting"),
        (OddSettingCode, "settings: .* BAD_ARGUMENT, not BAD_SETTING"),
        (DeclaresMoreThanItTakes, "settings: level is declared as an integer from 0 to 10, but 10 is refused"),
        (TakesMoreThanItDeclares, "settings: .*'level': 9.* is taken"),
        (DeclaresAnotherKnob, "settings: keep is declared as an integer from 3 to 7"),
        (OpenKnob, "settings: .*'keep': 2"),
        (KnobStartsOutside, "settings: the knob starts at 9"),
        (ClaimsDepthItRefuses, "carry matrix: 16 bits"),
        (TakesWhatItDoesNotClaim, "refusal: 8-bit L "),
        (EncodesWhatItRefuses, "refusal: encode of an image with icc"),
        (NoSizeLimit, "refusal: a side of 101 px"),
        (PreparesAwayDetail, "preparation: .* prepare"),
        (DropsOpaqueAlphaSilently, "round trip: .* RGBA.*comes back as .*3"),
        (GrayBecomesColour, "round trip: .* L, 8 bit.*comes back as .*3"),
        (Widens, "round trip: .* uint16, not uint8"),
        (OffByOne, "round trip: .* bit for bit"),
        (ClearsColourUnderTransparency, "round trip: .* RGBA.* bit for bit"),
        (SwapsChannels, "resemblance: .* RGB, 8 bit"),
        (ClaimsExactAlpha, "alpha: claimed as exact"),
        (ClaimsNoAlpha, "alpha: .* as none"),
        (LosesIcc, "metadata: icc .* none"),
        (RewritesExif, "metadata: exif .* 38 bytes go in and 39"),
        (InventsExif, "metadata: .* comes back with exif"),
        (EncodeAttachesXmp, "xmp: encode attaches"),
        (ForgetsXmp, "xmp: .*read_xmp does not give back"),
        (KeepsTheFirstXmp, "xmp: .*does not replace"),
        (HoardsXmp, "xmp: .*leaves the first packet"),
        (XmpChangesPixels, "xmp: .*changes pixels"),
        (XmpDropsExif, "xmp: .*changes ICC or EXIF"),
        (DecodeHidesXmp, "xmp: .*decode gives none"),
        (LosesTheRecord, "record: read_record does not give back"),
        (RecordReplacesXmp, "record: .*drops the source's XMP"),
        (RefusesTheRecord, "record: .*RECORD_NOT_CARRIED"),
        (Restless, "determinism: .* the second time"),
        (OddSession, "determinism: session"),
        (SharesState, "threads: .* encode other bytes"),
        (KnobTurnsTheOtherWay, "knob: keep 8"),
        (NoLimits, "limits: .* must raise LimitError"),
        (DecodesAnything, "foreign data: decode of a PPM"),
        (LeaksExceptions, "damaged data: decode of data .* ValueError"),
        (LeaksFromXmp, "damaged data: read_xmp of data .* IndexError"),
        (NotInstalled, "cannot be used here: pip install toy"),
    ],
    ids=lambda p: p.__name__ if isinstance(p, type) else "",
)
def test_notices(broken: type[Codec], said: str):
    with pytest.raises(AssertionError, match=said):
        check_codec(broken())
