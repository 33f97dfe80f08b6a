"""JSON that comes from files: decision records, logs, the measured costs of a machine."""

from __future__ import annotations

import json
from contextlib import suppress

import numpy as np

import router
from router.detector.drift import drift, last_p_values
from router.errors import RouterError
from router.prediction.costs.model import CostModel
from router.record import DecisionRecord
from training.fuzz.target import FuzzTarget


def run(data: bytes) -> None:
    """Read it as each of these; a record that is read is written again as it was read."""
    with suppress(RouterError):
        record = DecisionRecord.from_json(data)
        with suppress(ValueError):  # numbers that are not finite have no JSON: nothing that we wrote holds any
            assert DecisionRecord.from_json(record.to_json()).lane == record.lane
    with suppress(RouterError):
        CostModel.from_json(data)
    with suppress(RouterError):
        values = last_p_values(data.decode("utf-8", "replace").splitlines(), "photo-3", 1000)
        drift(values * 40, 200)


def _run_record() -> bytes:
    return router.compress(np.zeros((16, 16, 3), np.uint8), codec="png").run.to_json().encode()


def _seeds() -> tuple[bytes, ...]:
    line = json.loads(_run_record())
    scores = {"detector": "photo-3", "ood_score": 1.0, "p_value": 0.5, "in_distribution": True}
    log = json.dumps({**line, "record": {**line["record"], "scores": scores}}).encode()
    costs = {"schema_version": 1, "machine": {}, "entries": [], "measured_at": "", "start_up": 1.0, "waiting": 1.0}
    return json.dumps(line["record"]).encode(), log + b"\n" + log + b"\n", json.dumps(costs).encode()


TARGET = FuzzTarget(
    run,
    _seeds(),
    (
        b"[" * 3000,
        b'{"a":' * 3000,
        b"1e999",
        b"NaN",
        b"-Infinity",
        b"9" * 5000,
        b'"\\ud800"',
        b"null",
        b"{}",
        b"[]",
        b"true",
        b'"p_value": 0',
        b'"schema_version": 2',
        b'"scores": null',
        b'"record": []',
        b"\xff",
        b"\n",
    ),
)
