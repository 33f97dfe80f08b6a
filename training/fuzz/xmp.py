"""XMP packets: a record goes in and comes out again, or the packet is refused."""

from __future__ import annotations

import contextlib
import json

from router.containers import xmp
from router.errors import RouterError
from training.fuzz.samples import XMP
from training.fuzz.target import FuzzTarget

RECORD = b'{"lane":"neural","codec":"ncr"}'
_WORDS = (
    b"<rdf:Description",
    b"</rdf:RDF>",
    b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]>",
    b"&a;&#0;&#x110000;",
    b"<![CDATA[",
    b"]]>",
    b"<?xpacket end='w'?>",
    b"<a>" * 200,
    b'xmlns:x="',
    b"\xff\xfe\x00<",
    b'encoding="utf-16"',
    b"<!--",
    b" " * 500,
    b"\x00",
    b"rdf:about=''",
)
_OWN = xmp.merge_record(XMP, RECORD)


def _run(data: bytes) -> None:
    with contextlib.suppress(RouterError):
        xmp.extract_record(data)
        xmp.without_record(data)
    try:
        merged = xmp.merge_record(data, RECORD)
    except RouterError:
        return
    found = xmp.extract_record(merged)
    assert found is not None, "the record is gone"
    assert json.loads(found) == json.loads(RECORD), "another record"
    rest = xmp.without_record(merged)
    assert rest is None or xmp.extract_record(rest) is None, "the record is still there"


TARGET = FuzzTarget(
    _run,
    seeds=(
        XMP,
        _OWN,
        b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>' + XMP + b" " * 64 + b'<?xpacket end="w"?>',
        ('<?xml version="1.0" encoding="utf-16"?>' + XMP.decode()).encode("utf-16"),
        _OWN.replace(b"<rdf:RDF", b"<rdf:RDF xml:lang='de'"),
    ),
    words=_WORDS,
)
