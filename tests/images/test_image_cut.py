"""What a file cuts away does not go out."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from avif_boxes import clap, with_properties
from image_builders import photo, save
from PIL import Image

import router
from router.errors import InputError, NoLaneError
from router.images.left_behind import holds_only_picture
from router.images.orientation import apply_orientation
from router.images.read import read

RGB = photo(48, 64)
WHOLE = save(RGB, "AVIF", quality=95, subsampling="4:4:4")
SIZE = (64, 48)


def shown(data: bytes) -> np.ndarray:
    return read(data).pixels.astype(int)


@pytest.mark.parametrize(
    ("width", "height", "left", "top"), [(64, 48, 0, 0), (32, 24, 0, 0), (20, 10, 7, 9), (33, 17, 31, 31), (1, 1, 63, 47)]
)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_clean_aperture_is_what_is_read(channels: int, width: int, height: int, left: int, top: int) -> None:
    pixels = photo(48, 64, channels)
    options = {"subsampling": "4:0:0"} if channels == 1 else {"subsampling": "4:4:4"}
    whole = save(pixels, "AVIF", quality=95, **options)
    cut = with_properties(whole, clap(width, height, left, top, SIZE))
    assert (read(cut).width, read(cut).height) == (width, height)
    assert np.array_equal(shown(cut), shown(whole)[top : top + height, left : left + width])


@pytest.mark.parametrize(
    ("turn", "mirror", "code"), [(0, None, 1), (1, None, 8), (2, None, 3), (3, None, 6), (0, 0, 4), (0, 1, 2), (1, 1, 7)]
)
def test_it_is_cut_before_it_is_turned_whatever_the_order(turn: int, mirror: int | None, code: int) -> None:
    """As MIAF has it, and as browsers do with files that list it in another order."""
    turned = [(b"irot", bytes([turn]))] + ([] if mirror is None else [(b"imir", bytes([mirror]))])
    expected = apply_orientation(shown(WHOLE)[9:19, 7:27].astype(np.uint8), code)
    for properties in ([clap(20, 10, 7, 9, SIZE), *turned], [*turned, clap(20, 10, 7, 9, SIZE)]):
        assert np.array_equal(shown(with_properties(WHOLE, *properties)), expected)


def test_fractions_are_rounded_inwards_and_what_lies_outside_is_not_there() -> None:
    half = (b"clap", struct.pack(">IIIIiIiI", 41, 2, 21, 2, 0, 1, 0, 1))  # 20.5 x 10.5 px in the middle
    assert read(with_properties(WHOLE, half)).width == 20
    beyond = clap(40, 40, 50, 30, SIZE)
    assert np.array_equal(shown(with_properties(WHOLE, beyond)), shown(WHOLE)[30:, 50:])


@pytest.mark.parametrize(
    "content",
    [bytes(32), struct.pack(">IIIIiIiI", 10, 0, 10, 1, 0, 1, 0, 1), struct.pack(">IIIIiIiI", 9, 1, 9, 1, 900, 1, 0, 1), b"short"],
)
def test_an_aperture_that_cannot_be_read_is_refused(content: bytes) -> None:
    with pytest.raises(InputError) as refused:
        read(with_properties(WHOLE, (b"clap", content)))
    assert refused.value.code == "DAMAGED_IMAGE"


def test_other_shapes_of_pixels_are_shown_as_they_are_stored() -> None:
    assert np.array_equal(shown(with_properties(WHOLE, (b"pasp", struct.pack(">II", 2, 1)))), shown(WHOLE))


def test_the_part_that_was_cut_away_does_not_go_out() -> None:
    secret = RGB.copy()
    secret[:, 32:] = (255, 0, 255)
    data = with_properties(save(secret, "AVIF", quality=95), clap(32, 48, 0, 0, SIZE))
    assert not holds_only_picture(data, "avif")
    keep = {"schema_version": 1, "name": "keep", "rules": [], "otherwise": {"lanes": [{"lane": "passthrough"}]}}
    assert router.compress(data, policy=keep).data == data
    with pytest.raises(NoLaneError):
        router.compress(data, policy=keep, metadata="icc")
    for codec, settings in (("png", None), ("avif", {"quality": 60, "speed": 10})):
        encoded = router.compress(data, codec=codec, metadata="strip", settings=settings, on_guard_fail="release")
        assert np.asarray(Image.open(io.BytesIO(encoded.data))).shape == (48, 32, 3)


def test_hidden_pictures_are_no_part_of_the_picture() -> None:
    webp = save(RGB, "WEBP", lossless=True)
    assert holds_only_picture(webp, "webp")
    doubled = webp[:4] + struct.pack("<I", len(webp) - 8 + len(webp) - 12) + webp[8:] + webp[12:]
    assert not holds_only_picture(doubled, "webp")
    assert holds_only_picture(WHOLE, "avif")
    assert holds_only_picture(save(photo(48, 64, 4), "AVIF"), "avif")  # the alpha plane is an item of its own
    bmp = save(RGB, "BMP")
    assert holds_only_picture(bmp, "bmp")
    assert not holds_only_picture(bmp + b"behind", "bmp")
    start = struct.unpack_from("<I", bmp, 10)[0]
    gap = bmp[:10] + struct.pack("<I", start + 16) + bmp[14:start] + b"hidden in a gap!" + bmp[start:]
    assert np.array_equal(shown(gap), RGB)
    assert not holds_only_picture(gap, "bmp")
