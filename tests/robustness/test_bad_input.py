"""Bad and extreme input through the public functions: a typed refusal with its code and exit code, or a right answer.

`REFUSED` lists what is refused, `ACCEPTED` what looks odd but has a right answer. Both run in an empty folder that must stay as
it was: nothing is half-written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bad_images as b
import bad_streams as s
import numpy as np
import pytest
from images.image_builders import P3_PRIMARIES, icc, photo, png, save
from PIL import Image

import router
from router import Limits
from router import ReasonCode as R
from router.errors import (
    CarryError,
    GuardError,
    InputError,
    LimitError,
    ModelError,
    NoLaneError,
    NoRecordError,
    OutputExistsError,
    OutputNotWritableError,
    PolicyError,
    RouterError,
    StreamError,
    UsageError,
)

EXIT_CODES: dict[type[RouterError], int] = {
    InputError: 3,
    UsageError: 2,
    PolicyError: 2,
    LimitError: 4,
    OutputExistsError: 4,
    OutputNotWritableError: 1,
    NoLaneError: 4,
    GuardError: 4,
    CarryError: 4,
    StreamError: 5,
    NoRecordError: 5,
    ModelError: 5,
}
QUICK = {"metric": "psnr", "value": 30}
NOWHERE = np.full((24, 40), np.nan)


def compress(src: Any, **options: Any) -> router.EncodedImage:
    """With a target that costs little to measure."""
    return router.compress(src, **({"receiver": "self", "target": QUICK} | options))


@dataclass(frozen=True)
class Case:
    """`call` gets an empty folder; it must raise exactly `error` with `code`."""

    name: str
    error: type[RouterError]
    code: R
    call: Callable[[Path], object]


def _written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _opened(folder: Path, mode: str, use: Callable[[Any], object], *, closed: bool = False) -> object:
    path = _written(folder, "file", b"text")
    with path.open(mode) as file:
        if not closed:
            return use(file)
    return use(file)


def _save_twice(folder: Path) -> None:
    encoded = compress(b.PHOTO, codec="png")
    encoded.save(folder / "a").write_bytes(b"mine")
    encoded.save(folder / "a.png")


def _save_below_a_file(folder: Path) -> None:
    _written(folder, "file", b"mine")
    compress(b.PHOTO, codec="png").save(folder / "file" / "a")


def _each(name: str, error: type[RouterError], code: R, src: Callable[[Path], Any]) -> list[Case]:
    """The same refusal from every function that reads a source."""
    return [
        Case(f"{name}: {function.__name__}", error, code, lambda folder, f=function: f(src(folder)))
        for function in (router.compress, router.decide, router.score)
    ]


def _not_decoded(name: str, code: R, src: Callable[[Path], Any]) -> list[Case]:
    """The same refusal from every function that needs pixels; `balanced` keeps such files."""
    return [
        Case(f"{name}: png", InputError, code, lambda folder: compress(src(folder), codec="png")),
        Case(f"{name}: score", InputError, code, lambda folder: router.score(src(folder))),
    ]


def _encoded(name: str, error: type[RouterError], code: R, src: Callable[[Path], Any]) -> list[Case]:
    """The same refusal from every function that reads an output."""
    return [
        Case(f"{name}: {function.__name__}", error, code, lambda folder, f=function: f(src(folder)))
        for function in (router.decompress, router.inspect, router.restore)
    ]


STREAMS = [
    *(
        Case(
            f"ncr cut at the {where} of {kind}",
            StreamError,
            R.TRUNCATED,
            lambda _, kind=kind, where=where: router.decompress(s.cut(kind, where)),
        )
        for kind in s.KINDS
        for where in ("start", "head", "middle", "last")
    ),
    *(
        Case(
            f"ncr with a bit flipped in the {where} of {kind}",
            StreamError,
            R.CHECKSUM_MISMATCH,
            lambda _, kind=kind, where=where: router.decompress(s.flipped(kind, where)),
        )
        for kind in s.KINDS
        for where in ("payload", "crc")
        if (kind, where) != ("ENDS", "payload")
    ),
    Case(
        "ncr of a newer version", StreamError, R.UNSUPPORTED_VERSION, lambda _: router.decompress(s.edited("HEAD", at_0=b"\7\0"))
    ),
    Case("ncr with other weights", ModelError, R.MODEL_MISMATCH, lambda _: router.decompress(s.edited("MODL", at_2=bytes(32)))),
    Case("ncr of an unknown model", ModelError, R.UNKNOWN_MODEL, lambda _: router.decompress(s.edited("MODL", at_34=b"zz"))),
    Case("ncr with other latents", StreamError, R.LATENT_MISMATCH, lambda _: router.decompress(s.edited("TILE", at_4=bytes(4)))),
    Case(
        "ncr with the alpha of another file",
        StreamError,
        R.BINDING_MISMATCH,
        lambda _: router.decompress(
            s.assembled([(k, b"\0\x80" if k == b"ALPH" else payload) for k, payload in s.chunks(s.stream())])
        ),
    ),
    Case("ncr with another height", StreamError, R.DAMAGED_STREAM, lambda _: router.decompress(s.edited("HEAD", at_6=b"\x19"))),
    Case("ncr with another stream", StreamError, R.DAMAGED_STREAM, lambda _: router.decompress(s.with_payload("TILE", bytes(9)))),
    Case("ncr with damaged alpha", StreamError, R.DAMAGED_STREAM, lambda _: router.decompress(s.with_payload("ALPH", b"junk"))),
    Case(
        "ncr of 4 Gpx a side",
        LimitError,
        R.SIDE_TOO_LONG,
        lambda _: router.decompress(s.edited("HEAD", at_2=b"\xff\xff\xff\x7f")),
    ),
    Case(
        "ncr with a chunk of 4 GiB",
        StreamError,
        R.DAMAGED_STREAM,
        lambda _: router.decompress(s.before("TILE", b"\xff\xff\xff\xffrest")),
    ),
    Case(
        "ncr with an unknown critical chunk",
        StreamError,
        R.UNKNOWN_CRITICAL_CHUNK,
        lambda _: router.decompress(s.before("TILE", s.ncr_chunk(b"NEWS", b"?"))),
    ),
    Case("ncr with trailing bytes", StreamError, R.DAMAGED_STREAM, lambda _: router.decompress(s.stream() + b"\n")),
    Case(
        "ncr over a text channel",
        StreamError,
        R.DAMAGED_STREAM,
        lambda _: router.decompress(s.stream().replace(b"\r\n", b"\n", 1)),
    ),
    Case("ncr over a 7-bit channel", StreamError, R.DAMAGED_STREAM, lambda _: router.inspect(b"\x0b" + s.stream()[1:])),
    Case(
        "ncr above a limit", LimitError, R.TOO_MANY_PIXELS, lambda _: router.decompress(s.stream(), limits=Limits(max_pixels=959))
    ),
    Case("ncr as a source", InputError, R.FORMAT_NOT_SUPPORTED, lambda _: compress(s.stream())),
    Case("JPEG XL cut off", StreamError, R.TRUNCATED, lambda _: router.decompress(b.good_jxl()[:-9])),
    Case("JPEG XL cut off, as a source", InputError, R.DAMAGED_IMAGE, lambda _: compress(b.good_jxl()[:-9])),
    Case("transcode cut off", StreamError, R.DAMAGED_STREAM, lambda _: router.restore(b.transcode()[:-30])),
    Case("PNG as a transcode", StreamError, R.NOT_A_JPEG, lambda _: router.restore(png(b.PHOTO))),
    Case("16-bit colour as a Pillow image", InputError, R.DEPTH_NOT_SUPPORTED, lambda _: router.decompress(png(b.deep_pixels()))),
    Case("no record", NoRecordError, R.NO_RECORD, lambda _: router.inspect(png(b.PHOTO))),
    Case(
        "no record in a GIF",
        NoRecordError,
        R.NO_RECORD,
        lambda _: router.inspect(save(Image.fromarray(b.PHOTO).quantize(9), "GIF")),
    ),
    Case("ncr with a damaged record", StreamError, R.DAMAGED_RECORD, lambda _: router.inspect(s.with_payload("recd", b"{junk"))),
    Case(
        "ncr with a newer record",
        StreamError,
        R.UNSUPPORTED_VERSION,
        lambda _: router.inspect(s.with_payload("recd", b'{"schema_version":2}')),
    ),
    *(
        Case(
            f"{what} record in {codec}",
            StreamError,
            code,
            lambda _, codec=codec, record=record: router.inspect(b.with_record(codec, record)),
        )
        for codec in ("png", "jpeg", "webp", "avif", "jxl-lossless")
        for what, record, code in (
            ("damaged", b"{", R.DAMAGED_RECORD),
            ("foreign", b'{"schema_version":1,"lane":7}', R.DAMAGED_RECORD),
            ("newer", b'{"schema_version":9,"later":true}', R.UNSUPPORTED_VERSION),
        )
    ),
    Case("inspect damaged XMP", StreamError, R.DAMAGED_STREAM, lambda _: router.inspect(b.png_with_xmp(b"<x:xmpmeta"))),
    Case("inspect an entity bomb", StreamError, R.DAMAGED_STREAM, lambda _: router.inspect(b.png_with_xmp(b.ENTITY_BOMB))),
    Case(
        "inspect an external entity",
        StreamError,
        R.DAMAGED_STREAM,
        lambda _: router.inspect(b.png_with_xmp(b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>')),
    ),
    *_encoded("zero bytes", StreamError, R.EMPTY_INPUT, lambda _: b""),
    *_encoded("text", StreamError, R.UNKNOWN_STREAM, lambda _: b"hello, world"),
    *_encoded("a folder", InputError, R.NOT_A_FILE, lambda folder: folder),
    *_encoded("a missing file", InputError, R.NOT_FOUND, lambda folder: folder / "none"),
    *_encoded("nothing", UsageError, R.BAD_ARGUMENT, lambda _: None),
    *(
        Case(f"text mode: {f.__name__}", UsageError, R.BAD_ARGUMENT, lambda folder, f=f: _opened(folder, "r", f))
        for f in (router.decompress, router.inspect, router.compress, router.score)
    ),
    *(
        Case(f"write mode: {f.__name__}", InputError, R.UNREADABLE, lambda folder, f=f: _opened(folder, "ab", f))
        for f in (router.decompress, router.compress)
    ),
    *(
        Case(f"closed file: {f.__name__}", InputError, R.UNREADABLE, lambda folder, f=f: _opened(folder, "rb", f, closed=True))
        for f in (router.decompress, router.inspect, router.compress, router.decide)
    ),
]

SOURCES = [
    *_each("zero bytes", InputError, R.EMPTY_INPUT, lambda _: b""),
    *_each("text", InputError, R.NOT_AN_IMAGE, lambda _: b"hello, world"),
    *_each("HTML", InputError, R.NOT_AN_IMAGE, lambda _: b"<!DOCTYPE html><html></html>"),
    *_each("a folder", InputError, R.NOT_A_FILE, lambda folder: folder),
    *_each("a missing file", InputError, R.NOT_FOUND, lambda folder: str(folder / "none")),
    *_each("a file below a file", InputError, R.NOT_FOUND, lambda folder: _written(folder, "file", b"") / "a.png"),
    *_each("a name with a NUL", InputError, R.NOT_FOUND, lambda _: "a\0b"),
    *_each("an endless name", InputError, R.UNREADABLE, lambda _: "a" * 5000),
    *_each("a file that fails to read", InputError, R.UNREADABLE, lambda _: Path("/proc/self/mem")),
    *_each("a list", UsageError, R.BAD_ARGUMENT, lambda _: [[1, 2], [3, 4]]),
    *_each("nothing", UsageError, R.BAD_ARGUMENT, lambda _: None),
    *_each("naked JPEG XL bomb", LimitError, R.SIDE_TOO_LONG, lambda _: b.jxl_bomb(container=False)),
    *_each("boxed JPEG XL bomb", LimitError, R.SIDE_TOO_LONG, lambda _: b.jxl_bomb(container=True)),
    *_each("PNG of 100000 x 100000", LimitError, R.SIDE_TOO_LONG, lambda _: b.png_bomb(100_000, 100_000)),
    *_each("PNG of 60000 x 60000", LimitError, R.TOO_MANY_PIXELS, lambda _: b.png_bomb(60_000, 60_000)),
    *_each("PNG of 0 x 5", InputError, R.DAMAGED_IMAGE, lambda _: b.png_bomb(0, 5)),
    *_each("array of 65536 x 1", LimitError, R.SIDE_TOO_LONG, lambda _: np.zeros((65_536, 1), np.uint8)),
    *_each("array of 16 x 65536", LimitError, R.SIDE_TOO_LONG, lambda _: np.zeros((16, 65_536, 3), np.uint8)),
    *_each("PNG of 16 x 65536", LimitError, R.SIDE_TOO_LONG, lambda _: png(np.zeros((16, 65_536, 1), np.uint8))),
    *(
        case
        for k in ("GIF", "WEBP", "PNG", "AVIF")
        for case in _not_decoded(f"animated {k}", R.ANIMATED, lambda _, k=k: b.animation(k))
    ),
    *_not_decoded("CMYK JPEG", R.MODE_NOT_SUPPORTED, lambda _: save(b.pillow_image("CMYK"), "JPEG")),
    *_not_decoded("32-bit RGB TIFF", R.DEPTH_NOT_SUPPORTED, lambda _: b.deep_tiff()),
    *_not_decoded("float TIFF", R.MODE_NOT_SUPPORTED, lambda _: save(b.pillow_image("F"), "TIFF")),
    *(case for n, d in b.FOREIGN.items() for case in _each(n, InputError, R.FORMAT_NOT_SUPPORTED, lambda _, d=d: d)),
    *_each("cut-off PNG", InputError, R.DAMAGED_IMAGE, lambda _: png(b.PHOTO)[:-40]),
    Case("cut-off JPEG", InputError, R.DAMAGED_IMAGE, lambda _: compress(save(b.PHOTO, "JPEG")[:-40])),
    Case("cut-off JPEG: score", InputError, R.DAMAGED_IMAGE, lambda _: router.score(save(photo(40, 40), "JPEG")[:-40])),
    *_each("cut-off WebP", InputError, R.DAMAGED_IMAGE, lambda _: save(b.PHOTO, "WEBP")[:-40]),
    *_each("NaN array", InputError, R.BAD_ARRAY, lambda _: NOWHERE),
    *_each("bool array", InputError, R.BAD_ARRAY, lambda _: np.zeros((4, 4), bool)),
    *_each("int64 array", InputError, R.BAD_ARRAY, lambda _: np.zeros((4, 4), np.int64)),
    *_each("object array", InputError, R.BAD_ARRAY, lambda _: np.array([[1, 2], [3, None]], object)),
    *_each("array (0, 5)", InputError, R.BAD_ARRAY, lambda _: np.zeros((0, 5), np.uint8)),
    *_each("array (5, 5, 5)", InputError, R.BAD_ARRAY, lambda _: np.zeros((5, 5, 5), np.uint8)),
    *_each("array (2, 2, 2, 2)", InputError, R.BAD_ARRAY, lambda _: np.zeros((2, 2, 2, 2), np.uint8)),
    *_each("Pillow image without pixels", InputError, R.BAD_ARRAY, lambda _: b.pillow_image("empty")),
    *_each("Pillow I out of range", InputError, R.DEPTH_NOT_SUPPORTED, lambda _: b.pillow_image("I out of range")),
    *(
        case
        for mode in ("F", "CMYK", "YCbCr", "LAB", "HSV")
        for case in _each(f"Pillow {mode}", InputError, R.MODE_NOT_SUPPORTED, lambda _, mode=mode: b.pillow_image(mode))
    ),
    Case("array above a limit", LimitError, R.TOO_MANY_PIXELS, lambda _: compress(b.PHOTO, limits=Limits(max_pixels=959))),
    Case("file above a limit", LimitError, R.FILE_TOO_LARGE, lambda _: compress(png(b.PHOTO), limits=Limits(max_file_bytes=99))),
]

LANES = [
    Case("XMP too long for a JPEG", CarryError, R.CANNOT_CARRY_XMP, lambda _: compress(b.png_with_xmp(b.HUGE_XMP), codec="jpeg")),
    Case(
        "XMP too long for the only lane",
        NoLaneError,
        R.NO_LANE_LEFT,
        lambda _: compress(b.png_with_xmp(b.HUGE_XMP), policy="web", receiver="image/jpeg", metadata="keep"),
    ),
    Case(
        "EXIF without header, AVIF",
        CarryError,
        R.CANNOT_CARRY_EXIF,
        lambda _: compress(b.png_with(b"eXIf", b"junk"), codec="avif"),
    ),
    Case(
        "EXIF of 4 bytes, AVIF",
        GuardError,
        R.GUARD_DECODE_FAILED,
        lambda _: compress(b.png_with(b"eXIf", b"II*\0"), codec="avif"),
    ),
    Case(
        "wide gamut, neural",
        CarryError,
        R.WIDE_GAMUT,
        lambda _: compress(b.png_with_icc(icc(P3_PRIMARIES, 2.2)), codec="ncr"),
    ),
    Case("16-bit RGB, WebP", CarryError, R.CANNOT_CARRY_DEPTH, lambda _: compress(png(b.deep_pixels()), codec="webp")),
    Case("65501 px, JPEG", CarryError, R.CANNOT_CARRY_SIZE, lambda _: compress(np.zeros((65_501, 1), np.uint8), codec="jpeg")),
    Case("PNG, transcode", CarryError, R.NOT_A_JPEG, lambda _: compress(png(b.PHOTO), codec="jxl-transcode")),
    Case(
        "guard",
        GuardError,
        R.GUARD_QUALITY,
        lambda _: compress(b.PHOTO, codec="jpeg", settings={"quality": 1}, target={"metric": "psnr", "value": 60}),
    ),
]

ARGUMENTS = [
    *(
        Case(f"{options}", error, code, lambda _, options=options: compress(b.PHOTO, **options))
        for options, error, code in (
            ({"target": {"metric": "psnr", "value": float("nan")}}, UsageError, R.BAD_ARGUMENT),
            ({"target": 7}, UsageError, R.BAD_ARGUMENT),
            ({"target": None, "quality": "70"}, UsageError, R.BAD_ARGUMENT),
            ({"target": None, "quality": -1}, UsageError, R.BAD_ARGUMENT),
            ({"context": "text"}, UsageError, R.BAD_ARGUMENT),
            ({"settings": {"quality": 1}}, UsageError, R.BAD_ARGUMENT),
            ({"on_guard_fail": "release"}, UsageError, R.BAD_ARGUMENT),
            ({"codec": "jpeg", "settings": "text"}, UsageError, R.BAD_ARGUMENT),
            ({"codec": "jpeg", "settings": {"quality": 1.5}}, UsageError, R.BAD_SETTING),
            ({"receiver": "image/"}, UsageError, R.BAD_ARGUMENT),
            ({"policy": 7}, UsageError, R.BAD_ARGUMENT),
            ({"policy": "no-such"}, PolicyError, R.POLICY_NOT_FOUND),
            ({"policy": "/no/such.yaml"}, PolicyError, R.POLICY_NOT_FOUND),
            ({"policy": {"schema_version": 1}}, PolicyError, R.POLICY_INVALID),
        )
    ),
    *(
        Case(
            f"policy file: {n}",
            PolicyError,
            R.POLICY_INVALID,
            lambda folder, t=t: compress(b.PHOTO, policy=_written(folder, "p.yaml", t)),
        )
        for n, t in (
            ("empty", b""),
            ("no YAML", b"rules: [\n"),
            ("a tag", b"!!python/object:os.system {}"),
            ("aliases without end", b"a: &a [*a]\n"),
            ("an unknown codec", b"schema_version: 1\nname: p\notherwise: {lanes: [{lane: classical, codecs: [gif]}]}\n"),
            (
                "an unknown fact",
                b"schema_version: 1\nname: p\nrules: [{name: r, when: image.size > 1, then: {lanes: [{lane: passthrough}]}}]\n",
            ),
            ("bytes", b"\xff\xfe\0\0"),
        )
    ),
    Case("output exists", OutputExistsError, R.OUTPUT_EXISTS, _save_twice),
    Case("output below a file", OutputNotWritableError, R.OUTPUT_NOT_WRITABLE, _save_below_a_file),
    *(
        Case(f"output named {str(n)[:9]!r}", error, code, lambda folder, n=n: compress(b.PHOTO, codec="png").save(n))
        for n, error, code in (
            ("", UsageError, R.BAD_ARGUMENT),
            ("/", UsageError, R.BAD_ARGUMENT),
            ("..", UsageError, R.BAD_ARGUMENT),
            ("a\0b", OutputNotWritableError, R.OUTPUT_NOT_WRITABLE),
            ("x" * 300, OutputNotWritableError, R.OUTPUT_NOT_WRITABLE),
        )
    ),
]

REFUSED = [*STREAMS, *SOURCES, *LANES, *ARGUMENTS]


def _state(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*"))}


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: re.sub(r"[^A-Za-z0-9 ,.;:()-]", "_", case.name)[:80])
def test_refused(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RouterError) as caught:
        case.call(tmp_path)
    error = caught.value
    assert isinstance(error, case.error), str(error)
    assert error.code == case.code, str(error)
    assert error.exit_code == EXIT_CODES[case.error]
    assert f"[{case.code}]" in str(error)
    assert len(error.message) > 5
    # Only what the case itself put there.
    assert set(_state(tmp_path)) <= {"file", "p.yaml", "a.png"}
    assert _state(tmp_path).get("a.png", b"mine") == b"mine"


def test_the_table_is_large_and_its_names_are_unique() -> None:
    names = [case.name for case in REFUSED]
    assert len(names) == len(set(names)) >= 60
