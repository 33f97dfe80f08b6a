"""What every codec promises, as laws that can be run: one function each."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import cast

import numpy as np
from numpy.typing import NDArray

from router.codecs.base import Codec, DecodedImage, Lane, Settings
from router.codecs.options import FloatRange, IntRange, OneOf, Option
from router.containers.metadata import Metadata, PixelDensity, Text
from router.errors import CarryError, LimitError, RouterError, StreamError, UsageError
from router.images.arrays import from_pixels
from router.images.sample import ImageSample, Mode, Pixels
from router.limits import Limits
from router.reasons import ReasonCode
from router.record import RECORD_RESERVE, SHORT_BYTES

_CHANNELS: dict[Mode, int] = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
_EXACT_LANES = (Lane.LOSSLESS, Lane.TRANSCODE, Lane.PASSTHROUGH)
_SIZES = ((1, 1), (1, 17), (17, 1), (33, 65))
_RESEMBLANCE = 0.08
"""Largest mean error at the best setting, as a share of the sample range: far above any codec, far below a wrong channel."""

_EXIF = (  # TIFF block: Make = "cr", Orientation = 1
    b"II*\x00\x08\x00\x00\x00\x02\x00\x0f\x01\x02\x00\x03\x00\x00\x00cr\x00\x00\x12\x01\x03\x00\x01\x00\x00\x00\x01\x00\x00\x00"
    b"\x00\x00\x00\x00"
)
_RECORD = b'{"schema":1,"lane":"classical","note":"\xc3\xa9 <&>"}'
_SHORT_RECORD = b'["cr1","classical","example","policy/rule","","0123456789abcdef"]'
_FOREIGN = {
    "nothing": b"",
    "zeros": bytes(64),
    "text": b"no image at all, " * 8,
    "a PPM": b"P6 2 1 255\n\x01\x02\x03\x04\x05\x06",
}


def check_codec(
    codec: Codec, *, samples: Iterable[ImageSample] | None = None, settings: Iterable[Settings] | None = None
) -> None:
    """Check that a codec keeps its promises; needs no files.

    Checked: configuration, settings, every claim of the carry matrix by round trip, a refusal for everything that is not
    claimed, determinism, threads, the knob, XMP and record, limits, and typed errors on damaged and foreign data.

    Args:
        codec: the instance to check.
        samples: images for the round trips (those that the codec refuses, it must refuse to encode); by default synthetic
            ones of four sizes in every mode and depth claimed.
        settings: settings for the round trips; by default none given, and the two ends of the knob.

    Raises:
        AssertionError: the first promise that is broken; or the codec cannot be used here (with its install hint).
    """
    hint = codec.unavailable()
    if hint is not None:
        raise AssertionError(f"{codec.codec_id} cannot be used here: {hint}")
    bench = _Bench(codec, None if samples is None else tuple(samples), None if settings is None else tuple(settings))
    for law in _LAWS:
        try:
            law(bench)
        except AssertionError:
            raise
        except Exception as error:  # nothing that the laws call with sound arguments may raise
            name = law.__name__.strip("_").replace("_", " ")
            raise bench.failure(name, f"{type(error).__name__}: {error}") from error


@dataclass(frozen=True)
class _Bench:
    """The codec under test and what it is tested with."""

    codec: Codec
    given_samples: Sequence[ImageSample] | None
    given_settings: Sequence[Settings] | None

    @cached_property
    def layouts(self) -> tuple[tuple[Mode, int], ...]:
        """Every claimed (mode, bits) that the codec does not refuse."""
        claimed = [(mode, bits) for mode in _CHANNELS for bits in (8, 16)]
        claimed = [(m, b) for m, b in claimed if m in self.codec.carries.modes and b in self.codec.carries.depths]
        return tuple((m, b) for m, b in claimed if self.codec.refusal(self.sample(m, b)) is None)

    @cached_property
    def samples(self) -> tuple[ImageSample, ...]:
        if self.given_samples is not None:
            return tuple(self.given_samples)
        images = [self.sample(mode, bits, size) for mode, bits in self.layouts for size in _SIZES]
        return (*images, *(_made_opaque(i) for i in images[len(_SIZES) - 1 :: len(_SIZES)] if i.has_alpha))

    @cached_property
    def settings(self) -> tuple[Settings, ...]:
        if self.given_settings is not None:
            return tuple(self.given_settings)
        knob = self.codec.knob
        return ({},) if knob is None else ({}, {knob.name: knob.low}, {knob.name: knob.high})

    def sample(
        self, mode: Mode, bits: int = 8, size: tuple[int, int] = (33, 65), metadata: Metadata | None = None
    ) -> ImageSample:
        """A synthetic image; one that came as a JPEG file for codecs that take nothing else."""
        metadata = Metadata() if metadata is None else metadata
        pixels = synthetic(*size, mode, bits)
        jpeg = self.codec.lane is Lane.TRANSCODE and pixels.shape[2] in (1, 3) and bits == 8
        return _from_jpeg(pixels, metadata) if jpeg else from_pixels(pixels, metadata)

    def example(self, metadata: Metadata | None = None, size: tuple[int, int] = (33, 65)) -> ImageSample:
        """One image that the codec takes, RGB with 8 bits if it can."""
        mode, bits = ("RGB", 8) if ("RGB", 8) in self.layouts else self.layouts[-1]
        return self.sample(cast("Mode", mode), bits, size, metadata)

    def failure(self, law: str, message: str) -> AssertionError:
        return AssertionError(f"{self.codec.codec_id}: {law}: {message}")

    def expect(self, condition: object, law: str, message: str) -> None:
        if not condition:
            raise self.failure(law, message)

    def refuses(self, call: Callable[[], object], error: type[RouterError], law: str, what: str) -> RouterError:
        """The typed error that `call` raises; anything else breaks the law."""
        found: Exception | None = None
        try:
            call()
        except Exception as raised:  # judged below
            found = raised
        if isinstance(found, error):
            return found
        raise self.failure(law, f"{what} must raise {error.__name__}, but {'is taken' if found is None else f'raises {found!r}'}")


def _configuration(b: _Bench) -> None:
    law, codec = "configuration", b.codec
    config = codec.get_config()
    b.expect(config.get("id") == codec.codec_id, law, f"get_config() has the id {config.get('id')!r}")
    b.expect(json.loads(json.dumps(config)) == config, law, f"{config!r} is not the same after a trip through JSON")
    b.expect(type(codec).from_config(config) == codec, law, "from_config(get_config()) is not equal to the codec")
    b.expect(hash(type(codec).from_config(config)) == hash(codec), law, "equal codecs have different hashes")
    evaluated = eval(repr(codec), {type(codec).__name__: type(codec)})  # noqa: S307 (our own repr)
    b.expect(evaluated == codec, law, f"repr {codec!r} does not evaluate to an equal codec")


def _settings(b: _Bench) -> None:
    law, codec, sample = "settings", b.codec, b.example()
    bad: list[Settings] = [{"no-such-setting": 1}]
    if (knob := codec.knob) is not None:
        b.expect(knob.low <= knob.start <= knob.high, law, f"the knob starts at {knob.start}, outside its range")
        bad += [{knob.name: knob.low - 1}, {knob.name: knob.high + 1}, {knob.name: "high"}]
        ends = (knob.low - 1, knob.low, knob.high, knob.high + 1)
        takes = [codec.accepted()[knob.name].accepts(value) for value in ends]
        b.expect(takes == [False, True, True, False], law, f"{knob.name} is declared as {codec.accepted()[knob.name]}")
    for name, option in (codec.options or {}).items():
        values = _values_of(option)
        b.expect(any(option.accepts(value) for value in values), law, f"{name} takes none of {values!r}")
        for value in values:
            if not option.accepts(value):
                bad.append({name: value})
                continue
            try:
                codec.encode(sample, {name: value})
            except UsageError as refused:
                raise b.failure(law, f"{name} is declared as {option}, but {value!r} is refused: {refused.message}") from refused
    for settings in bad:
        error = b.refuses(partial(codec.encode, sample, settings), UsageError, law, f"encode with {settings!r}")
        b.expect(error.code == ReasonCode.BAD_SETTING, law, f"{settings!r} is refused as {error.code}, not BAD_SETTING")


def _values_of(option: Option) -> list[object]:
    """Values inside and outside of what the option takes."""
    if isinstance(option, IntRange | FloatRange):
        return [option.low, option.high, option.low - 1, option.high + 1, "high", None, True]
    if isinstance(option, OneOf):
        return [*option.names, "no-such-name", 1, None]
    return [True, False, 0, 1, "", "auto", None]


def _claims_are_taken(b: _Bench) -> None:
    law, claimed = "carry matrix", b.codec.carries
    for mode in claimed.modes:
        b.expect(any(m == mode for m, _ in b.layouts), law, f"mode {mode} is claimed but refused at every depth")
    for bits in claimed.depths:
        b.expect(any(d == bits for _, d in b.layouts), law, f"{bits} bits are claimed but refused in every mode")


def _round_trips(b: _Bench) -> None:
    law, codec = "round trip", b.codec
    for sample in b.samples:
        if codec.refusal(sample) is not None:  # one that the caller gave
            _check_refused(b, law, sample, repr(sample))
            continue
        expected = codec.prepare(sample).pixels
        for settings in b.settings:
            what = f"{sample!r} with {dict(settings)!r}"
            pixels = codec.decode(codec.encode(sample, settings)).pixels
            b.expect(pixels.shape == expected.shape, law, f"{what} comes back as {pixels.shape}, not {expected.shape}")
            b.expect(pixels.dtype == expected.dtype, law, f"{what} comes back as {pixels.dtype}, not {expected.dtype}")
            if codec.lane in _EXACT_LANES:
                b.expect(np.array_equal(pixels, expected), law, f"{what} does not come back bit for bit")


def _preparation(b: _Bench) -> None:
    law, codec = "preparation", b.codec
    if codec.lane not in _EXACT_LANES:
        return
    for sample in b.samples:
        pixels, prepared = sample.pixels, codec.prepare(sample).pixels
        if sample.has_alpha and not sample.alpha_used and prepared.shape[2] == pixels.shape[2] - 1:
            pixels = pixels[..., :-1]
        same = pixels.dtype == prepared.dtype and np.array_equal(pixels, prepared)
        b.expect(same, law, f"{sample!r} loses more than an opaque alpha channel in prepare()")


def _resemblance(b: _Bench) -> None:
    law, codec = "resemblance", b.codec
    best: Settings = {} if codec.knob is None else {codec.knob.name: codec.knob.high}
    for mode, bits in b.layouts:
        sample = codec.prepare(b.sample(mode, bits, (64, 96)))
        pixels = codec.decode(codec.encode(sample, best)).pixels
        opaque = _opaque(sample)
        difference = np.abs(pixels.astype(np.float64) - sample.pixels)[opaque]
        error = float(difference.mean()) / np.iinfo(sample.pixels.dtype).max
        b.expect(error <= _RESEMBLANCE, law, f"{sample!r} at its best is {error:.0%} off on average")


def _alpha(b: _Bench) -> None:
    law, codec = "alpha", b.codec
    alphas = [(m, d) for m, d in b.layouts if m in ("LA", "RGBA")]
    if codec.carries.alpha == "none":
        b.expect(not codec.carries.modes & {"LA", "RGBA"}, law, "modes with alpha are claimed, and alpha as none")
    else:
        b.expect(alphas, law, f"alpha is claimed as {codec.carries.alpha}, but no mode with alpha is taken")
    if codec.carries.alpha == "exact":
        for mode, bits in alphas:
            sample = b.sample(mode, bits)
            for settings in b.settings:
                pixels = codec.decode(codec.encode(sample, settings)).pixels
                same = np.array_equal(pixels[..., -1], sample.pixels[..., -1])
                b.expect(same, law, f"claimed as exact, changed in {sample!r} with {dict(settings)!r}")


def _metadata(b: _Bench) -> None:
    law, codec, claimed = "metadata", b.codec, b.codec.carries
    plain = codec.decode(codec.encode(b.example(), {})).metadata
    b.expect(plain == Metadata(), law, f"an image without any comes back with {_names(plain)}")
    for name, given in (("icc", Metadata(icc=srgb_profile())), ("exif", Metadata(exif=_EXIF))):
        if getattr(claimed, name):
            value, sample = getattr(given, name), b.example(given)
            back = getattr(codec.decode(codec.encode(sample, {})).metadata, name)
            b.expect(back == value, law, f"{name} is claimed, {_size(value)} go in and {_size(back)} come back")


def _notes(b: _Bench) -> None:
    law, codec, claimed = "notes", b.codec, b.codec.carries
    # One of every kind: plain, long, beyond Latin-1, and with a language.
    text = (Text("Comment", "é"), Text("a b", "x" * 5000), Text("Title", "日本"), Text("Title", "Wort", "de", "Titel"))
    density, chunks = PixelDensity(300, 200, "inch"), ((b"tIME", b"\x07\xea\x01\x02\x03\x04\x05"),)
    back = codec.decode(codec.encode(b.example(Metadata(text=text, density=density, chunks=chunks)), {})).metadata
    b.expect(back.text == (text if claimed.text else ()), law, f"texts come back as {back.text!r}")
    b.expect(back.chunks == (chunks if claimed.chunks else ()), law, f"chunks come back as {back.chunks!r}")
    scale = 1.0 if back.density is None else {"inch": 1, "cm": 2.54, "m": 0.0254}.get(back.density.unit, 0)
    near = back.density is not None and abs(back.density.x * scale - 300) < 1 and abs(back.density.y * scale - 200) < 1
    b.expect(near if claimed.density else back.density is None, law, f"a density of 300 x 200 comes back as {back.density!r}")


def _xmp(b: _Bench) -> None:
    law, codec = "xmp", b.codec
    data = codec.encode(b.example(), {})
    if not codec.carries.xmp:
        b.refuses(lambda: codec.with_xmp(data, _packet("x")), CarryError, law, "with_xmp, not claimed,")
        return
    b.expect(codec.read_xmp(data) is None, law, "read_xmp finds a packet in what encode wrote")
    carried = codec.encode(b.example(Metadata(xmp=_packet("source"))), {})
    b.expect(codec.read_xmp(carried) is None, law, "encode attaches the source's packet, which is with_xmp's business")
    for mode, bits in b.layouts:
        for exif in (None, _EXIF) if codec.carries.exif else (None,):
            sample = b.sample(mode, bits, metadata=Metadata(exif=exif))
            before = codec.encode(sample, {})
            _check_attaching(b, law, before, repr(sample))


def _check_attaching(b: _Bench, law: str, data: bytes, what: str) -> None:
    codec, plain = b.codec, b.codec.decode(data)
    for first, second in (("first", "then another"), ("first " * 700, "short"), ("short!", "long " * 700)):
        one = codec.with_xmp(data, _packet(first))
        both = codec.with_xmp(one, _packet(second))
        b.expect(codec.read_xmp(one) == _packet(first), law, f"{what}: read_xmp does not give back what with_xmp was given")
        b.expect(codec.read_xmp(both) == _packet(second), law, f"{what}: a second with_xmp does not replace the first packet")
        b.expect(_packet(first) not in both, law, f"{what}: a second with_xmp leaves the first packet in the data")
        after = codec.decode(both)
        b.expect(np.array_equal(after.pixels, plain.pixels), law, f"{what}: with_xmp changes pixels")
        b.expect(after.metadata.xmp == _packet(second), law, f"{what}: decode gives {_size(after.metadata.xmp)} of XMP")
        others = (after.metadata.icc, after.metadata.exif) == (plain.metadata.icc, plain.metadata.exif)
        b.expect(others, law, f"{what}: with_xmp changes ICC or EXIF")


def _record(b: _Bench) -> None:
    law, codec = "record", b.codec
    data = codec.encode(b.example(), {})
    b.expect(codec.read_record(data) is None, law, "read_record finds one in what encode wrote")
    try:
        written = codec.with_record(data, _RECORD, None)
    except CarryError as error:
        refused = not codec.carries.xmp and error.code == ReasonCode.RECORD_NOT_CARRIED
        b.expect(refused, law, f"with_record is refused as {error.code}")
        return
    b.expect(codec.read_record(written) == _RECORD, law, "read_record does not give back what with_record was given")
    b.expect(np.array_equal(codec.decode(written).pixels, codec.decode(data).pixels), law, "with_record changes pixels")
    short = codec.with_short_record(data, _SHORT_RECORD, None)
    b.expect(codec.read_record(short) == _SHORT_RECORD, law, "read_record does not give back what with_short_record was given")
    b.expect(np.array_equal(codec.decode(short).pixels, codec.decode(data).pixels), law, "with_short_record changes pixels")
    bare = codec.without_xmp(data)
    b.expect(np.array_equal(codec.decode(bare).pixels, codec.decode(data).pixels), law, "without_xmp changes pixels")
    if codec.short_place is not None:
        taken = len(short) - len(bare) - len(_SHORT_RECORD)
        b.expect(taken <= RECORD_RESERVE["short"] - SHORT_BYTES, law, f"a short record takes {taken} bytes beside its own")
    if codec.carries.xmp:
        merged = codec.with_record(data, _RECORD, _packet("of the source"))
        b.expect(codec.read_record(merged) == _RECORD, law, "with the source's XMP beside it the record does not come back")
        b.expect(b"of the source" in (codec.read_xmp(merged) or b""), law, "with_record drops the source's XMP")


def _refusals(b: _Bench) -> None:
    law, claimed = "refusal", b.codec.carries
    for mode in _CHANNELS:
        for bits in (8, 16):
            if (mode, bits) not in b.layouts:
                _check_refused(b, law, b.sample(mode, bits), f"{bits}-bit {mode}")
    for given in (Metadata(icc=srgb_profile()), Metadata(exif=_EXIF), Metadata(xmp=_packet("x"))):
        if not getattr(claimed, _names(given)):
            _check_refused(b, law, b.example(given), f"an image with {_names(given)}")
    if claimed.max_side is not None:
        _check_refused(b, law, _huge(b.example(), claimed.max_side + 1), f"a side of {claimed.max_side + 1} px")


def _check_refused(b: _Bench, law: str, sample: ImageSample, what: str) -> None:
    refusal = b.codec.refusal(sample)
    b.expect(isinstance(refusal, CarryError), law, f"{what} is not claimed, and refusal() gives {refusal!r}")
    b.refuses(lambda: b.codec.encode(sample, {}), CarryError, law, f"encode of {what}, not claimed,")


def _determinism(b: _Bench) -> None:
    law, codec = "determinism", b.codec
    for mode, bits in b.layouts:
        sample = b.sample(mode, bits)
        b.expect(codec.encode(sample, {}) == codec.encode(sample, {}), law, f"{sample!r} gives other bytes the second time")
    sample = b.example()
    for settings in b.settings:
        same = codec.session(sample)(settings) == codec.encode(sample, settings)
        b.expect(same, law, f"session() and encode() give different bytes with {dict(settings)!r}")


def _threads(b: _Bench) -> None:
    law, codec, samples = "threads", b.codec, [b.example(size=(33, 65 + i)) for i in range(4)]
    alone = [codec.encode(s, {}) for s in samples]
    pixels = [codec.decode(d).pixels for d in alone]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda s: codec.encode(s, {}), samples * 2))
        decoded = list(pool.map(lambda d: codec.decode(d).pixels, alone * 2))
    b.expect(together == alone * 2, law, "two threads encode other bytes than one")
    same = all(np.array_equal(x, y) for x, y in zip(decoded, pixels * 2, strict=True))
    b.expect(same, law, "two threads decode other pixels than one")


def _knob(b: _Bench) -> None:
    law, codec = "knob", b.codec
    if codec.knob is None:
        return
    sample = b.example(size=(64, 96))
    low, high = (len(codec.encode(sample, {codec.knob.name: v})) for v in (codec.knob.low, codec.knob.high))
    b.expect(low < high, law, f"{codec.knob.name} {codec.knob.high} takes {high} bytes, {codec.knob.low} takes {low}")


def _limits(b: _Bench) -> None:
    law, codec = "limits", b.codec
    data = codec.encode(b.example(), {})
    for limits in (Limits(max_pixels=33 * 65 - 1), Limits(max_side=64)):
        b.refuses(partial(codec.decode, data, limits), LimitError, law, f"decode of 65x33 under {limits}")


def _foreign_data(b: _Bench) -> None:
    law, codec = "foreign data", b.codec
    for name, data in _FOREIGN.items():
        b.refuses(partial(codec.decode, data), StreamError, law, f"decode of {name}")
        if codec.carries.xmp:
            b.refuses(partial(codec.read_xmp, data), StreamError, law, f"read_xmp of {name}")


def _damage(b: _Bench) -> None:
    law, codec = "damaged data", b.codec
    data = codec.encode(b.example(Metadata(exif=_EXIF) if codec.carries.exif else None), {})
    if codec.carries.xmp:
        data = codec.with_xmp(data, _packet("x"))
    limits = Limits(max_pixels=1 << 22)
    readers: dict[str, Callable[[bytes], DecodedImage | bytes | None]] = {
        "decode": lambda d: codec.decode(d, limits),
        "read_xmp": codec.read_xmp,
        "read_record": codec.read_record,
    }
    if codec.carries.xmp:
        readers["with_xmp"] = lambda d: codec.with_xmp(d, _packet("y"))
    for what, damaged in _damaged(data):
        for name, reader in readers.items():
            try:
                reader(damaged)
            except (StreamError, LimitError, CarryError):
                pass
            except Exception as error:
                raise b.failure(law, f"{name} of data {what} raises {error!r}") from error


_LAWS = (
    _configuration,
    _claims_are_taken,
    _settings,
    _refusals,
    _preparation,
    _round_trips,
    _resemblance,
    _alpha,
    _metadata,
    _notes,
    _xmp,
    _record,
    _determinism,
    _threads,
    _knob,
    _limits,
    _foreign_data,
    _damage,
)


def synthetic(height: int, width: int, mode: Mode, bits: int) -> Pixels:
    """(height, width, C) uint8 or uint16: gradients, a band of noise, text-like edges; alpha from 0 to opaque."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    down, across = (y + 1) / (height + 1), (x + 1) / (width + 1)
    noise = np.random.default_rng(height * 1000 + width).random((height, width, 3))
    colours = np.stack([across, down, 1 - (across + down) / 2], axis=-1)
    colours[(y >= height * 0.5) & (y < height * 0.7)] = noise[(y >= height * 0.5) & (y < height * 0.7)]
    strokes = (y >= height * 0.8) & (x % 5 < 2)
    colours[strokes] = (0.05, 0.0, 0.1)
    alpha = np.clip(2.4 * across - 0.6, 0, 1)
    planes = [colours] if mode.startswith("RGB") else [colours[..., :1]]
    if mode.endswith("A"):
        planes.append(alpha[..., None])
    dtype = np.uint16 if bits == 16 else np.uint8
    scaled: NDArray[np.float64] = np.concatenate(planes, axis=-1) * np.iinfo(dtype).max
    return cast("Pixels", np.rint(scaled).astype(dtype))


def srgb_profile() -> bytes:
    """An ICC profile that says sRGB."""
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _from_jpeg(pixels: Pixels, metadata: Metadata) -> ImageSample:
    from PIL import Image

    from router.images.read import read

    out = io.BytesIO()
    more = {"icc_profile": metadata.icc, "exif": metadata.exif and b"Exif\x00\x00" + metadata.exif, "xmp": metadata.xmp}
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    image.save(out, "JPEG", quality=92, **{k: v for k, v in more.items() if v})
    return read(out.getvalue())


def _huge(like: ImageSample, width: int) -> ImageSample:
    def load() -> Pixels:
        raise AssertionError("pixels are read although the header says that the image is too large")

    return ImageSample(width=width, height=1, channels=like.channels, bits=8, source=like.source, metadata=Metadata(), load=load)


def _made_opaque(sample: ImageSample) -> ImageSample:
    pixels = sample.pixels.copy()
    pixels[..., -1] = np.iinfo(pixels.dtype).max
    return sample.replace_pixels(pixels)


def _opaque(sample: ImageSample) -> NDArray[np.bool_]:
    if not sample.has_alpha:
        return np.ones(sample.pixels.shape[:2], dtype=bool)
    return cast("NDArray[np.bool_]", sample.pixels[..., -1] == np.iinfo(sample.pixels.dtype).max)


def _packet(text: str) -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="{text} é"/>'
        "</rdf:RDF></x:xmpmeta>"
    ).encode()


def _damaged(data: bytes) -> Iterable[tuple[str, bytes]]:
    """Truncations and single flipped bits, evenly spread and denser where headers are."""
    for length in sorted({*range(0, min(len(data), 40), 5), *range(0, len(data), -(-len(data) // 24)), len(data) - 1}):
        yield f"cut to {length} of {len(data)} bytes", data[:length]
    for position in sorted({*range(min(len(data), 64)), *range(0, len(data), -(-len(data) // 96))}):
        bit = 1 << (position * 5 + 3) % 8
        yield (
            f"with bit {bit:#04x} of byte {position} flipped",
            data[:position] + bytes([data[position] ^ bit]) + data[position + 1 :],
        )


def _names(metadata: Metadata) -> str:
    return ", ".join(name for name in ("icc", "exif", "xmp") if getattr(metadata, name))


def _size(value: bytes | None) -> str:
    return "none" if value is None else f"{len(value)} bytes"
