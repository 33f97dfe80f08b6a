"""The benchmark of many images runs, and its tables are what it says."""

from __future__ import annotations

import re

import pytest

from training.fleet import main


def test_what_is_done_is_passed_over(capsys: pytest.CaptureFixture[str]) -> None:
    main(["skip", "--count", "40"])
    *_, row = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\| 41 \| [\d.]+ \| \d+ \| \d+ \|", row)
