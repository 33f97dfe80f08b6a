"""What metadata says of orientation and size is true of the pixels as they are written, whatever format said it."""

from __future__ import annotations

import io
import struct

import made as m
import numpy as np
import pytest
from PIL import Image

import router
from router.containers.tiff import Directory, TiffBlock, block
from router.images.read import read

HEIGHT, WIDTH = 24, 40
THUMBNAIL = m.save("JPEG", m.picture(6, 10), quality=70)


def exif(code: int, order: str = "<", *, thumbnail: bool = True, note_behind: bool = False) -> bytes:
    """IFD 0 with size, orientation and resolution; an EXIF IFD with sizes, subject and a MakerNote; a thumbnail."""
    short, long = order + "HHIHxx", order + "HHII"
    heads: list[bytes] = []
    at = 8
    first, second, third = at, at + 2 + 6 * 12 + 4, at + 2 + 6 * 12 + 4 + 2 + 5 * 12 + 4
    after = third + 2 + 3 * 12 + 4
    rational = struct.pack(order + "IIII", 300, 1, 200, 1)
    subject, note = struct.pack(order + "HHHH", 10, 5, 4, 2), b"maker's own"
    places = [after, after + 8, after + 16, after + 24]
    behind = after + 16 + len(subject) + len(note)
    heads.append(struct.pack(order + "H", 6))
    heads += [
        struct.pack(long, 0x0100, 4, 1, WIDTH),
        struct.pack(short, 0x0101, 3, 1, HEIGHT),
        struct.pack(short, 0x0112, 3, 1, code),
    ]
    heads += [struct.pack(long, 0x011A, 5, 1, places[0]), struct.pack(long, 0x011B, 5, 1, places[1])]
    heads += [struct.pack(long, 0x8769, 4, 1, second), struct.pack(order + "I", third if thumbnail else 0)]
    heads.append(struct.pack(order + "H", 5))
    heads += [struct.pack(long, 0x9214, 3, 4, places[2]), struct.pack(long, 0x927C, 7, len(note), places[3])]
    heads += [struct.pack(long, 0xA002, 4, 1, WIDTH), struct.pack(short, 0xA003, 3, 1, HEIGHT)]
    heads += [struct.pack(order + "HHI", 0xA214, 3, 2) + struct.pack(order + "HH", 10, 5), struct.pack(order + "I", 0)]
    heads.append(struct.pack(order + "H", 3))
    heads += [struct.pack(short, 0x0103, 3, 1, 6), struct.pack(long, 0x0201, 4, 1, behind)]
    heads += [struct.pack(long, 0x0202, 4, 1, len(THUMBNAIL)), struct.pack(order + "I", 0)]
    mark = b"II*\0" if order == "<" else b"MM\0*"
    whole = mark + struct.pack(order + "I", first) + b"".join(heads) + rational + subject + note
    return whole + (THUMBNAIL if thumbnail else b"") + (b"more of the maker's" if note_behind else b"")


def xmp(code: int, *, elements: bool = False) -> bytes:
    """The same in XMP, with a thumbnail and regions."""
    values = {"tiff:Orientation": code, "tiff:ImageWidth": WIDTH, "tiff:ImageLength": HEIGHT, "exif:PixelXDimension": WIDTH}
    values |= {"exif:PixelYDimension": HEIGHT, "tiff:XResolution": "300/1", "tiff:YResolution": "200/1", "xmp:Label": "kept"}
    spaces = 'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"'
    spaces += ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:mwg="http://www.metadataworkinggroup.com/schemas/regions/"'
    more = "<xmp:Thumbnails><rdf:Alt><rdf:li>base64</rdf:li></rdf:Alt></xmp:Thumbnails><mwg:Regions>faces</mwg:Regions>"
    if elements:
        return m.packet("".join(f"<{k}>{v}</{k}>" for k, v in values.items()) + more, spaces)
    return m.packet(more, spaces, " ".join(f'{k}="{v}"' for k, v in values.items()))


def jpeg(code: int, block: bytes | None = None, packet: bytes | None = None) -> bytes:
    """A JPEG with both."""
    segments = [m.segment(0xE1, b"Exif\0\0" + block)] if block else []
    return m.jpeg(*segments, *([m.xmp_segment(packet)] if packet else []))


def number(found: TiffBlock, directory: Directory, tag: int) -> list[int]:
    return found.numbers(directory.entries[tag])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("code", range(1, 9))
@pytest.mark.parametrize("codec", ["png", "webp-lossless", "jpeg"])
def test_exif(code: int, order: str, codec: str) -> None:
    encoded = router.compress(jpeg(code, exif(code, order)), codec=codec, settings={"quality": 90} if codec == "jpeg" else None)
    out = read(encoded.data)
    width, height = (HEIGHT, WIDTH) if code >= 5 else (WIDTH, HEIGHT)
    assert (out.width, out.height) == (width, height)
    found = block(out.metadata.exif or b"")
    assert found is not None
    first = found.directory(found.first)
    assert first is not None
    inner = found.directory(number(found, first, 0x8769)[0])
    assert inner is not None
    assert number(found, first, 0x0112) == [1]
    assert [number(found, first, tag)[0] for tag in (0x0100, 0x0101)] == [width, height]
    assert [number(found, inner, tag)[0] for tag in (0xA002, 0xA003)] == [width, height]
    resolution = [found.number(first.entries[tag].value, 4) for tag in (0x011A, 0x011B)]
    assert resolution == ([200, 300] if code >= 5 else [300, 200])
    note = inner.entries[0x927C]
    assert found.data[note.value : note.value + note.size] == b"maker's own"
    assert (THUMBNAIL in encoded.data) == (code == 1)
    assert (found.directory(first.next) is None) == (code != 1)
    named = [r.detail for r in encoded.record.reasons if r.code == "METADATA_LEFT_BEHIND"]
    assert named == ([] if code == 1 else ["EXIF thumbnail"])
    # The subject's place is where the subject now is.
    x, y = number(found, inner, 0xA214)
    stored = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    stored[5, 10] = 255
    turned = Image.fromarray(stored)
    turned.getexif()[0x0112] = code
    from PIL import ImageOps

    assert np.asarray(ImageOps.exif_transpose(turned))[y, x, 0] == 255
    assert number(found, inner, 0x9214) == [x, y, *((2, 4) if code >= 5 else (4, 2))]


@pytest.mark.parametrize("elements", [False, True])
@pytest.mark.parametrize("code", [1, 3, 6, 8])
def test_xmp(code: int, elements: bool) -> None:
    packet = xmp(code, elements=elements)
    encoded = router.compress(jpeg(code, exif(code, thumbnail=False), packet), codec="webp-lossless")
    text = (read(encoded.data).metadata.xmp or b"").decode()
    width, height = (HEIGHT, WIDTH) if code >= 5 else (WIDTH, HEIGHT)
    resolution = ("200/1", "300/1") if code >= 5 else ("300/1", "200/1")
    expected = {"tiff:Orientation": 1, "tiff:ImageWidth": width, "tiff:ImageLength": height, "exif:PixelXDimension": width}
    expected |= {"exif:PixelYDimension": height, "tiff:XResolution": resolution[0], "tiff:YResolution": resolution[1]}
    for key, value in (expected | {"xmp:Label": "kept"}).items():
        assert (f"<{key}>{value}</{key}>" if elements else f'{key}="{value}"') in text
    named = [r.detail for r in encoded.record.reasons if r.code == "METADATA_LEFT_BEHIND"]
    assert named == ([] if code == 1 else ["thumbnail in XMP", "regions in XMP"])
    assert ("faces" in text) == ("base64" in text) == (code == 1)


@pytest.mark.parametrize("kind", ["png", "webp", "avif", "tiff"])
def test_other_containers(kind: str) -> None:
    packet, marked = xmp(6), exif(6, thumbnail=False)
    if kind == "png":
        at = m.png_with_xmp(packet)
        data = at[:33] + m.chunk(b"eXIf", marked) + m.chunk(b"pHYs", struct.pack(">IIB", 300, 200, 1)) + at[33:]
    elif kind == "tiff":
        data = m.save("TIFF", tiffinfo={274: 6, 700: packet})
    else:
        data = m.save(kind.upper(), xmp=packet, exif=marked, **({"lossless": True} if kind == "webp" else {}))
    sample = read(data)
    assert (sample.width, sample.height) == (HEIGHT, WIDTH)
    assert b'tiff:Orientation="1"' in (sample.metadata.xmp or b"")
    if kind == "png":
        assert sample.metadata.density is not None
        assert (sample.metadata.density.x, sample.metadata.density.y) == (200, 300)


def test_a_thumbnail_in_the_middle_is_overwritten() -> None:
    encoded = router.compress(jpeg(6, exif(6, note_behind=True)), codec="png")
    assert b"more of the maker's" in encoded.data
    assert THUMBNAIL not in encoded.data


def test_archives_keep_a_file_whose_thumbnail_would_lie_on_its_side() -> None:
    data = m.png(m.chunk(b"eXIf", exif(6)))
    encoded = router.compress(data, policy="archival")
    assert encoded.data == data
    assert encoded.record.lane == "passthrough"


def test_without_turning_nothing_changes() -> None:
    packet, marked = xmp(6), exif(1)
    sample = read(jpeg(1, marked, packet))
    assert sample.metadata.exif == marked
    assert sample.metadata.xmp == packet
    image = Image.open(io.BytesIO(jpeg(6, exif(6), xmp(6))))
    from_pillow = read(image)
    assert (from_pillow.width, from_pillow.height) == (HEIGHT, WIDTH)
    assert b'tiff:Orientation="1"' in (from_pillow.metadata.xmp or b"")
