"""The benchmark of many images runs, and its tables are what it says."""

from __future__ import annotations

import re

import pytest

from training import kills
from training.fleet import main


def test_what_is_done_is_passed_over(capsys: pytest.CaptureFixture[str]) -> None:
    main(["skip", "--count", "40"])
    *_, row = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\| 41 \| [\d.]+ \| \d+ \| \d+ \|", row)


def test_nothing_is_lost_to_kills(capsys: pytest.CaptureFixture[str]) -> None:
    kills.main(["--kills", "2", "--images", "120"])
    *_, row = capsys.readouterr().out.splitlines()
    cells = [int(cell) for cell in row.strip("| ").split(" | ")]
    assert cells[0] == 120
    assert 1 <= cells[1] + cells[2] <= 2
    assert (cells[3], cells[4], *cells[6:]) == (0, 0, 0, 0)
