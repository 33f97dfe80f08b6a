"""Damaged images through policies; what comes out is read again."""

from __future__ import annotations

import warnings

import router
from router.errors import RouterError
from training.fuzz.samples import LIMITS, repaired, seeds
from training.fuzz.target import FuzzTarget


def _run(data: bytes) -> None:
    policy, record = ("web", "archival", "medical")[len(data) % 3], ("full", "short")[len(data) // 3 % 2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # libraries warn of damage, which is what we make
        try:
            encoded = router.compress(repaired(data), policy=policy, quality=30, record=record, limits=LIMITS)
        except RouterError:
            return
    if encoded.record.lane != "passthrough":
        found = router.inspect(encoded.data)
        assert found.to_short() == encoded.record.to_short(), "another record"
        assert record == "short" or found == encoded.record, "another record"
        assert router.decompress(encoded.data, as_array=True, limits=LIMITS).size > 0, "no pixels"


TARGET = FuzzTarget(_run, seeds())
