"""Every test here has a cache folder of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sample_set import Samples

from router.prediction.costs.store import ENVIRONMENT


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv(ENVIRONMENT, str(folder))
    return folder


@pytest.fixture(scope="session")
def photo(samples: Samples) -> np.ndarray:
    with Image.open(samples["photo_cat"]) as image:
        return np.asarray(image.convert("RGB"))[:160, :224]
