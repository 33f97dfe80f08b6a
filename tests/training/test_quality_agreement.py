"""The check of our SSIMULACRA2 against the published package."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.sample_set import Samples
from training.quality import agreement


def test_every_pair_is_measured_and_close(samples: Samples, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photo").mkdir()
    for name in ("photo_cat", "gray_coins"):
        shutil.copy(samples[name], tmp_path / "photo")
    agreement.main(["--data", str(tmp_path), "--pairs", "4", "--side", "160"])
    printed = capsys.readouterr().out
    assert "4 pairs" in printed
    rows = [line.split("|") for line in printed.splitlines() if line.startswith("| photo/")]
    assert len(rows) == 4
    differences = [abs(float(row[5])) for row in rows]
    assert differences == sorted(differences, reverse=True)
    assert max(differences) < 0.5
    assert all(abs(float(row[3]) - float(row[4])) == pytest.approx(abs(float(row[5])), abs=2e-3) for row in rows)
