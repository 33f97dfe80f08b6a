from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from sample_set import Samples

from training.detector import sources


@pytest.fixture
def data(samples: Samples, tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "dev" / "natural"
    folder.mkdir(parents=True)
    for source, name in (("one", "photo_cat"), ("one", "photo_coffee"), ("two", "portrait_hopper")):
        with Image.open(samples[name]) as photograph:
            photograph.convert("RGB").crop((0, 0, 300, 240)).save(folder / f"{source}__{name}.png")
    return tmp_path / "data"


def test_every_source_and_history_gets_a_row(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources.main(["--data", str(data), "--cache", str(tmp_path / "cache")])
    rows = {line.split("|")[1].strip(): line for line in capsys.readouterr().out.splitlines()}
    assert {"one", "two"} < set(rows)
    for name in ("one", "two"):
        cells = rows[name].split("|")
        assert int(cells[2]) >= 4  # in gray and in colour, in two sizes at least
        assert all(0 <= float(cell.split()[0]) <= 1 for cell in cells[3:6])
