"""The check of predictions: pictures of a size from photographs, every size and codec in turn, and no run that cannot end."""

from __future__ import annotations

import json
import math
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cost_files import entry, model
from sample_set import SAMPLES

from router.prediction.costs.model import CODEC, CostLine
from router.prediction.costs.store import NONE, Costs
from router.quality.target import Target
from training.costs import check
from training.costs.measure import CostRow, rows, title
from training.costs.pictures import CELL, PhotographFolder
from training.costs.table import table

SIZES = (0.02, 0.05)
CODECS: tuple[tuple[str, dict[str, Any]], ...] = (("jpeg", {}), ("avif", {"speed": 9}), ("png", {}))


def costs(seconds: float) -> Costs:
    return Costs(model(*(entry(CODEC, name, settings, encode=CostLine(seconds, 0.0)) for name, settings in CODECS)))


@pytest.fixture(scope="module")
def photographs() -> PhotographFolder:
    return PhotographFolder(SAMPLES)


@pytest.mark.parametrize("megapixels", [0.02, 0.4, 2.0])
def test_mosaics_have_their_size_and_differ(photographs: PhotographFolder, megapixels: float) -> None:
    first, again, second = (photographs.mosaic(megapixels, number).pixels for number in (0, 0, 1))
    assert first.shape[2] == 3
    assert first.dtype == np.uint8
    assert first.shape[0] * first.shape[1] / 1e6 == pytest.approx(megapixels, rel=0.02)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


def test_a_large_mosaic_shows_many_photographs(photographs: PhotographFolder) -> None:
    pixels = photographs.mosaic(1.0, 0).pixels
    corners = [pixels[r : r + 64, c : c + 64].tobytes() for r in (0, CELL[0]) for c in (0, CELL[1])]
    assert len(set(corners)) == 4


def test_a_folder_without_photographs(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        PhotographFolder(tmp_path)


def test_every_size_and_codec_comes_once_before_any_comes_again(photographs: PhotographFolder) -> None:
    found = rows(photographs, costs(1e-4), SIZES, Target.quality(40), 1, math.inf, time.perf_counter, CODECS)
    first = list(islice(found, len(SIZES) * len(CODECS)))
    assert [(r.size, r.codec) for r in first] == [(s, title(*c)) for s in SIZES for c in CODECS]
    assert {r.number for r in first} == {0}
    assert next(found).number == 1
    assert all(r.real > 0 and r.wall > 0 and r.encodings >= 1 for r in first)
    assert all(r.predicted == pytest.approx(r.encodings * 1e-4) for r in first)


@pytest.mark.parametrize(("known", "seconds_left"), [(costs(1000.0), 60.0), (costs(1e-4), -1.0), (NONE, math.inf)])
def test_what_cannot_end_or_is_not_known_does_not_begin(photographs: PhotographFolder, known: Costs, seconds_left: float) -> None:
    deadline = time.monotonic() + seconds_left
    assert list(rows(photographs, known, SIZES, Target.quality(40), 1, deadline, time.perf_counter, CODECS)) == []


def test_the_table() -> None:
    def row(codec: str, size: float, real: float) -> CostRow:
        return CostRow(
            codec, size, 0, 1, encodings=2, real=real, wall=real, cpu=real, predicted=2.0, foreseen=2.0, low=0.7, high=1.45
        )

    shown = table([row("png", 0.4, 2.0), row("png", 0.4, 2.4), row("png", 12.0, 4.0), row("ncr", 0.4, 1.0)])
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in shown.split("\n")]
    assert lines[0][:4] == ["codec", "0.4 MP", "12 MP", "all"]
    assert lines[2][:4] == ["png", "1.10, 2 of 2", "2.00, 0 of 1", "1.20, 2 of 3"]
    assert lines[3][:4] == ["ncr", "0.50, 0 of 1", "-", "0.50, 0 of 1"]
    assert lines[4][3].endswith("2 of 4")


def test_the_command_where_nothing_is_known(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "report" / "costs.json"
    check.main(["--data", str(SAMPLES), "--stored", "--threads", "1,4096", "--sizes", "0.02", "--out", str(out)])
    assert json.loads(out.read_text()) == []
    shown = capfd.readouterr().out
    assert "nothing was measured" in shown
    assert "4096 threads: left out" in shown
    assert [p.name for p in out.parent.iterdir()] == ["costs.json"]
