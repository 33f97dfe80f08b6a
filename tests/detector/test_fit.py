from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sample_set import Samples

from router.detector.fit.corpus import all_views, scenes
from router.detector.fit.degradations import MIX, draw, generator
from router.detector.fit.outlier_exposure import KINDS, read, write
from router.detector.patches import tile_count
from router.detector.scorer import SIZES, size_of
from training.detector import composites, patterns


def test_gray_and_colour_versions_get_the_same_past(samples: Samples) -> None:
    with Image.open(samples["photo_cat"]) as photograph:
        for number in range(12):
            for size in (None, *SIZES):
                colour = draw(photograph.convert("RGB"), generator(5, "a", number), size)
                gray = draw(photograph.convert("L"), generator(5, "a", number), size)
                assert (colour is None) == (gray is None)
                if colour is not None and gray is not None:
                    assert (colour[1], colour[0].size) == (gray[1], gray[0].size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", [(320, 320), (481, 321), (900, 700), (2000, 300)])
def test_draws_have_the_size_that_was_asked_for(size: str, shape: tuple[int, int]) -> None:
    blank = Image.new("L", shape)
    found = [draw(blank, generator(1, number), size) for number in range(20)]
    assert any(found)
    for past in found:
        if past is not None:
            assert size_of(tile_count(past[0].height, past[0].width)) == size


def test_every_history_is_drawn_as_often_as_stated() -> None:
    blank = Image.new("L", (200, 200))
    pasts = [draw(blank, generator(0, i)) for i in range(600)]
    names = [past[1] for past in pasts if past is not None]
    assert len(names) == 600
    for name, share in MIX.items():
        assert names.count(name) / 600 == pytest.approx(share, abs=0.06)
    only = [draw(blank, generator(0, i), mixed=False) for i in range(20)]
    assert {past[1] for past in only if past is not None} == {"as_is"}


def test_near_duplicates_are_one_scene(samples: Samples, tmp_path: Path) -> None:
    with Image.open(samples["photo_cat"]) as cat, Image.open(samples["photo_coffee"]) as coffee:
        cat.save(tmp_path / "a.png")
        coffee.save(tmp_path / "b.png")
        cat.convert("RGB").resize((200, 160)).save(tmp_path / "c.jpg", quality=60)
        cat.convert("RGB").rotate(180).save(tmp_path / "d.png")
    groups = scenes([tmp_path / name for name in ("a.png", "b.png", "c.jpg", "d.png")])
    assert groups[0] == groups[2]
    assert len(set(groups.tolist())) == 3


def test_views_come_from_the_cache_and_do_not_depend_on_names_or_neighbours(samples: Samples, tmp_path: Path) -> None:
    for name in ("x.png", "y.png"):
        (tmp_path / name).write_bytes(samples["palette_cat"].read_bytes())
    (tmp_path / "z.jpg").write_bytes(samples["oriented_coffee"].read_bytes())
    sizes = ("few", "some")
    first = all_views([tmp_path / "x.png"], sizes, seed=3, cache=tmp_path / "cache")
    again = all_views([tmp_path / "z.jpg", tmp_path / "y.png"], sizes, seed=3, cache=tmp_path / "cache")
    assert len(again) == 2
    assert [(v.size, v.history, v.image.gray) for v in first[0]] == [(v.size, v.history, v.image.gray) for v in again[1]]
    for one, two in zip(first[0], again[1], strict=True):
        np.testing.assert_array_equal(one.image.tiles, two.image.tiles)


def test_the_foreign_features_that_ship_round_trip(tmp_path: Path) -> None:
    foreign = read()
    assert set(foreign) == set(KINDS)
    write(tmp_path / "again.safetensors", foreign)
    for kind, images in read(tmp_path / "again.safetensors").items():
        np.testing.assert_array_equal(images.whole, foreign[kind].whole)
        assert images.tiles.shape[1] < images.whole.shape[1]
        assert images.owners.max() < len(images.whole)
        half = images.select(np.arange(len(images.whole)) % 2 == 0)
        assert len(half.whole) == -(-len(images.whole) // 2)
        assert half.owners.max() < len(half.whole)


def test_composites_say_where_they_are_foreign(samples: Samples) -> None:
    with Image.open(samples["photo_astronaut"]) as image, Image.open(samples["chart_rates"]) as chart:
        photograph = image.convert("RGB")
        for seed in range(6):
            for made, box in (
                composites.caption(photograph, generator(seed, "c")),
                composites.beside(photograph, chart, generator(seed, "b")),
            ):
                assert made.size == photograph.size
                changed = np.abs(np.asarray(made, int) - np.asarray(photograph, int)).sum(2) > 0
                left, upper, right, lower = box
                inside = np.zeros_like(changed)
                inside[max(0, upper - 5) : lower + 5, max(0, left - 5) : right + 5] = True
                assert changed.any()
                assert not (changed & ~inside).any()


@pytest.mark.parametrize("kind", patterns.KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_every_kind_of_pattern_fills_its_size(kind: patterns.Kind, seed: int) -> None:
    plane = kind(generator(seed, "pattern"), 61, 90)
    assert plane.shape == (61, 90)
    assert np.isfinite(plane).all()
    assert plane.std() > 0


def test_patterns_are_pictures_and_the_same_for_the_same_seed() -> None:
    made = [patterns.pattern(generator(seed, "pattern")) for seed in range(12)]
    assert {image.mode for image in made} == {"RGB"}
    assert all(patterns.SIDES[0] <= side <= patterns.SIDES[1] for image in made for side in image.size)
    assert len({image.tobytes() for image in made}) == 12
    assert patterns.pattern(generator(3, "pattern")).tobytes() == made[3].tobytes()
    gray = [bool((np.ptp(np.asarray(image), axis=2) == 0).all()) for image in made]
    assert any(gray)
    assert not all(gray)
