"""Gain maps of every kind are seen, kept where the file may go out, and named where it may not; so are other pictures inside."""

from __future__ import annotations

import made as m
import pytest

import router
from router.images.probe import is_hdr
from router.images.read import read

_AUXILIARY = m.xmp_segment(
    m.packet(spaces='xmlns:apdi="http://ns.apple.com/pixeldatainfo/1.0/"', attributes=f'apdi:AuxiliaryImageType="{m.APPLE}"')
)
_AUXILIARY_ELEMENT = m.xmp_segment(
    m.packet(f"<a:AuxiliaryImageType>{m.APPLE}</a:AuxiliaryImageType>", 'xmlns:a="http://ns.apple.com/pixeldatainfo/1.0/"')
)
_DISPARITY = m.xmp_segment(m.packet("<a:AuxiliaryImageType>disparity</a:AuxiliaryImageType>", 'xmlns:a="http://ns.apple.com/x/"'))
_HDRGM = m.xmp_segment(m.packet(spaces=f'xmlns:hdrgm="{m.HDRGM}"', attributes='hdrgm:Version="1.0"'))
_ISO = m.segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4))
_DIRECTORY = m.xmp_segment(
    m.packet(
        '<C:Directory><rdf:Seq><rdf:li rdf:parseType="Resource">'
        '<C:Item I:Semantic="GainMap" I:Mime="image/jpeg"/></rdf:li></rdf:Seq>'
        "</C:Directory>",
        'xmlns:C="http://ns.google.com/photos/1.0/container/" xmlns:I="http://ns.google.com/photos/1.0/container/item/"',
    )
)
GAIN_MAPS = {
    "apple": m.indexed(m.jpeg(_AUXILIARY)),
    "apple, as an element": m.indexed(m.jpeg(_AUXILIARY_ELEMENT)),
    "apple, without an index": m.jpeg(behind=m.jpeg(_AUXILIARY)),
    "apple, behind a preview": m.jpeg(behind=m.jpeg() + m.jpeg(_AUXILIARY)),
    "ultra hdr": m.indexed(m.jpeg(_HDRGM), _HDRGM),
    "ultra hdr, marked in the map only": m.indexed(m.jpeg(_HDRGM)),
    "iso": m.indexed(m.jpeg(_ISO), _ISO),
    "iso, marked in the map only": m.indexed(m.jpeg(_ISO)),
    "container directory": m.jpeg(_DIRECTORY, behind=m.jpeg()),
    "jpeg-hdr": m.jpeg(m.segment(0xEB, b"HDR_RI ver=11\0")),
    "avif tone map": m.avif_with_item(b"tmap"),
    "avif auxiliary": m.avif_with_item(b"av01", urn=m.APPLE.encode(), reference=b"auxl"),
    "jpeg xl": m.jxl(m.box(b"jhgm", bytes(8))),
    "png": m.png(m.chunk(b"gmAP", bytes(8))),
}


def _behind(record: router.DecisionRecord) -> list[str]:
    return [r.detail for r in record.reasons if r.code == "METADATA_LEFT_BEHIND"]


@pytest.mark.parametrize("first_frame", [False, True])
@pytest.mark.parametrize("name", GAIN_MAPS)
def test_the_file_is_kept(name: str, first_frame: bool) -> None:
    data = GAIN_MAPS[name]
    assert is_hdr(data)
    encoded = router.compress(data, policy="balanced", first_frame=first_frame)
    assert encoded.data == data
    assert encoded.record.policy is not None
    assert encoded.record.policy.rule == "hdr"


@pytest.mark.parametrize("policy", ["web", "realtime"])
@pytest.mark.parametrize("name", GAIN_MAPS)
def test_where_the_file_may_not_go_out_the_loss_is_named(name: str, policy: str) -> None:
    encoded = router.compress(GAIN_MAPS[name], policy=policy, receiver="image/avif,image/webp,*/*", context={})
    if encoded.data == GAIN_MAPS[name]:
        assert name == "png"  # nothing private in it: it may go out
    else:
        assert "HDR gain map" in _behind(encoded.record)


@pytest.mark.parametrize("codec", ["webp-lossless", "jpeg"])
@pytest.mark.parametrize("name", GAIN_MAPS)
def test_nothing_in_the_new_file_speaks_of_the_gain_map(name: str, codec: str) -> None:
    encoded = router.compress(GAIN_MAPS[name], codec=codec, settings={"quality": 80} if codec == "jpeg" else None)
    assert "HDR gain map" in _behind(encoded.record)
    assert not is_hdr(encoded.data)
    assert b"GainMap" not in encoded.data


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (m.jpeg(behind=m.jpeg(_DISPARITY)), "depth map"),
        (m.jpeg(behind=m.jpeg(_AUXILIARY.replace(b"hdrgainmap", b"skin-matte"))), "portrait or segmentation matte"),
        (m.indexed(m.jpeg(), code=0x020001), "further view (stereo, panorama or multi-angle)"),
        (m.jpeg(behind=b"\0\0\0\x18ftypmp42" + bytes(64)), "motion-photo video"),
        (m.avif_with_item(b"av01", urn=b"urn:mpeg:hevc:2015:auxid:2", reference=b"auxl"), "auxiliary picture"),
    ],
)
@pytest.mark.parametrize("metadata", ["keep", "icc", "strip"])
def test_other_pictures_inside_are_named_whatever_becomes_of_metadata(data: bytes, name: str, metadata: str) -> None:
    assert not is_hdr(data)
    encoded = router.compress(data, codec="webp-lossless", metadata=metadata)
    assert name in _behind(encoded.record)


def test_alpha_planes_and_tiles_are_the_picture() -> None:
    import numpy as np
    from PIL import Image

    alpha = np.dstack([m.picture(), m.picture()[..., 0]])
    for data in (m.save("AVIF", alpha, quality=80), m.save("AVIF", Image.fromarray(m.picture()), quality=80)):
        assert read(data).extra_parts == ()


def test_the_first_frame_of_a_still_file_is_the_file() -> None:
    for data in (m.indexed(m.jpeg(_HDRGM), _HDRGM), m.save("GIF", m.picture()), m.save("WEBP", quality=80)):
        assert not read(data, first_frame=True).source.further_images
    from PIL import Image

    frames = [Image.fromarray(255 - m.picture()), Image.fromarray(m.picture())]
    moving = m.save("WEBP", save_all=True, append_images=frames, duration=50, lossless=True)
    assert read(moving, first_frame=True).source.further_images
    encoded = router.compress(moving, policy="archival", first_frame=True)
    assert encoded.record.lane == "lossless"
