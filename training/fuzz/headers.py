"""Headers of images and what a file holds beside its picture; nothing is decoded."""

from __future__ import annotations

from router.errors import RouterError
from router.images import left_behind as extra_data
from router.images.probe import probe
from training.fuzz.samples import repaired, seeds
from training.fuzz.target import FuzzTarget


def _run(data: bytes) -> None:
    data = repaired(data)
    try:
        header = probe(data)
    except RouterError:
        return
    assert header.width > 0, "no width"
    assert header.height > 0, "no height"
    assert extra_data.holds_only_picture(data, header.format) in (True, False)


TARGET = FuzzTarget(_run, seeds())
