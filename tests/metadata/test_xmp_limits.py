"""XMP that cannot be handled is left behind with a reason, before anything is encoded; reading it is linear and bounded."""

from __future__ import annotations

import contextlib

import made as m
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import router
from router.containers import xmp_packet as packets
from router.containers.xmp import extract_record, holds_record, merge_record, problem, without_record
from router.containers.xmp_packet import MAX_BYTES, MAX_DEPTH
from router.errors import StreamError

_HEAD = m.packet().split(b"<rdf:Description")[0]
_TAIL = b"</rdf:RDF></x:xmpmeta>"


def _nested(depth: int) -> bytes:
    return _HEAD + b"<rdf:Description>" * depth + b"</rdf:Description>" * depth + _TAIL


UNUSABLE = {
    "deep": (_nested(5000), "nested"),
    "just too deep": (_nested(MAX_DEPTH - 1), "nested"),
    "large": (m.packet("<!--" + "x" * MAX_BYTES + "-->"), "larger"),
    "cut": (m.packet()[:-20], "well-formed"),
    "text": (b"plain text", "well-formed"),
    "not XMP": (b"<svg/>", "not XMP"),
    "declaration": (b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + m.packet("&b;"), "declaration"),
    "entity": (m.packet("&undefined;"), "well-formed"),
    "not UTF-8": (m.packet("\xe9").decode("utf-8").encode("latin-1"), "well-formed"),
    "wrong UTF-16": (b"\xff\xfe<\x00x\x00\x00\xd8", "encoding"),
    "other encoding": (b'<?xml version="1.0" encoding="zlib_codec"?>' + m.packet(), "encoding"),
    "prefixes": (m.packet(spaces=" ".join(f'xmlns:a{i}="u{i}"' for i in range(2000))), "prefixes"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_it_is_left_behind_and_said(name: str) -> None:
    packet, why = UNUSABLE[name]
    assert why in (problem(packet) or "")
    data = m.save("WEBP", lossless=True, xmp=packet)
    encoded = router.compress(data, codec="png")
    said = [r.detail for r in encoded.record.reasons if r.code == "SOURCE_XMP_DAMAGED"]
    assert len(said) == 1
    assert why in said[0]
    assert router.inspect(encoded.data) == encoded.record
    kept = router.compress(data, policy="archival")
    assert (kept.record.lane, kept.data) == ("passthrough", data)
    assert "METADATA_WOULD_BE_LOST" in {r.code for r in kept.record.reasons}


@pytest.mark.parametrize("policy", ["balanced", "web", "medical", "realtime"])
def test_no_policy_fails_for_it(policy: str) -> None:
    router.compress(m.save("WEBP", lossless=True, xmp=_nested(5000)), policy=policy)


def test_what_is_just_within_goes_along() -> None:
    for packet in (_nested(MAX_DEPTH - 2), m.packet("x" * 60_000), m.packet().decode().encode("utf-32")):
        assert problem(packet) is None
        assert extract_record(merge_record(packet, b"{}")) == b"{}"


@pytest.mark.parametrize(
    "inner",
    [
        lambda n: "<a/>" * n,
        lambda n: "<a xmlns='u'/>" * n,
        lambda n: "".join(f"<a{i}/>" for i in range(n)),
        lambda n: "text &amp; " * n,
        lambda n: "<!-- -->" * n,
        lambda n: '<cr:Record xmlns:cr="https://codec-router.org/ns/record/1.0/"/>' * (n // 10),
        lambda n: "<![CDATA[]]>" * n,
    ],
    ids=["empty", "namespaces", "names", "references", "comments", "records", "character data"],
)
def test_a_packet_of_many_pieces_is_read_once(inner) -> None:  # type: ignore[no-untyped-def]
    calls = 0

    def wanted(name: tuple[str, str]) -> bool:
        nonlocal calls
        calls += 1
        return False

    packet = m.packet(inner(5_000))
    packets.read(packet, wanted)
    assert calls <= 2 * packet.count(b"<")  # work in proportion to the packet
    assert problem(packet) is None
    rest = without_record(packet)
    assert rest is None or not holds_record(rest)


_PIECES = st.sampled_from(
    [
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>",
        b"</x:xmpmeta>",
        b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>",
        b"</rdf:RDF>",
        b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'/>",
        b"<rdf:Description rdf:about='a'>",
        b"<rdf:Description xmlns:c='https://codec-router.org/ns/record/1.0/' c:Record='>x'>",
        b"<rdf:Description\n c:Record = \"'/>\" xmlns:c='https://codec-router.org/ns/record/1.0/'/>",
        b"</rdf:Description>",
        b"<r:Record xmlns:r='https://codec-router.org/ns/record/1.0/'>text</r:Record>",
        b"<tiff:Orientation xmlns:tiff='http://ns.adobe.com/tiff/1.0/'>6</tiff:Orientation>",
        b"<!-- </rdf:RDF> -->",
        b"<![CDATA[</rdf:RDF>]]>",
        b"<?pi </rdf:RDF> ?>",
        b" \xc3\xa9 &lt; ",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_PIECES, max_size=12), st.booleans())
def test_whatever_is_put_together(pieces: list[bytes], framed: bool) -> None:
    packet = b"".join(pieces)
    packet = _HEAD + packet + _TAIL if framed else packet
    try:
        merged = merge_record(packet, b'{"a":"<&>"}')
    except StreamError:
        assert problem(packet) is not None
        return
    assert extract_record(merged) == b'{"a":"<&>"}'
    assert merged.count(b"codec-router.org/ns/record/1.0/' c:Record") == 0
    rest = without_record(merged)
    assert rest is None or not holds_record(rest)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 400))
def test_damage_is_typed(noise: bytes, start: int, stop: int) -> None:
    whole = m.packet("<a>b</a>", 'xmlns:tiff="http://ns.adobe.com/tiff/1.0/"', 'tiff:Orientation="6"')
    packet = whole[:start] + noise + whole[stop:]
    for call in (lambda: merge_record(packet, b"{}"), lambda: extract_record(packet), lambda: without_record(packet)):
        with contextlib.suppress(StreamError):
            call()
