"""The evaluation's replay against the product: what it says comes of an image is what `compress` makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sample_set import SAMPLES

import router
from router.evaluation.comparison.decisions import decide_all
from router.evaluation.comparison.matched import images
from router.evaluation.comparison.oracle import SOURCE, family_of
from router.evaluation.comparison.routing import routed
from router.evaluation.measure.folder import measure_folder
from router.evaluation.measure.pictures import pictures_in
from router.policy.load import load

SIDE, LEAST = 160, 224
TARGET = 60.0
FAMILIES = ("jpeg", "webp", "png", "webp-lossless")
_SMALLEST = {"lane": "lossless", "codecs": ["png", "webp-lossless"], "choose": "smallest"}
_CLASSICAL = {"lane": "classical", "codecs": ["webp", "jpeg"]}
POLICY = {
    "schema_version": 1,
    "name": "replayed",
    "rules": [
        {"name": "graphics", "when": "image.colours <= 700 && !image.gray", "then": {"lanes": [_SMALLEST]}},
        {"name": "kept", "when": "image.gray && image.colours > 200", "then": {"lanes": [{"lane": "passthrough"}]}},
    ],
    "otherwise": {"lanes": [_CLASSICAL, {"lane": "lossless", "codecs": ["png"]}]},
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two crops of each sample that is large enough, some forty in all."""
    folder = tmp_path_factory.mktemp("replay") / "crops"
    folder.mkdir()
    for path in sorted(SAMPLES.iterdir()):
        with Image.open(path) as image:
            if image.mode not in ("L", "RGB", "RGBA") or min(image.size) < LEAST:
                continue
            image.info.clear()
            for number, (left, top) in enumerate(((0, 0), (image.width - SIDE, image.height - SIDE))):
                image.crop((left, top, left + SIDE, top + SIDE)).save(folder / f"{path.stem}-{number}.png")
    found = sorted(folder.iterdir())
    assert len(found) >= 36
    return found


@pytest.mark.slow
def test_the_replay_says_what_compress_does(pictures: list[Path]) -> None:
    folder, policy = pictures[0].parent, load(POLICY)
    frame = measure_folder(folder, folder.parent / "cache", FAMILIES, targets=(TARGET,))
    decided = decide_all(pictures_in([folder]), [policy], (TARGET,))
    said = routed(frame, decided, [policy]).set_index("image")
    real = router.Router(POLICY)
    curves = {image: by_family for _, image, by_family in images(frame)}
    errors = []
    for path in pictures:
        encoded, row = real.compress(path, quality=TARGET, metadata="strip"), said.loc[path.name]
        assert encoded.record.policy is not None
        assert (row["rule"], row["lane"]) == (encoded.record.policy.rule, encoded.record.lane), path.name
        assert row["family"] == (SOURCE if row["lane"] == "passthrough" else family_of(encoded.record.codec)), path.name
        if row["lane"] == "classical":
            assert encoded.record.target is not None
            assert encoded.record.target.achieved is not None
            expected = curves[path.name][row["family"]].bytes_at("ssimulacra2", encoded.record.target.achieved)
            errors.append(len(encoded.data) / expected - 1)
        else:
            assert row["bytes"] == pytest.approx(len(encoded.data)), path.name
    assert {"classical", "lossless", "passthrough"} == set(said["lane"])
    # Small pictures have coarse curves: what is said of interpolated bytes in the mean holds, of a single one not.
    assert abs(np.mean(errors)) < 0.013
    assert np.max(np.abs(errors)) < 0.25
