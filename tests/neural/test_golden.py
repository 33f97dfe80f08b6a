"""Files that were written once decode for ever: the same latents, and in integers the same pixels, bit for bit."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router.codecs.neural import weights
from router.codecs.neural.codec import NeuralCodec
from router.containers import ncr as container

GOLDEN = Path(__file__).parent / "golden"
SETS = sorted(file.parent.name for file in GOLDEN.glob("*/expected.json"))
FILES = [(name, stem) for name in SETS for stem in json.loads((GOLDEN / name / "expected.json").read_text())["files"]]


@pytest.fixture(autouse=True)
def golden_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.ENVIRONMENT, str(GOLDEN / "models"))


def expected(name: str, stem: str) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads((GOLDEN / name / "expected.json").read_text())["files"][stem]
    return entry


def test_there_are_golden_files_of_this_format() -> None:
    versions = {container.parse((GOLDEN / name / f"{stem}.ncr").read_bytes()).header.version for name, stem in FILES}
    assert container.VERSION in versions


@pytest.mark.parametrize(("name", "stem"), FILES)
def test_golden_file(name: str, stem: str) -> None:
    data = (GOLDEN / name / f"{stem}.ncr").read_bytes()
    exact = NeuralCodec(decoding="exact").decode(data).pixels  # the latent checksums are checked on the way
    assert list(exact.shape) == expected(name, stem)["shape"]
    assert hashlib.sha256(exact.tobytes()).hexdigest() == expected(name, stem)["sha256"]
    reference = NeuralCodec().decode(data).pixels
    assert np.abs(reference.astype(int) - exact).max() <= 2
