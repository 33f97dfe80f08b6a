"""Fixtures shared by all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from sample_set import SAMPLES, Samples


@pytest.fixture(scope="session")
def samples() -> Samples:
    return Samples(SAMPLES)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """The images of the neural lane are small here: more threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
