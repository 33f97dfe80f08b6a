"""Fixtures shared by all tests."""

from __future__ import annotations

import pytest
from sample_set import SAMPLES, Samples


@pytest.fixture(scope="session")
def samples() -> Samples:
    return Samples(SAMPLES)
