"""Reading what the router wrote: pixels, records, and the original file of a transcode."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, overload

from router.codecs import registry
from router.codecs.base import DecodedImage
from router.codecs.neural.arithmetic import Decoding
from router.errors import InputError, NoRecordError, StreamError, UsageError
from router.files.named import read_named, read_stream, to_rewind
from router.images.profile import usable
from router.images.sample import Pixels
from router.limits import DEFAULT_LIMITS, Limits
from router.process.forks import step
from router.reasons import ReasonCode
from router.record import DecisionRecord

if TYPE_CHECKING:
    from PIL import Image

EncodedSource = bytes | bytearray | memoryview | str | PathLike[str] | BinaryIO


def load(source: EncodedSource, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The bytes of an encoded image: as given, from a path or an address, or from a binary file object.

    Raises InputError (NOT_FOUND, NOT_A_FILE, UNREADABLE), LimitError, UsageError for anything else, StreamError (EMPTY_INPUT).
    """
    if isinstance(source, bytes | bytearray | memoryview):
        limits.check_bytes(memoryview(source).nbytes)
        data = bytes(source)
    elif isinstance(source, str | PathLike):
        data = read_named(source, limits)
    elif callable(getattr(source, "read", None)):
        data = read_stream(source, limits)
        if not data:
            raise StreamError("the file object gives no bytes", code=ReasonCode.EMPTY_INPUT, hint=to_rewind(source))
    else:
        raise UsageError(
            f"{type(source).__name__} is not an encoded image",
            code=ReasonCode.BAD_ARGUMENT,
            hint="Pass bytes, a path or a binary file object",
        )
    if not data:
        raise StreamError("there are no bytes", code=ReasonCode.EMPTY_INPUT)
    return data


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS, decoding: str | None = None) -> DecodedImage:
    """Pixels and metadata of any output of the router, passed-through sources included; `decoding` as in `decompress`.

    A profile that cannot be used is left out.

    Raises StreamError, LimitError, UsageError.
    """
    try:
        codec = registry.for_data(data)
    except StreamError as unknown:
        if unknown.code is not ReasonCode.UNKNOWN_STREAM:
            raise
        return _decode_foreign(data, limits, unknown)
    if decoding is not None:
        Decoding.parse(decoding)  # a wrong word is refused whatever the format
        codec = codec.decoding_in(decoding)
    found = codec.decode(data, limits)
    # The readers of standard files have looked at the profile already.
    icc, _ = usable(found.metadata.icc, found.pixels.shape[2])
    return replace(found, metadata=replace(found.metadata, icc=icc))


@overload
def decompress(
    source: EncodedSource, *, as_array: Literal[False] = False, decoding: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> Image.Image: ...
@overload
def decompress(
    source: EncodedSource, *, as_array: Literal[True], decoding: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> Pixels: ...
@overload
def decompress(
    source: EncodedSource, *, as_array: bool, decoding: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> Image.Image | Pixels: ...
@step()
def decompress(
    source: EncodedSource, *, as_array: bool = False, decoding: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> Any:
    """Decode an output of `compress`.

    Args:
        source: bytes, path, address (`s3://...`) or binary file object.
        as_array: give an ndarray, (H, W) for gray or (H, W, C), uint8 or uint16, instead of a `PIL.Image`.
        decoding: arithmetic of a neural file's pixels: "fp32" (the reference), "bf16" (faster where the processor has it, less
            precise) or "exact" (slower; the same pixels on every machine). Other formats have one only.
        limits: checked from headers before pixels are allocated.

    Raises:
        StreamError: damaged, truncated, unknown or newer data (ModelError: needs a model that is not here).
        LimitError: larger than `limits`.
        UsageError: no such decoding.
        InputError: no such file; or 16-bit colour, which PIL cannot hold, without `as_array`.
    """
    from router.images.arrays import to_pil

    image = decode(load(source, limits), limits, decoding)
    if as_array:
        return image.pixels[..., 0] if image.pixels.shape[2] == 1 else image.pixels
    return to_pil(image.pixels, image.metadata)


@step()
def inspect(source: EncodedSource, *, limits: Limits = DEFAULT_LIMITS) -> DecisionRecord:
    """The decision record inside an output, without decoding its pixels.

    Raises:
        NoRecordError: the file is fine but carries none (a passed-through source, a foreign file).
        StreamError: damaged or unknown data.
    """
    data = load(source, limits)
    try:
        raw = registry.for_data(data).read_record(data)
    except StreamError as unknown:
        if unknown.code is not ReasonCode.UNKNOWN_STREAM or not _is_image(data):
            raise
        raw = None  # a source that was passed through in a format that no codec of ours writes
    if raw is None:
        raise NoRecordError(
            "the file carries no decision record",
            code=ReasonCode.NO_RECORD,
            hint='Passed-through sources carry none, nor do files made with record "none" or stripped: see the log',
        )
    return DecisionRecord.from_json(raw)


@step()
def restore(source: EncodedSource, *, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The original JPEG file, byte for byte, from a transcode. Raises StreamError if the data is something else, LimitError."""
    from router.codecs.jxl import JxlTranscodeCodec
    from router.images.probe import probe

    data = load(source, limits)
    codec = registry.for_data(data)
    if not isinstance(codec, JxlTranscodeCodec):
        raise StreamError("not a transcoded JPEG", code=ReasonCode.NOT_A_JPEG, hint="Use decompress")
    try:
        header = probe(data)
    except InputError as error:
        raise StreamError(error.message, code=ReasonCode.DAMAGED_STREAM, hint=error.hint) from error
    limits.check_size(header.width, header.height)
    return codec.reconstruct(data)


def _is_image(data: bytes) -> bool:
    from router.images.probe import probe

    try:
        probe(data)
    except InputError:
        return False
    return True


def _decode_foreign(data: bytes, limits: Limits, unknown: StreamError) -> DecodedImage:
    """A passed-through source in a format that no codec of ours writes (GIF, TIFF, BMP)."""
    from router.images.read import read

    try:
        sample = read(data, limits=limits)
        return DecodedImage(sample.pixels, sample.metadata)
    except InputError as error:
        if error.code is ReasonCode.NOT_AN_IMAGE:
            raise unknown from error
        raise StreamError(error.message, code=error.code, hint=error.hint, foreign=error.foreign) from error
