"""Records in XMP packets: merged, read back, replaced, and never at the cost of what was there."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.containers.xmp import extract_record, merge_record, without_record
from router.errors import StreamError

SOURCE = b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="uuid:1" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4">
<dc:creator><rdf:Seq><rdf:li>J\xc3\xbcrgen &amp; Co</rdf:li></rdf:Seq></dc:creator></rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(), JSON_VALUES, max_size=4), st.booleans())
def test_what_is_written_is_read(document: dict[str, object], with_source: bool) -> None:
    record = json.dumps(document).encode()  # escapes everything outside ASCII, so that XML takes any text
    assert extract_record(merge_record(SOURCE if with_source else None, record)) == record


def test_the_source_keeps_everything_it_had() -> None:
    merged = merge_record(SOURCE, b"{}")
    assert "Jürgen &amp; Co" in merged.decode()
    assert b'Rating="4"' in merged
    assert b'about="uuid:1"' in merged


def test_the_source_stays_byte_for_byte_around_the_record() -> None:
    merged = merge_record(SOURCE, b'{"a":"<&>"}')
    at = merged.index(b"<rdf:Description xmlns:rdf")
    end = merged.index(b"</rdf:RDF>")
    assert merged[:at] + merged[end:] == SOURCE
    assert extract_record(merged) == b'{"a":"<&>"}'
    assert without_record(merged) == SOURCE


def test_another_encoding_and_odd_shapes_keep_their_content() -> None:
    for odd in (
        SOURCE.decode().replace("<?xpacket", '<?xml version="1.0" encoding="utf-16"?><?xpacket', 1).encode("utf-16"),
        b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>',
        SOURCE + b"<!-- </rdf:RDF> -->",
    ):
        assert extract_record(merge_record(odd, b"{}")) == b"{}"


def test_a_second_record_replaces_the_first() -> None:
    twice = merge_record(merge_record(SOURCE, b'{"a":1}'), b'{"b":2}')
    assert extract_record(twice) == b'{"b":2}'
    assert twice.count(b":Record>") == 2  # one element, opened and closed


def test_taking_the_record_out_leaves_the_rest() -> None:
    assert without_record(merge_record(None, b"{}")) is None
    rest = without_record(merge_record(SOURCE, b"{}"))
    assert rest is not None
    assert extract_record(rest) is None
    assert b'Rating="4"' in rest


def test_a_packet_without_record() -> None:
    assert extract_record(SOURCE) is None


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"not xml",
        SOURCE[:200],
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><x:xmpmeta xmlns:x="adobe:ns:meta/">&b;</x:xmpmeta>',
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        b'<?xml version="1.0" encoding="no-such"?><a/>',
    ],
    ids=["empty", "text", "cut", "entity", "external entity", "encoding"],
)
def test_hostile_packets_are_typed_errors(packet: bytes) -> None:
    for call in (lambda: extract_record(packet), lambda: merge_record(packet, b"{}")):
        with pytest.raises(StreamError) as refused:
            call()
        assert refused.value.code == "DAMAGED_STREAM"
