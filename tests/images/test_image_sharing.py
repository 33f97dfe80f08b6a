"""An image is shared between threads and with whoever made its pixels."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from image_builders import photo

from router.containers.metadata import Metadata
from router.images.arrays import from_pixels
from router.images.read import read
from router.images.sample import ImageSample, Pixels, Source


def sample(load: object) -> ImageSample:
    return ImageSample(width=64, height=48, channels=3, bits=8, source=Source("array", None), metadata=Metadata(), load=load)  # type: ignore[arg-type]


def test_two_images_decode_side_by_side() -> None:
    both_inside = threading.Barrier(2, timeout=10)

    def load() -> Pixels:
        both_inside.wait()  # passes only while the other loader waits here too
        return photo()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda image: image.pixels, [sample(load), sample(load)])
    assert np.array_equal(first, second)


def test_one_image_is_decoded_once_however_many_ask() -> None:
    calls: list[int] = []
    started = threading.Barrier(4, timeout=10)

    def load() -> Pixels:
        calls.append(1)
        return photo()

    image = sample(load)

    def ask() -> tuple[int, str, int]:
        started.wait()
        return id(image.pixels), image.pixels_sha256, image.colours

    with ThreadPoolExecutor(4) as pool:
        answers = {future.result() for future in [pool.submit(ask) for _ in range(4)]}
    assert len(calls) == 1
    assert len(answers) == 1


def test_a_loader_that_fails_is_asked_again() -> None:
    answers = iter([ValueError("busy"), photo()])

    def load() -> Pixels:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    image = sample(load)
    with pytest.raises(ValueError, match="busy"):
        _ = image.pixels
    assert np.array_equal(image.pixels, photo())


@pytest.mark.parametrize("make", [read, from_pixels])
def test_an_array_handed_in_is_neither_frozen_nor_aliased(make: object) -> None:
    array = photo()
    image = make(array)  # type: ignore[operator]
    before = image.pixels.copy()
    assert not np.shares_memory(image.pixels, array)
    array += 1
    assert np.array_equal(image.pixels, before)


def test_pixels_are_read_only_and_the_array_of_the_loader_is_not() -> None:
    array = photo()
    for image in (sample(lambda: array), read(photo()).replace_pixels(array)):
        with pytest.raises(ValueError, match="read-only"):
            image.pixels[0, 0, 0] = 1
        assert array.flags.writeable


def test_versions_of_an_image_share_their_pixels() -> None:
    image = read(photo())
    assert image.with_metadata(Metadata(xmp=b"<x/>")).pixels is image.pixels
