"""A source cannot put words into the record: ours is the only one that is written, and the only one that is read."""

from __future__ import annotations

import json
from xml.sax.saxutils import quoteattr

import made as m
import pytest

import router
from router.codecs import registry
from router.containers.xmp import NAMESPACE, extract_record, holds_record, merge_record, without_record
from router.errors import NoRecordError, StreamError
from router.images.arrays import from_pixels

FORGED = json.dumps({"schema_version": 1, "software": "forged", "lane": "lossless", "codec": "forged", "source_sha256": "00"})
_ATTRIBUTE = quoteattr(FORGED)
_SPACES = f'xmlns:cr="{NAMESPACE}" xmlns:dc="http://purl.org/dc/elements/1.1/"'
_ELEMENT = f'<rdf:Description rdf:about="" {_SPACES}><cr:Record>{FORGED}</cr:Record></rdf:Description>'


def _meta(inner: str) -> bytes:
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{m.RDF}">{inner}</rdf:RDF></x:xmpmeta>'.encode()


def _description(inner: str, spaces: str = _SPACES, attributes: str = "") -> bytes:
    return _meta(f'<rdf:Description rdf:about="" {spaces} {attributes}>{inner}</rdf:Description>')


_SECOND_RDF = f'<rdf:RDF xmlns:rdf="{m.RDF}">{_ELEMENT}</rdf:RDF></x:xmpmeta>'.encode()
PACKETS = {
    "attribute": _description("", attributes=f"cr:Record={_ATTRIBUTE}"),
    "element": _meta(_ELEMENT),
    "nested attribute": _description(f"<dc:source><rdf:Description cr:Record={_ATTRIBUTE}/></dc:source>"),
    "nested element": _description(f'<dc:source rdf:parseType="Resource"><cr:Record>{FORGED}</cr:Record></dc:source>'),
    "prefix": _description("", f'xmlns:zz="{NAMESPACE}"', f"zz:Record={_ATTRIBUTE}"),
    "no prefix": _description(f'<Record xmlns="{NAMESPACE}">{FORGED}</Record>', ""),
    "other cut of the name": _description(f"<zz:ord>{FORGED}</zz:ord>", f'xmlns:zz="{NAMESPACE}Rec"'),
    "character data": _description(f"<cr:Record><![CDATA[{FORGED}]]></cr:Record>"),
    "references": _description(f"<zz:Record>{FORGED}</zz:Record>", f'xmlns:zz="{NAMESPACE.replace("/", "&#x2f;")}"'),
    "twice": _meta(_ELEMENT * 2),
    "second description": _meta(f'<rdf:Description rdf:about=""/>{_ELEMENT}'),
    "second RDF": _meta(_ELEMENT).replace(b"</x:xmpmeta>", _SECOND_RDF),
    "second RDF alone": _meta("").replace(b"</x:xmpmeta>", _SECOND_RDF),
    "RDF in RDF": _description(f"<dc:x><rdf:RDF>{_ELEMENT}</rdf:RDF></dc:x>"),
    "no meta": _meta(_ELEMENT).removeprefix(b'<x:xmpmeta xmlns:x="adobe:ns:meta/">').removesuffix(b"</x:xmpmeta>"),
    "comment": _meta(_ELEMENT + "<!-- </rdf:RDF> -->"),
    "other resource": _meta(_ELEMENT.replace('rdf:about=""', 'rdf:about="uuid:other"')),
    "typed node": _meta(f'<cr:Thing {_SPACES} rdf:about="" cr:Record={_ATTRIBUTE}/>'),
    "structure": _description(f'<cr:Record rdf:parseType="Resource"><rdf:value>{FORGED}</rdf:value></cr:Record>'),
    "alternatives": _description(f"<cr:Record><rdf:Alt><rdf:li>{FORGED}</rdf:li></rdf:Alt></cr:Record>"),
    "UTF-16": _meta(_ELEMENT).decode().encode("utf-16"),
}
SETTINGS = {"jpeg": {"quality": 80}, "avif": {"quality": 50, "speed": 10}, "ncr": {"rate": 30_000}}


@pytest.mark.parametrize("codec", ["png", "jpeg", "webp-lossless", "jxl-lossless"])
@pytest.mark.parametrize("name", PACKETS)
def test_the_record_of_an_output_is_its_own(name: str, codec: str) -> None:
    source = m.save("WEBP", lossless=True, xmp=PACKETS[name])
    encoded = router.compress(source, codec=codec, settings=SETTINGS.get(codec), on_guard_fail="release")
    assert router.inspect(encoded.data) == encoded.record
    assert b"forged" not in encoded.data


@pytest.mark.parametrize("codec", ["avif", "ncr"])
@pytest.mark.parametrize("name", ["attribute", "nested attribute", "second RDF alone", "UTF-16"])
def test_other_codecs(name: str, codec: str) -> None:
    source = m.save("WEBP", m.picture(64, 64), lossless=True, xmp=PACKETS[name])
    encoded = router.compress(source, codec=codec, settings=SETTINGS[codec], on_guard_fail="release")
    assert router.inspect(encoded.data) == encoded.record
    assert b"forged" not in encoded.data


def test_every_carrier_of_a_packet() -> None:
    packet = PACKETS["attribute"]
    text = m.chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)
    sources = {
        "jpeg": m.jpeg(
            m.xmp_segment(packet), m.xmp_segment(packet), m.segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + packet)
        ),
        "png": m.png(text, text, m.text_chunk("XML:com.adobe.xmp", packet.decode()), m.text_chunk("Raw profile type xmp", "xmp")),
        "webp": m.webp((b"XMP ", packet), (b"XMP ", packet)),
        "avif": m.avif(xmp=packet),
        "jxl": m.jxl(m.box(b"xml ", packet), m.box(b"xml ", packet)),
        "tiff": m.save("TIFF", tiffinfo={700: packet}),
        "gif": m.gif(b"\x21\xff\x0bXMP DataXMP" + packet + bytes([1, *range(255, -1, -1), 0])),
    }
    for name, data in sources.items():
        for codec in ("png", "webp-lossless"):
            encoded = router.compress(data, codec=codec)
            assert router.inspect(encoded.data) == encoded.record, name
            assert b"forged" not in encoded.data, name
    repacked = router.compress(sources["jpeg"], codec="jxl-transcode")
    assert router.inspect(repacked.data) == repacked.record
    assert router.restore(repacked.data) == sources["jpeg"]


def test_a_transcode_without_room_for_a_record_has_none() -> None:
    data = m.jpeg(m.xmp_segment(PACKETS["attribute"]))
    bare = registry.get("jxl-transcode").encode(router.Router()._read(data, False), {})
    with pytest.raises(NoRecordError):
        router.inspect(bare)


def test_an_output_compressed_again_has_the_new_record_only() -> None:
    first = router.compress(
        m.jpeg(m.xmp_segment(m.packet(spaces='xmlns:a="b:c"', attributes='a:d="kept"'))), codec="webp-lossless"
    )
    second = router.compress(first.data, codec="png")
    third = router.compress(second.data, codec="jpeg", settings={"quality": 70})
    assert router.inspect(third.data) == third.record
    assert third.data.count(b"<cr:Record>") == 1
    assert b'a:d="kept"' in third.data


def test_a_kept_source_that_holds_a_record_is_said_to() -> None:
    first = router.compress(m.picture(), codec="webp-lossless")
    kept = router.compress(
        first.data, policy={"schema_version": 1, "name": "keep", "otherwise": {"lanes": [{"lane": "passthrough"}]}}
    )
    assert kept.data == first.data
    assert "SOURCE_RECORD_STAYS" in {r.code for r in kept.record.reasons}


@pytest.mark.parametrize("name", PACKETS)
def test_packets(name: str) -> None:
    packet = PACKETS[name]
    assert holds_record(packet)
    rest = without_record(packet)
    assert rest is None or (not holds_record(rest) and extract_record(rest) is None)
    merged = merge_record(packet, b'{"a":1}')
    assert extract_record(merged) == b'{"a":1}'
    assert b"forged" not in merged


@pytest.mark.parametrize("name", ["twice", "second RDF"])
def test_of_several_records_none_is_read(name: str) -> None:
    codec = registry.get("webp-lossless")
    data = codec.with_xmp(codec.encode(from_pixels(m.picture()), {}), PACKETS[name])
    with pytest.raises(StreamError) as refused:
        router.inspect(data)
    assert refused.value.code == "DAMAGED_RECORD"


@pytest.mark.parametrize("name", ["nested attribute", "nested element", "RDF in RDF", "other cut of the name"])
def test_where_no_record_stands_none_is_read(name: str) -> None:
    assert extract_record(PACKETS[name]) is None
