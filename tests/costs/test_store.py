"""The stored model: the same after a round trip, void when anything it depends on has changed, harmless when damaged."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cost_files import entry, known, model
from hypothesis import given, settings
from hypothesis import strategies as st

import router
from router.errors import ArtefactError
from router.prediction.costs import store
from router.prediction.costs.machine import this_machine
from router.prediction.costs.model import CODEC, GUARD, PARTS, SCORE, Band, CostEntry, CostLine, CostModel, Machine

seconds = st.floats(0, 1e6, allow_nan=False)
lines = st.builds(CostLine, seconds, seconds, seconds)
texts = st.text(max_size=12)
entries = st.sampled_from([CODEC, SCORE, GUARD]).flatmap(
    lambda kind: st.builds(
        CostEntry,
        kind=st.just(kind),
        name=texts,
        settings=st.dictionaries(texts, st.integers() | texts | st.booleans(), max_size=3),
        parts=st.fixed_dictionaries(dict.fromkeys(PARTS[kind], lines)),
        band=st.builds(Band, st.floats(0, 1), st.floats(1, 50)),
        samples=st.integers(1, 99),
        megapixels=seconds,
        versions=st.dictionaries(texts, texts, max_size=3),
        threads=st.none() | st.integers(1, 64),
    )
)
models = st.builds(
    CostModel,
    machine=st.builds(Machine, texts, texts, st.integers(1, 512), texts),
    measured_at=texts,
    start_up=seconds,
    waiting=seconds,
    entries=st.lists(entries, max_size=4, unique_by=lambda e: e.key).map(tuple),
)


@settings(deadline=None)
@given(models)
def test_a_round_trip_changes_nothing(cost_model: CostModel) -> None:
    assert CostModel.from_json(cost_model.to_json()) == cost_model


@settings(deadline=None)
@given(lines, st.floats(0, 1000), st.floats(0, 1000))
def test_a_larger_picture_never_costs_less(line: CostLine, a: float, b: float) -> None:
    assert line.at(min(a, b)) <= line.at(max(a, b)) * (1 + 1e-12)


def test_what_was_saved_is_found(cache: Path) -> None:
    saved = known(avif=1.0)
    assert store.load().model == saved
    assert [p.parent for p in cache.iterdir()] == [cache]
    changed = known(avif=2.0, jpeg=1.0)
    assert store.load().model == changed
    store.cost_file().unlink()
    assert store.load().model is None
    assert store.load().problem is None


@pytest.mark.parametrize("change", [{"pillow": "1.0"}, {"avif": "0.1"}])
def test_another_version_makes_an_entry_void(change: dict[str, str]) -> None:
    fresh, other = entry(CODEC, "avif"), entry(CODEC, "png")
    store.save(model(replace(fresh, versions={**fresh.versions, **change}), other))
    found = store.load()
    assert found.find(CODEC, "avif", fresh.settings) is None
    assert found.find(CODEC, "png", other.settings) == other
    assert found.available


def test_other_weights_make_the_neural_entry_void() -> None:
    fresh = entry(CODEC, "ncr")
    assert len(fresh.versions["model"]) == 64
    store.save(model(fresh))
    assert store.load().find(CODEC, "ncr", fresh.settings) == fresh
    store.save(model(replace(fresh, versions={**fresh.versions, "model": "00" * 32})))
    assert store.load().find(CODEC, "ncr", fresh.settings) is None


def test_another_thread_count_makes_the_neural_entry_void() -> None:
    import torch

    fresh = replace(entry(CODEC, "ncr"), threads=torch.get_num_threads())
    store.save(model(fresh))
    assert store.load().find(CODEC, "ncr", fresh.settings) == fresh
    store.save(model(replace(fresh, threads=torch.get_num_threads() + 1)))
    assert store.load().find(CODEC, "ncr", fresh.settings) is None


def test_another_thread_count_of_the_process_is_another_file(monkeypatch: pytest.MonkeyPatch) -> None:
    known(avif=1.0)
    here = store.cost_file()
    monkeypatch.setenv("OMP_NUM_THREADS", "63")
    assert store.cost_file() != here
    assert store.load().model is None


def _document(**changes: Any) -> bytes:
    return json.dumps({**json.loads(model(entry(CODEC, "jpeg")).to_json()), **changes}).encode()


def _first_entry(**changes: Any) -> bytes:
    document = json.loads(_document())
    document["entries"][0].update(changes)
    return json.dumps(document).encode()


DAMAGE: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "cut": lambda: _document()[:200],
    "no JSON": lambda: b"\xff\xfe",
    "deep": lambda: b"[" * 100_000,
    "a list": lambda: b"[]",
    "large": lambda: b" " * (1 << 20) + _document(),
    "no schema": lambda: _document(schema_version=None),
    "newer": lambda: _document(schema_version=3),
    "older": lambda: _document(schema_version=1),
    "no entries": lambda: _document(entries=None),
    "another machine": lambda: _document(machine={**vars(this_machine()), "processor": "another"}),
    "half a machine": lambda: _document(machine={"processor": "another"}),
    "twice": lambda: _document(entries=json.loads(_document())["entries"] * 2),
    "negative": lambda: _first_entry(seconds={"setup": [0, 0, 0], "encode": [0, 0, -1], "decode": [0, 0, 0]}),
    "endless": lambda: _document().replace(b"0.0", b"1e999"),
    "not a number": lambda: _document().replace(b"0.0", b"NaN"),
    "text": lambda: _first_entry(seconds={"setup": ["1", 0, 0], "encode": [0, 0, 0], "decode": [0, 0, 0]}),
    "two numbers": lambda: _first_entry(seconds={"setup": [0, 0], "encode": [0, 0], "decode": [0, 0]}),
    "no part": lambda: _first_entry(seconds={}),
    "another kind": lambda: _first_entry(kind="mood"),
    "band": lambda: _first_entry(band=[1.5, 2.0]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_file_that_cannot_be_used_counts_as_absent_and_the_log_says_so(photo: np.ndarray, cache: Path, damage: str) -> None:
    cache.mkdir()
    store.cost_file().write_bytes(DAMAGE[damage]())
    run = router.compress(photo, codec="jpeg", settings={"quality": 60}, quality=20).run
    assert run.costs["available"] is False
    expected = "UNSUPPORTED_VERSION" if damage in ("newer", "older") else "ARTEFACT_DAMAGED"
    assert run.costs["problem"]["code"] == expected
    assert str(cache) not in run.costs["problem"]["message"]
    assert run.attempts[0].predicted_seconds is None


def test_a_folder_in_its_place(photo: np.ndarray) -> None:
    store.cost_file().mkdir(parents=True)
    assert isinstance(store.load().problem, ArtefactError)


def test_looking_it_up_is_light() -> None:
    known(jpeg=1.0, ncr=1.0)
    code = (
        "import sys\nfrom router.prediction.costs import store\nfrom router.prediction.costs.model import CODEC\n"
        "found = store.load()\nassert found.available and found.model.entries[1].name == 'ncr'\n"
        "assert store.holds(found.model.entries[1])\n"
        "heavy = ('torch', 'cv2', 'sklearn', 'pandas', 'pyarrow', 'scipy', 'constriction')\n"
        "assert not [m for m in heavy if m in sys.modules]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
