"""From `.ncr` to a standard file, so that it outlives its model: same pixels, same metadata, and both decisions in its record."""

from __future__ import annotations

import dataclasses
import hashlib
from os import PathLike

from router import api
from router.codecs import registry
from router.codecs.base import Codec, Lane
from router.codecs.neural.arithmetic import Decoding
from router.codecs.neural.codec import NeuralCodec
from router.containers import ncr as container
from router.decoding import EncodedSource, load
from router.encoded import EncodedImage
from router.errors import CarryError, CodecUnavailableError, GuardError, UsageError
from router.files.addresses import shown
from router.images.arrays import from_pixels
from router.images.profile import with_usable_profile
from router.images.sample import ImageSample, pixels_sha256
from router.limits import DEFAULT_LIMITS, NO_LIMITS, Limits
from router.quality.target import Number, Target
from router.reasons import ReasonCode
from router.record import DecisionRecord, Migration

DEFAULT_CODEC = "png"
"""Carries whatever an `.ncr` file can hold, and is read everywhere: what a file is given whose reader goes away."""

_LOST = (ReasonCode.RECORD_NOT_CARRIED, ReasonCode.CANNOT_CARRY_XMP, ReasonCode.SOURCE_XMP_DAMAGED)


def migrate(
    source: EncodedSource,
    *,
    codec: str = DEFAULT_CODEC,
    quality: Number | None = None,
    decoding: str = Decoding.EXACT,
    limits: Limits = DEFAULT_LIMITS,
) -> EncodedImage:
    """Decode an `.ncr` file and write its pixels with a standard codec; the source stays as it is.

    It is decoded in integers, which gives the same pixels on every machine, so that an archive does not depend on where it was
    migrated. They are within 1 of 255 of what the guard saw when the file was written, in floating point.

    EXIF, XMP and a colour profile go along. The result's record tells the new encoding, and in `migrated_from` the model, the
    hashes and the whole record that the `.ncr` file carried; its `source_sha256` stays that of the first source (without a
    full record to tell it: that of the `.ncr` file). With a lossless codec, the finished file has been decoded again and holds
    the pixels that the `.ncr` file decodes to (without an alpha channel that is opaque everywhere, where the codec has no place
    for one). With a lossy codec, search and guard compare with these pixels: its loss comes on top of the first.

    Args:
        source: bytes, path, address or binary file object.
        codec: id of a codec of the lossless or the classical lane.
        quality: SSIMULACRA2 target, 0 to 100; needed by a lossy codec, taken by no other.
        decoding: arithmetic of the decoding, see `Decoding`. "fp32" is what the guard saw, as this machine computes it.
        limits: on what is decoded.

    Raises:
        UsageError, CodecUnavailableError: codec or quality, see `check_target`; there is no such decoding.
        StreamError: damaged, truncated, newer, or no `.ncr` file; its record cannot be read (DAMAGED_RECORD,
            UNSUPPORTED_VERSION); ModelError: its model is not here.
        CarryError: the codec cannot hold what the file holds, record and XMP included.
        CodecError, GuardError: the target cannot be reached, or what was written is not what was read.
        InputError, LimitError: `source` cannot or may not be read.
    """
    writer, reader = check_target(codec, quality), NeuralCodec(decoding=decoding)
    data = load(source, limits)
    file = container.parse(data, limits)
    original = None if file.record is None else DecisionRecord.from_json(file.record)
    decoded = reader.decode(data, limits)
    sample = with_usable_profile(from_pixels(decoded.pixels, decoded.metadata, "ncr"))
    encoded = api.compress(sample, codec=codec, quality=quality, metadata="keep")
    if lost := [r for r in encoded.record.reasons if r.code in _LOST]:
        raise CarryError(
            f"{codec} cannot keep all that the file carries: {lost[0].detail}",
            code=ReasonCode(lost[0].code),
            hint="Choose another codec; `codec-router decompress` writes a PNG without the record",
        )
    migration = Migration(
        model=file.model.model_id,
        weights_sha256=file.model.sha256.hex(),
        rate_index=file.model.rate_index,
        format=file.header.version,
        arithmetic=str(reader.decoding),
        file_sha256=hashlib.sha256(data).hexdigest(),
        pixels_sha256=sample.pixels_sha256,
        record=original,
        record_sha256=None if file.record is None else hashlib.sha256(file.record).hexdigest(),
    )
    known = None if original is None else original.source_sha256
    first = migration.file_sha256 if known is None else known
    record = encoded.record.model_copy(update={"source_sha256": first, "migrated_from": migration}).fitted()
    written = writer.with_record(encoded.data, record.to_json(), writer.read_xmp(encoded.data))
    _check(writer, sample, encoded.record.pixels_sha256, written)
    name = shown(source) if isinstance(source, str | PathLike) else None
    told = {"record": record, "source": name, "source_bytes": len(data), "output_bytes": len(written)}
    return dataclasses.replace(encoded, data=written, record=record, run=encoded.run.model_copy(update=told))


def check_target(codec: str, quality: Number | None) -> Codec:
    """The codec that a migration writes with.

    Raises CodecUnavailableError (UNKNOWN_CODEC, MISSING_EXTRA), UsageError (BAD_ARGUMENT) if it makes no standard file from
    pixels, is lossy and gets no quality, or is lossless and gets one.
    """
    lane = registry.get_class(codec).lane
    if lane not in (Lane.LOSSLESS, Lane.CLASSICAL):
        raise _bad(f"{codec} makes no standard file from pixels", "Choose png, jxl-lossless, or avif with a quality")
    if lane is Lane.CLASSICAL and quality is None:
        raise _bad(f"{codec} is lossy, and no quality is given", "90 is visually lossless; png and jxl-lossless lose nothing")
    if lane is Lane.LOSSLESS and quality is not None:
        raise _bad(f"{codec} is lossless and takes no quality", "Leave it out, or choose a lossy codec such as avif")
    if quality is not None:
        Target.quality(quality)
    writer = registry.get(codec)
    if (hint := writer.unavailable()) is not None:
        raise CodecUnavailableError(f"{codec} is not installed", code=ReasonCode.MISSING_EXTRA, hint=hint)
    return writer


def _check(writer: Codec, sample: ImageSample, guarded: str | None, written: bytes) -> None:
    """The finished file is decoded once more. `guarded`: hash of the pixels that passed the guard, before the record went in."""
    found = writer.decode(written, NO_LIMITS)
    wanted = writer.prepare(sample).pixels_sha256 if writer.lane is Lane.LOSSLESS else guarded
    if pixels_sha256(found.pixels) != wanted:
        raise GuardError(
            f"{writer.codec_id} does not give the pixels back", code=ReasonCode.GUARD_NOT_IDENTICAL, hint="Choose another codec"
        )
    if (found.metadata.icc, found.metadata.exif) != (sample.metadata.icc, sample.metadata.exif):
        raise CarryError(
            f"{writer.codec_id} does not give the metadata back", code=ReasonCode.CANNOT_CARRY_EXIF, hint="Choose another codec"
        )


def _bad(message: str, hint: str) -> UsageError:
    return UsageError(message, code=ReasonCode.BAD_ARGUMENT, hint=hint)
