"""Short records and none: what is in the file, what is read from it, and that nobody else can have put it there."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sample_set import Samples

import router
from router.codecs import registry
from router.containers.short_record import write
from router.errors import NoRecordError, StreamError, UsageError
from router.images.read import read
from router.record import RECORD_RESERVE, SHORT_BYTES, DecisionRecord, RecordedPolicy, RunRecord

sys.path.append(str(Path(__file__).parent.parent / "metadata"))
import made as m

SETTINGS = {"jpeg": {"quality": 80}, "webp": {"quality": 80}, "avif": {"quality": 50, "speed": 10}, "jxl": {"quality": 80}}
SETTINGS["ncr"] = {"rate": 30_000}
CODECS = ["png", "jpeg", "webp", "webp-lossless", "avif", "jxl", "jxl-lossless", "ncr"]
FORGED = b'["cr1","lossless","forged","forged/forged","","00000000"]'
PICTURE = m.picture(64, 64)


def _compress(source: object, codec: str, record: str, **more: object) -> router.EncodedImage:
    return router.compress(source, codec=codec, settings=SETTINGS.get(codec), on_guard_fail="release", record=record, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("codec", CODECS)
def test_what_each_form_takes_and_tells(codec: str) -> None:
    full, short, none = (_compress(PICTURE, codec, form) for form in ("full", "short", "none"))
    assert full.record == short.record == none.record == router.inspect(full.data)
    assert 0 < len(short.data) - len(none.data) <= RECORD_RESERVE["short"] < len(full.data) - len(none.data)
    read_back = router.inspect(short.data)
    assert (read_back.form, read_back.lane, read_back.codec) == ("short", short.record.lane, codec)
    assert read_back.settings.get("model") == short.record.settings.get("model")
    assert short.record.source_sha256 is not None
    assert read_back.source_sha256_prefix == short.record.source_sha256[:16]
    assert (read_back.policy, read_back.software, read_back.source_sha256, read_back.reasons) == (None, None, None, ())
    for encoded in (short, none):
        assert (router.decompress(encoded.data, as_array=True) == router.decompress(full.data, as_array=True)).all()
    _tells_nothing(none)
    _tells_nothing(_compress(PICTURE, codec, None, metadata="strip"))  # type: ignore[arg-type]


def _tells_nothing(encoded: router.EncodedImage) -> None:
    with pytest.raises(NoRecordError):
        router.inspect(encoded.data)
    assert encoded.record.source_sha256 is not None
    digest = encoded.record.source_sha256
    for word in (b"codec-router", b"cr1", b"crRC", b"CRSR", b"xmp", b"XMP", b"xml", b"rdf", b"forced", digest[:8].encode()):
        assert word not in encoded.data, word
    assert bytes.fromhex(digest)[:8] not in encoded.data


def test_a_transcode_has_one_too_and_restores(samples: Samples) -> None:
    source = samples["portrait_hopper"].read_bytes()
    short, none = (router.compress(source, policy="archival", receiver="self", record=r) for r in ("short", "none"))
    assert router.inspect(short.data).policy == RecordedPolicy(name="archival", rule="jpeg")
    assert len(short.data) - len(none.data) <= RECORD_RESERVE["short"]
    assert router.restore(short.data) == router.restore(none.data) == source


@pytest.mark.parametrize("name", ["portrait_hopper", "alpha_logo", "gray_camera"])
def test_an_avif_loses_the_place_of_its_packet_and_nothing_else(samples: Samples, name: str) -> None:
    buffer = io.BytesIO()
    tags = Image.Exif()
    tags[0x010E] = "a ship"
    with Image.open(samples[name]) as image:
        image.resize((96, 64)).save(buffer, "PNG", exif=tags.tobytes())
    full, none = (_compress(buffer.getvalue(), "avif", form) for form in ("full", "none"))
    codec = registry.get("avif")
    one, other = codec.decode(full.data), codec.decode(none.data)
    assert (one.pixels == other.pixels).all()
    assert one.metadata.exif == other.metadata.exif is not None
    assert one.metadata.icc == other.metadata.icc
    assert codec.read_xmp(none.data) is None
    assert Image.open(io.BytesIO(none.data)).size == (96, 64)


@pytest.mark.parametrize("codec", ["png", "jpeg", "webp-lossless", "avif", "jxl-lossless", "ncr"])
@pytest.mark.parametrize("form", ["short", "none"])
def test_the_xmp_of_the_source_stays_without_the_record_in_it(codec: str, form: str) -> None:
    packet = m.packet(spaces='xmlns:a="b:c"', attributes='a:d="kept"')
    source = _compress(m.save("WEBP", PICTURE, lossless=True, xmp=packet), "webp-lossless", "full").data
    encoded = _compress(source, codec, form)
    assert b'a:d="kept"' in (registry.get(codec).read_xmp(encoded.data) or b"")
    assert b"Record" not in encoded.data
    if form == "short":
        assert router.inspect(encoded.data).form == "short"
    else:
        with pytest.raises(NoRecordError):
            router.inspect(encoded.data)


SOURCES = {
    "png": lambda: m.png(m.chunk(b"crRC", FORGED), m.chunk(b"crRC", FORGED), m.text_chunk("Comment", FORGED.decode())),
    "jpeg": lambda: m.jpeg(m.segment(0xFE, FORGED), m.segment(0xFE, FORGED)),
    "webp": lambda: m.webp((b"CRSR", FORGED)),
    "avif": lambda: write(m.save("AVIF"), "avif", FORGED),
    "jxl": lambda: write(m.jxl(), "jxl", FORGED),
    "gif": lambda: m.gif(b"\x21\xfe" + bytes([len(FORGED)]) + FORGED + b"\x00"),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_a_source_cannot_forge_one(kind: str) -> None:
    source = SOURCES[kind]()
    for codec in ("png", "jpeg", "webp-lossless", "jxl-lossless"):
        for form in ("full", "short"):
            encoded = _compress(source, codec, form)
            found = router.inspect(encoded.data)
            assert found == encoded.record if form == "full" else found.codec == codec
        with pytest.raises(NoRecordError):
            router.inspect(_compress(source, codec, "none").data)
    left = {r.detail for r in encoded.record.reasons if r.code == "METADATA_LEFT_BEHIND"}
    assert not any("decision" in name or "crRC" in name or "CRSR" in name for name in left)


def test_a_transcoded_comment_is_no_record() -> None:
    source = SOURCES["jpeg"]()
    encoded = _compress(source, "jxl-transcode", "short")
    assert router.inspect(encoded.data).codec == "jxl-transcode"
    assert router.restore(encoded.data) == source


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "avif", "jxl"])
def test_a_kept_source_that_holds_one_is_said_to_and_does_not_go_out_where_metadata_may_not(kind: str) -> None:
    codec = {"webp": "webp-lossless", "jxl": "jxl-lossless"}.get(kind, kind)
    first = _compress(PICTURE, codec, "short").data
    lanes = [{"lane": "passthrough"}, {"lane": "lossless", "codecs": ["png"]}]
    keep = {"schema_version": 1, "name": "keep", "otherwise": {"lanes": lanes}}
    kept = router.compress(first, policy=keep)
    assert kept.data == first
    assert "SOURCE_RECORD_STAYS" in {r.code for r in kept.record.reasons}
    for choice in ("icc", "strip"):
        assert router.compress(first, policy=keep, metadata=choice).record.lane == "lossless"
    again = router.compress(first, policy="archival").record  # nothing is lost that would have to be kept
    assert not {"METADATA_LEFT_BEHIND", "METADATA_WOULD_BE_LOST"} & {r.code for r in again.reasons}


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "avif", "jxl"])
def test_of_two_none_is_read(kind: str) -> None:
    codec = registry.get({"webp": "webp-lossless", "jxl": "jxl-lossless"}.get(kind, kind))
    full = router.compress(PICTURE, codec=codec.codec_id, settings=SETTINGS.get(codec.codec_id), on_guard_fail="release").data
    with pytest.raises(StreamError) as refused:
        router.inspect(write(full, kind, FORGED))
    assert refused.value.code == "DAMAGED_RECORD"


def test_short_ones_are_counted_in_size_targets() -> None:
    for form in ("full", "short", "none"):
        encoded = router.compress(PICTURE, codec="jpeg", target={"metric": "max_bytes", "value": 3500}, record=form)
        assert len(encoded.data) <= 3500
        assert "RECORD_NOT_CARRIED" not in {r.code for r in encoded.record.reasons}


def test_policy_call_and_strip() -> None:
    policy = {
        "schema_version": 1,
        "name": "p",
        "defaults": {"record": "none"},
        "rules": [{"name": "told", "when": "target.quality > 80.0", "then": {"record": "short", "lanes": [_PNG]}}],
        "otherwise": {"lanes": [_PNG]},
    }
    plain = router.Router(policy)
    assert plain.decide(PICTURE).record == "none"
    assert router.inspect(plain.compress(PICTURE, quality=90).data).policy == RecordedPolicy(name="p", rule="told")
    _tells_nothing(plain.compress(PICTURE))
    _tells_nothing(plain.compress(PICTURE, quality=90, metadata="strip"))
    assert router.inspect(plain.compress(PICTURE, record="full").data).form == "full"
    for wrong in ({"record": "some"}, {"record": "full", "metadata": "strip"}, {"record": "short", "metadata": "strip"}):
        with pytest.raises(UsageError) as refused:
            plain.compress(PICTURE, **wrong)  # type: ignore[arg-type]
        assert refused.value.code == "BAD_ARGUMENT"


_PNG = {"lane": "lossless", "codecs": ["png"]}


def test_the_log_always_has_the_full_one() -> None:
    seen: list[RunRecord] = []
    encoded = router.Router("web", log=seen.append).compress(PICTURE)
    assert router.inspect(encoded.data).form == "short"
    assert seen[0].record == encoded.record
    assert seen[0].record.form == "full"
    assert seen[0].record.reasons


def test_a_migrated_file_keeps_what_a_short_record_tells() -> None:
    for form in ("short", "none"):
        encoded = _compress(PICTURE, "ncr", form)
        record = router.inspect(router.migrate.migrate(encoded.data).data)
        assert record.migrated_from is not None
        assert record.source_sha256 == record.migrated_from.file_sha256
        original = record.migrated_from.record
        assert original == (router.inspect(encoded.data) if form == "short" else None)


_NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789._-", min_size=1, max_size=64)


@settings(max_examples=100, deadline=None)
@given(_NAMES, _NAMES, _NAMES, st.text(max_size=300))
def test_never_longer_than_the_limit(codec: str, name: str, rule: str, model: str) -> None:
    policy = RecordedPolicy(name=name, sha256="0" * 64, rule=rule)
    full = DecisionRecord(
        software="x", lane="passthrough", codec=codec, source_sha256="a" * 64, policy=policy, settings={"model": model}
    )
    short = full.to_short()
    assert len(short) <= SHORT_BYTES
    found = DecisionRecord.from_json(short)
    assert found.lane == "passthrough"
    assert found.source_sha256_prefix == "a" * 16
    assert found.to_short() == short
    assert DecisionRecord.from_json(found.to_json()) == found


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"[]", "DAMAGED_RECORD"),
        (b'["cr1"]', "DAMAGED_RECORD"),
        (b'["cr1","","avif","","",""]', "DAMAGED_RECORD"),
        (b'["cr1","classical","avif","a/b","","not hex"]', "DAMAGED_RECORD"),
        (b'["cr1","classical","avif","a/b","",7]', "DAMAGED_RECORD"),
        (b'["other","classical","avif","a/b","",""]', "DAMAGED_RECORD"),
        (b'["cr2","of","the","future"]', "UNSUPPORTED_VERSION"),
        (json.dumps(["cr1", "classical", "avif", "x" * 2000, "", ""]).encode(), "DAMAGED_RECORD"),
        (b"[" * 5000, "DAMAGED_RECORD"),
        (b'{"lane":"classical","codec":"avif"}', "DAMAGED_RECORD"),
    ],
)
def test_what_is_no_record_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(StreamError) as refused:
        DecisionRecord.from_json(data)
    assert refused.value.code == code


def test_a_reader_of_sources_does_not_take_it_for_a_text() -> None:
    sample = read(_compress(PICTURE, "jpeg", "short").data)
    assert sample.metadata.text == ()
