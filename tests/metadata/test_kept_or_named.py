"""The table of formats and kinds: what lies in a file beside its picture is in the output, or the record names it."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

import made as m
import pytest
import tifffile

import router
from router.errors import InputError, NoLaneError
from router.images.left_behind import holds_only_picture
from router.images.read import read

IPTC = b"\x1c\x02\x78\x00\x07Caption\x1c\x02\x74\x00\x06(c) Me"
C2PA = b"JP\0\1\0\0\0\1\0\0\0\x28jumb\0\0\0\x20jumdc2pa" + b"x" * 24
C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
FILM = b"\0\0\0\x18ftypmp42" + bytes(20_000)
EXIF = b"II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x05\0\0\0\x1a\0\0\0\0\0\0\0Acme\0"
PACKET = m.packet(attributes='xmp:Label="a label"', spaces='xmlns:xmp="http://ns.adobe.com/xap/1.0/"')


@dataclass(frozen=True)
class Kind:
    """A file, what the record calls the thing in it, and bytes by which an output that keeps it is known."""

    data: bytes
    name: str
    mark: bytes = b""


def _geo(*tags: tuple[object, ...]) -> bytes:
    return m.tiff(extratags=[(*tag, True) for tag in tags])


def _with_lost_page() -> bytes:
    data = bytearray(m.tiff())
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        at = file.pages.next_page_offset
    data[at : at + 4] = len(data).to_bytes(4, "little")
    return bytes(data) + b"\xff" * 60


def _with_reduced_copy() -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(m.picture(), photometric="rgb")
        writer.write(m.picture(12, 20), photometric="rgb", subfiletype=1)
    return buffer.getvalue()


KINDS: dict[str, Kind] = {
    "jpeg exif": Kind(m.jpeg(m.segment(0xE1, b"Exif\0\0" + EXIF)), "EXIF", b"Acme"),
    "jpeg xmp": Kind(m.jpeg(m.xmp_segment(PACKET)), "XMP", b"a label"),
    "jpeg second xmp": Kind(m.jpeg(m.xmp_segment(PACKET), m.xmp_segment(m.packet())), "second XMP packet"),
    "jpeg extended xmp": Kind(m.jpeg(m.segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(60))), "extended XMP"),
    "jpeg comment": Kind(m.jpeg(m.segment(0xFE, b"(c) A. Photographer")), "texts", b"(c) A. Photographer"),
    "jpeg comment latin": Kind(m.jpeg(m.segment(0xFE, b"caf\xe9 noir")), "texts", "café noir".encode()),
    "jpeg density": Kind(m.save("JPEG", quality=95, dpi=(301, 299)), "density", b"301"),
    "jpeg ratio": Kind(m.jpeg().replace(b"\x00\x00\x01\x00\x01", b"\x00\x00\x03\x00\x02", 1), "density", b'XResolution="3/1"'),
    "jpeg iptc": Kind(m.jpeg(m.segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04" + IPTC)), "Photoshop resources (IPTC)"),
    "jpeg c2pa": Kind(m.jpeg(m.segment(0xEB, C2PA)), "C2PA manifest"),
    "jpeg jumbf": Kind(m.jpeg(m.segment(0xEB, C2PA.replace(b"c2pa", b"else"))), "JUMBF or JPEG XT boxes (APP11)"),
    "jpeg ducky": Kind(m.jpeg(m.segment(0xEC, b"Ducky\0\1\0\4\0\0\0\x50\0\0")), "APP12 segment"),
    "jpeg flashpix": Kind(m.jpeg(m.segment(0xE2, b"FPXR\0\0\1")), "FlashPix data (APP2)"),
    "jpeg app7": Kind(m.jpeg(m.segment(0xE7, b"anything")), "APP7 segment"),
    "jpeg jfxx": Kind(m.jpeg(m.segment(0xE0, b"JFXX\0\x10")), "JFIF thumbnail"),
    "jpeg film": Kind(m.jpeg(behind=FILM), "motion-photo video"),
    "jpeg samsung film": Kind(m.jpeg(behind=b"\0\0\x30\x0a\x10\0\0\0MotionPhoto_Data" + FILM + b"SEFH"), "motion-photo video"),
    "jpeg view": Kind(m.indexed(m.jpeg(), code=0x020002), "further view (stereo, panorama or multi-angle)"),
    "jpeg preview": Kind(m.indexed(m.jpeg(), code=0x010002), "preview picture"),
    "jpeg picture": Kind(m.jpeg(behind=m.jpeg()), "further picture"),
    "jpeg picture and film": Kind(m.jpeg(behind=m.jpeg() + FILM), "motion-photo video"),
    "jpeg index alone": Kind(m.indexed(b""), "multi-picture index"),
    "jpeg tail": Kind(m.jpeg(behind=b"whatever"), "data behind the end of the image"),
    "jpeg behind Adobe's fields": Kind(
        m.jpeg(m.segment(0xEE, b"Adobe\0\x64\0\0\0\0\1hidden")), "data behind the fields of a part"
    ),
    "jpeg behind the height": Kind(m.jpeg()[:-2] + m.segment(0xDC, b"\0\x18hidden") + b"\xff\xd9", "segments between scans"),
    "png behind a field": Kind(m.png(m.chunk(b"sRGB", b"\0hidden")), "data behind the fields of a PNG chunk"),
    "png palette with a name": Kind(m.png(m.chunk(b"sPLT", b"hidden\0\x08")), "suggested palette"),
    "png palette of a truecolour": Kind(m.png(m.chunk(b"PLTE", b"hidden")), "suggested palette"),
    "png text": Kind(m.png(m.text_chunk("parameters", "a prompt")), "texts", b"a prompt"),
    "png known text": Kind(m.png(m.text_chunk("Copyright", "(c) Somebody")), "texts", b"(c) Somebody"),
    "png packed text": Kind(m.png(m.text_chunk("Comment", "packed words", packed=True)), "texts", b"packed words"),
    "png international text": Kind(m.png(m.chunk(b"iTXt", "Title\0\0\0de\0Titel\0日本".encode())), "texts", "日本".encode()),
    "png translated keyword": Kind(m.png(m.chunk(b"iTXt", b"Title\0\0\0de\0Der Titel\0x")), "texts", b"Der Titel"),
    "png odd language": Kind(m.png(m.chunk(b"iTXt", b"Title\0\0\0\1\0\0x")), "texts"),
    "png unreadable text": Kind(m.png(m.chunk(b"zTXt", b"Comment\0\0junk")), "PNG text that cannot be read"),
    "png raw profile": Kind(m.png(m.text_chunk("Raw profile type exif", "\nexif\n  2\nabcd")), "profiles in PNG text"),
    "png density": Kind(m.save("PNG", dpi=(601, 601)), "density", b"Resolution"),
    "png ratio": Kind(m.png(m.chunk(b"pHYs", struct.pack(">IIB", 4, 3, 0))), "density", b"Resolution"),
    "png time": Kind(m.png(m.chunk(b"tIME", b"\x07\xe9\x0c\x1f\x17\x3b\x3b")), "PNG chunk tIME", b"2025-12-31T23:59:59Z"),
    "png exif": Kind(m.png(m.chunk(b"eXIf", EXIF)), "EXIF", b"Acme"),
    "png xmp": Kind(m.png_with_xmp(PACKET), "XMP", b"a label"),
    "png significant bits": Kind(m.png(m.chunk(b"sBIT", b"\5\6\5")), "significant bits"),
    "png background": Kind(m.png(m.chunk(b"bKGD", bytes(6))), "background colour"),
    "png offset": Kind(m.png(m.chunk(b"oFFs", bytes(9))), "PNG chunk oFFs"),
    "png scale": Kind(m.png(m.chunk(b"sCAL", b"\x011.5\x001.5")), "PNG chunk sCAL"),
    "png c2pa": Kind(m.png(m.chunk(b"caBX", b"\0\0\0\x20jumb" + b"c2pa" * 6)), "C2PA manifest"),
    "png private": Kind(m.png(m.chunk(b"abCD", b"who knows")), "PNG chunk abCD"),
    "png private, safe to copy": Kind(m.png(m.chunk(b"abCd", b"who knows")), "PNG chunk abCd"),
    "png gain map": Kind(m.png(m.chunk(b"gmAP", bytes(8))), "HDR gain map"),
    "png tail": Kind(m.png(behind=b"whatever"), "data behind the end of the image"),
    "webp exif": Kind(m.save("WEBP", lossless=True, exif=EXIF), "EXIF", b"Acme"),
    "webp xmp": Kind(m.save("WEBP", lossless=True, xmp=PACKET), "XMP", b"a label"),
    "webp second xmp": Kind(m.webp((b"XMP ", PACKET), (b"XMP ", PACKET)), "second XMP packet"),
    "webp chunk": Kind(m.webp((b"ABCD", b"who knows")), "WebP chunk ABCD"),
    "webp c2pa": Kind(m.webp((b"C2PA", b"jumb")), "C2PA manifest"),
    "webp tail": Kind(m.webp(behind=b"whatever"), "data behind the end of the image"),
    "avif exif": Kind(m.avif(exif=b"Exif\0\0" + EXIF), "EXIF", b"Acme"),
    "avif xmp": Kind(m.avif(xmp=PACKET), "XMP", b"a label"),
    "avif c2pa": Kind(m.avif() + m.box(b"uuid", C2PA_UUID + b"manifest"), "C2PA manifest"),
    "avif box": Kind(m.avif() + m.box(b"abcd", b"who knows"), "ISO box abcd"),
    "avif free": Kind(m.avif() + m.box(b"free", b"who knows"), "data in an unused box"),
    "avif unclaimed": Kind(m.avif() + m.box(b"mdat", b"hidden"), "data that no item names"),
    "avif tail": Kind(m.avif() + b"\0\0\0\7rubbish", "data behind the end of the image"),
    "avif item": Kind(m.avif_with_item(b"mime", content_type=b"text/plain"), "metadata item mime"),
    "avif thumbnail": Kind(m.avif_with_item(b"av01", reference=b"thmb"), "preview picture"),
    "avif depth": Kind(m.avif_with_item(b"av01", urn=b"urn:mpeg:mpegB:cicp:systems:auxiliary:depth"), "depth map"),
    "jxl exif": Kind(m.jxl(m.box(b"Exif", bytes(4) + EXIF)), "EXIF", b"Acme"),
    "jxl xmp": Kind(m.jxl(m.box(b"xml ", PACKET)), "XMP", b"a label"),
    "jxl compressed": Kind(m.jxl(m.box(b"brob", b"xml \x0b\x02\x80<x/>\x03")), "compressed EXIF or XMP"),
    "jxl c2pa": Kind(m.jxl(m.box(b"jumb", b"jumdc2pa")), "C2PA manifest"),
    "jxl box": Kind(m.jxl(m.box(b"abcd", b"who knows")), "JPEG XL box abcd"),
    "gif comment": Kind(m.gif(b"\x21\xfe\x06(c) me\0"), "texts", b"(c) me"),
    "gif xmp": Kind(m.gif(b"\x21\xff\x0bXMP DataXMP" + PACKET + bytes([1, *range(255, -1, -1), 0])), "XMP", b"a label"),
    "gif application": Kind(m.gif(m.gif_application(b"ABCDEFGH1.0", b"who knows")), "GIF application extension"),
    "gif profile": Kind(m.gif(m.gif_application(b"ICCRGBG1012", b"profile")), "colour profile (GIF extension)"),
    "gif plain text": Kind(m.gif(b"\x21\x01\x0c" + bytes(12) + b"\3abc\0"), "plain-text extension"),
    "gif tail": Kind(m.gif(behind=b"whatever"), "data behind the end of the image"),
    "tiff description": Kind(m.tiff(description="what it shows"), "EXIF", b"what it shows"),
    "tiff iptc": Kind(_geo((33723, 1, len(IPTC), IPTC)), "IPTC"),
    "tiff photoshop": Kind(_geo((34377, 1, 4, b"8BIM")), "Photoshop resources (IPTC)"),
    "geotiff": Kind(_geo((33550, 12, 3, (10.0, 10.0, 0.0)), (34735, 3, 4, (1, 1, 0, 0))), "GeoTIFF tags"),
    "tiff gdal": Kind(_geo((42113, 2, 6, "-9999")), "GDAL no-data value"),
    "tiff gdal metadata": Kind(_geo((42112, 2, 8, "<x></x>")), "GDAL metadata"),
    "tiff private": Kind(_geo((65000, 3, 1, 7), (65001, 3, 1, 7)), "TIFF tags 65000, 65001"),
    "tiff lost page": Kind(_with_lost_page(), "further page that cannot be read"),
    "tiff reduced copy": Kind(_with_reduced_copy(), "preview picture"),
    "bmp tail": Kind(m.save("BMP") + b"whatever", "data behind the end of the image"),
    "bmp density": Kind(m.save("BMP", dpi=(301, 301)), "density", b"Resolution"),
    "ppm comment": Kind(b"P6\n# who made it\n40 24\n255\n" + m.picture().tobytes(), "texts", b"who made it"),
    "ppm tail": Kind(b"P6 40 24 255\n" + m.picture().tobytes() + b"whatever", "data behind the end of the image"),
}


def _named(record: router.DecisionRecord) -> list[str]:
    return [r.detail for r in record.reasons if r.code == "METADATA_LEFT_BEHIND"]


def _kept(kind: Kind, data: bytes) -> bool:
    """Whether an output has what the file had: its bytes, or the same as a reader sees it."""
    if kind.mark and kind.mark in data:
        return True
    before, after = read(kind.data).metadata, read(data).metadata
    if kind.name == "density" and before.density is not None:
        return after.density is not None and after.density.x / after.density.y == pytest.approx(
            before.density.x / before.density.y, rel=0.01
        )
    return before.chunks == after.chunks != () or before.text == after.text != ()


@pytest.mark.parametrize("codec", ["jpeg", "webp-lossless", "png"])
@pytest.mark.parametrize("name", KINDS)
def test_it_is_in_the_output_or_the_record_names_it(name: str, codec: str) -> None:
    kind = KINDS[name]
    settings = {"quality": 80} if codec == "jpeg" else None
    encoded = router.compress(kind.data, codec=codec, settings=settings, on_guard_fail="release")
    named = _named(encoded.record)
    assert _kept(kind, encoded.data) != (kind.name in named), named
    assert len(named) == len(set(named)) <= 2
    assert not kind.mark or named == []
    assert router.inspect(encoded.data) == encoded.record


@pytest.mark.parametrize("policy", ["archival", "medical"])
@pytest.mark.parametrize(
    "name", sorted(KINDS.keys() - {"jpeg index alone"})
)  # an archive may refuse an index of what is not there
def test_archives_lose_nothing(name: str, policy: str) -> None:
    kind = KINDS[name]
    encoded = router.compress(kind.data, policy=policy)
    assert _named(encoded.record) == []
    if encoded.record.lane == "transcode":
        assert router.restore(encoded.data) == kind.data
    elif encoded.record.lane == "passthrough":
        assert encoded.data == kind.data
    else:
        assert _kept(kind, encoded.data)


def test_an_archive_that_may_not_keep_the_file_refuses() -> None:
    with pytest.raises(NoLaneError) as refused:
        router.compress(KINDS["png c2pa"].data, policy="archival", receiver="image/jxl")
    assert "METADATA_WOULD_BE_LOST" in {attempt.outcome for attempt in refused.value.attempts}


def test_what_may_go_is_no_loss() -> None:
    for choice in ("icc", "strip"):
        encoded = router.compress(KINDS["png c2pa"].data, policy="archival", metadata=choice)
        assert encoded.record.lane == "lossless"
        assert "METADATA_LEFT_BEHIND" not in {r.code for r in encoded.record.reasons}


def test_a_source_that_takes_the_place_of_a_larger_result_lost_nothing() -> None:
    lanes = {"lanes": [{"lane": "lossless", "codecs": ["png"]}]}
    encoded = router.compress(
        KINDS["png c2pa"].data, policy={"schema_version": 1, "name": "small", "rules": [], "otherwise": lanes}
    )
    assert encoded.data == KINDS["png c2pa"].data
    assert _named(encoded.record) == []
    assert "NOT_SMALLER_THAN_SOURCE" in {r.code for r in encoded.record.reasons}


def test_clean_files_have_nothing_to_name() -> None:
    for data in (m.jpeg(), m.png(), m.webp(), m.avif(), m.jxl(), m.gif(), m.save("TIFF"), m.save("BMP"), m.save("PPM")):
        assert [p for p in read(data).extra_parts if not p.carried] == []
        assert _named(router.compress(data, codec="png").record) == []


def test_a_packet_that_does_not_fit_a_jpeg_leaves_the_texts() -> None:
    data = m.png(m.text_chunk("parameters", "word " * 13_500))
    encoded = router.compress(data, codec="jpeg", settings={"quality": 80})
    assert _named(encoded.record) == ["texts"]
    assert router.inspect(encoded.data) == encoded.record
    assert read(router.compress(data, codec="png").data).metadata.text == read(data).metadata.text


def test_known_keywords_become_the_properties_that_say_the_same() -> None:
    data = m.save("PNG", pnginfo=m.notes(Title="A <title>", Author="Ann & Bob", Copyright="(c) Ann", odd="x"), dpi=(300, 300))
    xmp = read(router.compress(data, codec="webp-lossless").data).metadata.xmp or b""
    for piece in (
        b"<dc:title><rdf:Alt>",
        b"A &lt;title&gt;",
        b"<dc:creator><rdf:Seq>",
        b"<dc:rights>",
        b">odd<",
        b"tiff:XResolution",
    ):
        assert piece in xmp
    has_title = m.packet("<dc:title>theirs</dc:title>", 'xmlns:dc="http://purl.org/dc/elements/1.1/"')
    both = m.png(m.text_chunk("Title", "ours"), m.chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + has_title))
    xmp = read(router.compress(both, codec="webp-lossless").data).metadata.xmp or b""
    assert xmp.count(b"<dc:title>") == 1
    assert b"theirs" in xmp
    assert b">ours<" in xmp


def test_the_summary_says_what_was_left(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from typer.testing import CliRunner

    from router.cli.main import app

    (tmp_path / "in.jpg").write_bytes(KINDS["jpeg film"].data)
    (tmp_path / "damaged.png").write_bytes(m.png_with_xmp(b"<x:xmpmeta"))
    shown = CliRunner().invoke(app, ["compress", str(tmp_path), "-o", str(tmp_path / "out"), "--codec", "png"])
    text = " ".join(shown.output.split())
    assert "left behind: motion-photo video" in text
    assert "left behind: XMP that cannot be read" in text


@pytest.mark.parametrize(
    "data",
    [
        m.png(m.chunk(b"abCD", b"") * 30_000),
        m.jpeg(b"\xff\xfe\x00\x02" * 30_000),
        m.webp(),
        m.jxl(m.box(b"abcd", b"") * 30_000),
        m.gif(b"\x21\xfe\x00" * 30_000),
    ],
    ids=["png", "jpeg", "few", "jxl", "gif"],
)
def test_a_file_of_countless_parts_is_refused_or_the_rest_is_named(data: bytes) -> None:
    flood = len(data) > 50_000
    try:
        named = {p.name for p in read(data).extra_parts}
    except InputError:
        assert flood
    else:
        assert ("what comes after the parts that are looked at" in named) == flood


def _png_with(behind_rows: bytes = b"", in_idat: bytes = b"", *after: bytes) -> bytes:
    rows = b"".join(b"\0" + row.tobytes() for row in m.picture())
    chunks = (m.chunk(b"IDAT", zlib.compress(rows + behind_rows) + in_idat), *after, m.chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + m.chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 24, 8, 2, 0, 0, 0)) + b"".join(chunks)


@pytest.mark.parametrize(
    "data",
    [
        _png_with(b"hidden"),
        _png_with(b"", b"hidden"),
        _png_with(b"", b"", m.chunk(b"IDAT", b"hidden")),
        *(KINDS[name].data for name in KINDS if "behind" in name or name in ("avif unclaimed", "png palette with a name")),
    ],
)
def test_what_may_hide_something_is_not_released_as_it_is(data: bytes) -> None:
    file_format = read(data).source.format
    assert not holds_only_picture(data, file_format)
    for clean in (_png_with(), _png_with(b"", bytes(3)), m.jpeg(), m.avif()):
        assert holds_only_picture(clean, read(clean).source.format)
