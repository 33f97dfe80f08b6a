"""Migration: the pixels, the metadata and the first decision of an `.ncr` file survive in a standard file, and it says so."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image
from sample_set import Samples

import router
from router.codecs import registry
from router.codecs.png import PngCodec
from router.containers import ncr as container
from router.containers.xmp import without_record
from router.decoding import decode
from router.errors import (
    CarryError,
    CodecUnavailableError,
    GuardError,
    InputError,
    LimitError,
    RouterError,
    StreamError,
    UsageError,
)
from router.images.arrays import from_pixels
from router.images.sample import pixels_sha256
from router.migrate import migrate
from router.quality.metrics import scorer
from router.record import (
    MAX_BYTES,
    DecisionRecord,
    Migration,
    RecordedPolicy,
    RecordedReason,
    RecordedScores,
    record_json_schema,
)

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:source>roll 7</dc:source>'
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)
Encode = Callable[..., bytes]


@pytest.fixture(scope="module")
def encode(samples: Samples) -> Encode:
    """A part of a sample, or a source of its own, as `.ncr` at a fixed rate."""

    def encoded(name: str = "photo_cat", source: bytes | None = None) -> bytes:
        given = np.asarray(Image.open(samples[name]))[:96, :130] if source is None else source
        return router.compress(given, codec="ncr", settings={"rate": 30_000}, on_guard_fail="release").data

    return encoded


@pytest.fixture(scope="module")
def source(samples: Samples) -> bytes:
    """A JPEG photograph with EXIF (turned by it) and XMP."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    file = io.BytesIO()
    with Image.open(samples["photo_cat"]) as image:
        image.convert("RGB").crop((0, 0, 130, 96)).save(file, "JPEG", quality=92, exif=exif, xmp=XMP)
    return file.getvalue()


@pytest.fixture(scope="module")
def ncr(encode: Encode, source: bytes) -> bytes:
    return encode(source=source)


def pixels(data: bytes) -> np.ndarray:
    """As a migration decodes a neural file."""
    return decode(data, decoding="exact" if data.startswith(container.SIGNATURE) else None).pixels


def with_record(ncr: bytes, record: DecisionRecord) -> bytes:
    return container.replace(ncr, record=record.to_json())


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def refusal(ncr: bytes | Path, kind: type[RouterError] = StreamError, **options: object) -> str:
    with pytest.raises(kind) as refused:
        migrate(ncr, **options)  # type: ignore[arg-type]
    return refused.value.code


@pytest.mark.parametrize("codec", ["png", "webp-lossless", "jxl-lossless"])
def test_a_lossless_codec_keeps_everything(ncr: bytes, source: bytes, codec: str) -> None:
    done = migrate(ncr, codec=codec)
    assert np.array_equal(pixels(done.data), pixels(ncr))
    before, after = decode(ncr).metadata, decode(done.data).metadata
    assert before.exif is not None
    assert after.exif == before.exif
    assert after.xmp is not None
    assert without_record(after.xmp) == before.xmp == XMP

    record, original = router.inspect(done.data), router.inspect(ncr)
    assert record == done.record == done.run.record
    assert (record.lane, record.codec) == ("lossless", codec)
    assert record.guard is not None
    assert record.guard.measured == {"identical": True}
    assert record.source_sha256 == original.source_sha256 == sha256(source)
    assert done.run.output_bytes == len(done.data)
    assert done.run.source_bytes == len(ncr)

    migration, model = record.migrated_from, container.parse(ncr).model
    assert migration is not None
    assert (migration.model, migration.weights_sha256) == (model.model_id, model.sha256.hex())
    assert migration.rate_index == model.rate_index == 30_000
    assert migration.format == container.parse(ncr).header.version
    assert migration.file_sha256 == sha256(ncr)
    assert migration.pixels_sha256 == record.pixels_sha256
    assert migration.arithmetic == "exact"
    assert migration.as_recorded is None  # the guard saw floating point
    assert migration.record == original
    assert migration.record_sha256 == sha256(original.to_json()) == sha256(container.parse(ncr).record or b"")


def test_png_is_the_default_and_the_result_is_the_same_each_time(ncr: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.ncr"
    path.write_bytes(ncr)
    done = migrate(path)
    assert (done.media_type, done.suffix) == ("image/png", ".png")
    assert done.data == migrate(ncr, codec="png").data
    assert done.run.source == str(path)
    assert str(tmp_path) not in done.record.to_json().decode()
    assert done.save(tmp_path / "b").read_bytes() == done.data
    assert path.read_bytes() == ncr


@pytest.mark.parametrize(("name", "shape"), [("gray_camera", (96, 130, 1)), ("alpha_logo", (96, 130, 4))])
def test_gray_and_alpha(encode: Encode, samples: Samples, name: str, shape: tuple[int, ...]) -> None:
    ncr = encode(name)
    done = migrate(ncr)
    assert pixels(done.data).shape == shape
    assert np.array_equal(pixels(done.data), pixels(ncr))
    if shape[2] == 4:
        assert np.array_equal(pixels(done.data)[..., 3], np.asarray(Image.open(samples[name]))[:96, :130, 3])


def test_a_lossy_codec_reaches_its_quality_against_what_was_decoded(ncr: bytes) -> None:
    done = migrate(ncr, codec="avif", quality=70)
    assert len(done.data) < len(migrate(ncr).data) / 3
    score = scorer("ssimulacra2", pixels(ncr))(pixels(done.data))
    record = done.record
    assert record.target is not None
    assert record.target.achieved == pytest.approx(score, abs=1e-3)
    assert 69 <= score < 80
    assert (record.lane, record.codec) == ("classical", "avif")
    assert record.guard is not None
    assert record.guard.passed
    assert record.migrated_from is not None
    assert record.migrated_from.pixels_sha256 == pixels_sha256(pixels(ncr)) != record.pixels_sha256
    assert decode(done.data).metadata.exif == decode(ncr).metadata.exif
    assert router.inspect(done.data) == record


@pytest.mark.parametrize("what", ["pixels", "exif"])
def test_a_file_that_does_not_give_back_what_it_got_is_not_released(
    ncr: bytes, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    class Careless(PngCodec):
        """PNG, but the image changes when the record of a migration is written into it."""

        codec_id = "careless"

        def with_xmp(self, data: bytes, xmp: bytes) -> bytes:
            if b"migrated_from" in xmp:
                read = self.decode(data)
                pixels = read.pixels ^ 1 if what == "pixels" else read.pixels
                data = self.encode(from_pixels(pixels, None if what == "exif" else read.metadata), {})
            return super().with_xmp(data, xmp)

    monkeypatch.setattr(registry, "_registered", {})
    monkeypatch.setattr(registry, "_instances", {})
    registry.register(Careless)
    kind, code = (GuardError, "GUARD_NOT_IDENTICAL") if what == "pixels" else (CarryError, "CANNOT_CARRY_EXIF")
    assert refusal(ncr, kind, codec="careless") == code


def test_without_a_record_the_file_itself_is_the_source(ncr: bytes) -> None:
    bare = container.replace(ncr, record=None)
    record = router.inspect(migrate(bare).data)
    assert record.migrated_from is not None
    assert record.migrated_from.record is None
    assert record.migrated_from.record_sha256 is None
    assert record.migrated_from.as_recorded is None
    assert record.source_sha256 == record.migrated_from.file_sha256 == sha256(bare)


def test_by_default_the_pixels_are_those_of_every_machine(ncr: bytes) -> None:
    """Integers, within 1 of what the guard saw; asked for, those that the guard saw."""
    exact, fp32 = migrate(ncr), migrate(ncr, decoding="fp32")
    assert exact.data == migrate(ncr, decoding="exact").data
    seen = decode(ncr).pixels
    assert np.array_equal(pixels(fp32.data), seen)
    assert np.abs(pixels(exact.data).astype(int) - seen).max() == 1
    migration, recorded = fp32.record.migrated_from, router.inspect(ncr).pixels_sha256
    assert migration is not None
    assert (migration.arithmetic, migration.pixels_sha256, migration.as_recorded) == ("fp32", recorded, True)
    assert refusal(ncr, UsageError, decoding="fp64") == "BAD_ARGUMENT"


def test_other_pixels_than_those_recorded_are_told(ncr: bytes) -> None:
    elsewhere = with_record(ncr, router.inspect(ncr).model_copy(update={"pixels_sha256": "0" * 64}))
    done = migrate(elsewhere, decoding="fp32")
    assert done.record.migrated_from is not None
    assert done.record.migrated_from.as_recorded is False
    assert np.array_equal(pixels(done.data), decode(ncr).pixels)


def test_a_decision_with_policy_and_scores_survives_whole(ncr: bytes) -> None:
    original = router.inspect(ncr).model_copy(
        update={
            "policy": RecordedPolicy(name="balanced", sha256="a" * 64, rule="photograph"),
            "scores": RecordedScores(detector="scene-1", ood_score=-1.5, p_value=0.0, in_distribution=True),
            "reasons": tuple(RecordedReason(code="RULE_MATCHED", detail=f"reason {i} <&> ä") for i in range(20)),
            "context": {"empty": "", "years": 0, "premium": False},
        }
    )
    record = router.inspect(migrate(with_record(ncr, original)).data)
    assert record.migrated_from is not None
    assert record.migrated_from.record == original
    assert record.policy is None  # it has not chosen this file's codec


def test_the_largest_record_is_cut_to_fit_and_its_hash_tells(ncr: bytes) -> None:
    policy = RecordedPolicy(name="balanced", sha256="a" * 64, rule="photograph")
    context = {f"k{i:02}": "x" * 100 for i in range(60)}
    original = router.inspect(ncr).model_copy(update={"context": context, "policy": policy}).fitted()
    assert MAX_BYTES - 200 < len(original.to_json()) <= MAX_BYTES
    done = migrate(with_record(ncr, original))
    record = router.inspect(done.data)
    assert record == done.record
    assert len(record.to_json()) <= MAX_BYTES
    migration = record.migrated_from
    assert migration is not None
    assert migration.record is not None
    assert migration.record.policy == policy
    assert 0 < len(migration.record.context) < len(original.context)
    assert migration.record_sha256 == sha256(original.to_json()) != sha256(migration.record.to_json())
    assert record.fitted() == record


def test_the_record_follows_the_exported_schema(ncr: bytes) -> None:
    document = json.loads(migrate(ncr).record.to_json())
    jsonschema.validate(document, record_json_schema())
    assert document["schema_version"] == document["migrated_from"]["record"]["schema_version"] == 1
    document["migrated_from"]["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, record_json_schema())
    with pytest.raises(StreamError):
        DecisionRecord.from_json(json.dumps(document).encode())


@pytest.mark.parametrize("depth", [3, 300, 5000])
def test_records_in_records_are_read_or_refused(ncr: bytes, depth: int) -> None:
    record = migrate(ncr).record
    assert isinstance(record.migrated_from, Migration)
    document = json.loads(record.to_json())
    inner = json.dumps(document["migrated_from"]["record"])
    head, tail = json.dumps(document).split(inner)
    nested = (head * depth + inner + tail * depth).encode()
    if depth == 3:
        assert DecisionRecord.from_json(nested).source_sha256 == record.source_sha256
        return
    with pytest.raises(StreamError) as refused:
        DecisionRecord.from_json(nested)
    assert refused.value.code == "DAMAGED_RECORD"


def test_damage_and_foreign_files_are_refused(ncr: bytes, samples: Samples, tmp_path: Path) -> None:
    flipped = bytearray(ncr)
    flipped[-60] ^= 1
    assert refusal(bytes(flipped)) == "CHECKSUM_MISMATCH"
    assert refusal(ncr[:-1]) == "TRUNCATED"
    assert refusal(b"") == "EMPTY_INPUT"
    assert refusal(samples["photo_cat"]) == "UNKNOWN_STREAM"
    assert refusal(container.replace(ncr, record=b"{}")) == "DAMAGED_RECORD"
    assert refusal(container.replace(ncr, record=b'{"schema_version": 9}')) == "UNSUPPORTED_VERSION"
    assert refusal(tmp_path / "none.ncr", InputError) == "NOT_FOUND"
    assert refusal(ncr, LimitError, limits=router.Limits(max_pixels=100)) == "TOO_MANY_PIXELS"


def test_a_model_that_is_not_here_is_named(ncr: bytes) -> None:
    file = container.parse(ncr)
    gone = container.write(replace(file, model=replace(file.model, model_id="retired.1")))
    assert refusal(gone) == "UNKNOWN_MODEL"
    other = container.write(replace(file, model=replace(file.model, sha256=bytes(32))))
    assert refusal(other) == "MODEL_MISMATCH"


@pytest.mark.parametrize(
    ("codec", "quality", "hint"),
    [
        ("avif", None, "90"),
        ("png", 90.0, "avif"),
        ("avif", 101.0, ""),
        ("avif", float("nan"), ""),
        ("ncr", 90.0, "png"),
        ("jxl-transcode", None, "png"),
    ],
)
def test_targets_that_make_no_sense_are_refused_before_work(codec: str, quality: float | None, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        migrate(b"never read", codec=codec, quality=quality)
    assert refused.value.code == "BAD_ARGUMENT"
    assert hint in refused.value.hint


def test_unknown_codecs_are_refused() -> None:
    assert refusal(b"never read", CodecUnavailableError, codec="bmp") == "UNKNOWN_CODEC"


def test_what_a_codec_cannot_keep_is_refused(ncr: bytes, encode: Encode) -> None:
    assert refusal(encode("alpha_logo"), CarryError, codec="jpeg", quality=40) == "CANNOT_CARRY_ALPHA"
    assert refusal(encode("gray_camera"), CarryError, codec="webp-lossless") == "CANNOT_CARRY_MODE"
    assert refusal(container.replace(ncr, xmp=b"no packet"), CarryError) == "SOURCE_XMP_DAMAGED"


@pytest.mark.parametrize("size", [64_000, 65_000, 70_000])  # room for a usual record, for none, not even for the packet
def test_a_record_never_goes_missing_for_want_of_room(ncr: bytes, size: int) -> None:
    large = registry.get("ncr").with_xmp(ncr, XMP.replace(b"roll 7", b"x" * size))
    with pytest.raises(CarryError):
        migrate(large, codec="jpeg", quality=40)
    done = migrate(large)
    assert router.inspect(done.data).migrated_from is not None
    assert without_record(decode(done.data).metadata.xmp or b"") == container.parse(large).xmp
