"""The embedded record: deterministic, small, validated, and free of what must not travel."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import StreamError
from router.record import MAX_BYTES, DecisionRecord, RecordedReason, record_json_schema

MINIMAL = {"software": "codec-router 0.1.0", "lane": "classical", "codec": "avif", "source_sha256": "0" * 64}


def test_round_trip_and_schema() -> None:
    record = DecisionRecord(**MINIMAL, settings={"quality": 61}, reasons=(RecordedReason(code="RULE_MATCHED", detail="ä"),))
    assert DecisionRecord.from_json(record.to_json()) == record
    jsonschema.validate(json.loads(record.to_json()), record_json_schema())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=400), max_size=60))
def test_never_larger_than_the_limit(details: list[str]) -> None:
    reasons = tuple(RecordedReason(code="GUARD_QUALITY", lane="neural", codec="ncr", detail=d) for d in details)
    encoded = DecisionRecord(**MINIMAL, reasons=reasons).to_json()
    assert len(encoded) <= MAX_BYTES
    assert DecisionRecord.from_json(encoded).codec == "avif"


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,20}", fullmatch=True), st.text(max_size=1024), max_size=32),
    st.lists(st.text(max_size=200), max_size=20),
)
def test_a_fitted_record_is_the_one_that_is_written(context: dict[str, str], details: list[str]) -> None:
    reasons = tuple(RecordedReason(code="RULE_MATCHED", detail=d) for d in details)
    fitted = DecisionRecord(**MINIMAL, context=context, reasons=reasons).fitted()
    assert fitted.fitted() == fitted
    assert len(fitted.to_json()) <= MAX_BYTES
    assert DecisionRecord.from_json(fitted.to_json()) == fitted


@pytest.mark.parametrize(
    ("detail", "recorded"),
    [
        ("cannot open '/home/ann/models/x.json'", "cannot open '<path>"),
        ("cannot open /home/ann smith/my models/x.json: gone", "cannot open <path>"),
        ("~/models/x: gone", "<path>"),
        (r"C:\\Users\\Ann\\x.json is gone", "<path>"),
        (r"\\\\server\\share\\x", "<path>"),
        ("see https://host/x", "see https:<path>"),
        ("image/avif, 4:2:0, 3 / 4, and/or, b'\\x00\\x01'", "image/avif, 4:2:0, 3 / 4, and/or, b'\\x00\\x01'"),
    ],
)
def test_details_hold_no_absolute_paths(detail: str, recorded: str) -> None:
    assert RecordedReason(code="INTERNAL_ERROR", detail=detail).detail == recorded


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"nope", b"\xff\xfe", b"{}", json.dumps(MINIMAL | {"surprise": 1}).encode(), b"[" * 100_000],
    ids=["empty", "list", "text", "bytes", "no fields", "unknown field", "deep"],
)
def test_damage_is_typed(data: bytes) -> None:
    with pytest.raises(StreamError) as refused:
        DecisionRecord.from_json(data)
    assert refused.value.code == "DAMAGED_RECORD"


def test_a_newer_schema_says_so() -> None:
    with pytest.raises(StreamError) as refused:
        DecisionRecord.from_json(json.dumps(MINIMAL | {"schema_version": 2}).encode())
    assert refused.value.code == "UNSUPPORTED_VERSION"
