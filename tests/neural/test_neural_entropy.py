"""The entropy path: exact tables, escapes, and an independent decoder written from docs/FORMAT.md."""

from __future__ import annotations

from math import erf, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from router.codecs.neural.entropy import MAX_SYMBOL, EntropyCoder
from router.codecs.neural.tables import SCALE_COUNT, EntropyTables, FrequencyTable, gaussian_tables, quantise, trimmed
from router.codecs.neural.weights import LoadedModel
from router.errors import ArtefactError, StreamError

MASK = 2**64 - 1
FLAT_2 = FrequencyTable(0, np.full(2, 1 << 23))
FLAT_32 = FrequencyTable(0, np.full(32, 1 << 19))


@pytest.fixture(scope="module")
def tables() -> EntropyTables:
    laplace = np.exp(-np.abs(np.arange(-40, 41)) / 3.0)
    z = tuple(trimmed(-40, laplace / laplace.sum()) for _ in range(3))
    return EntropyTables(z, gaussian_tables(), np.zeros(3, np.int64))


@pytest.fixture(scope="module")
def coder(tables: EntropyTables) -> EntropyCoder:
    return EntropyCoder(tables)


class ReferenceDecoder:
    """The range decoder of docs/FORMAT.md, one symbol at a time."""

    def __init__(self, data: bytes) -> None:
        self.words = np.frombuffer(data, "<u4").tolist()
        self.lower, self.range = 0, MASK
        self.point = self.word() << 32 | self.word()

    def word(self) -> int:
        return self.words.pop(0) if self.words else 0

    def index(self, table: FrequencyTable) -> int:
        scale = self.range >> 24
        quantile = (self.point - self.lower & MASK) // scale
        cumulative = np.concatenate([[0], np.cumsum(table.counts)])
        k = int(np.searchsorted(cumulative, quantile, side="right")) - 1
        self.lower = self.lower + scale * int(cumulative[k]) & MASK
        self.range = scale * int(table.counts[k])
        if self.range < 1 << 32:
            self.lower, self.range = self.lower << 32 & MASK, self.range << 32
            self.point = self.point << 32 & MASK | self.word()
        return k

    def groups(self, tables: list[FrequencyTable]) -> list[int]:
        """One symbol for each table given, then the escaped values."""
        values, escaped = [], []
        for at, table in enumerate(tables):
            k = self.index(table)
            if k == table.symbols:
                escaped.append(at)
            values.append(table.low + k)
        classes = [self.index(FLAT_32) for _ in escaped]
        negative = [self.index(FLAT_2) for _ in escaped]
        for at, length, sign in zip(escaped, classes, negative, strict=True):
            value = 1
            for _ in range(length):
                value = value << 1 | self.index(FLAT_2)
            table = tables[at]
            values[at] = table.low - value if sign else table.low + table.symbols - 1 + value
        return values


def tile(seed: int, wild: float) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8]]:
    """Hyper-latents (3, 2, 3), symbols (4, 8, 12) and scales; a share `wild` of the symbols is anything at all."""
    rng = np.random.default_rng(seed)
    scales = rng.integers(0, SCALE_COUNT, (4, 8, 12)).astype(np.uint8)
    symbols = np.rint(rng.normal(0, 0.11 * (600 / 0.11) ** (scales / 63)))
    anything = rng.integers(-MAX_SYMBOL, MAX_SYMBOL + 1, symbols.shape)
    symbols = np.where(rng.random(symbols.shape) < wild, anything, symbols).astype(np.int32)
    z = np.where(
        rng.random((3, 2, 3)) < wild, rng.integers(-MAX_SYMBOL, MAX_SYMBOL + 1, (3, 2, 3)), rng.integers(-9, 10, (3, 2, 3))
    )
    return z.astype(np.int32), symbols, scales


@given(seed=st.integers(0, 2**32 - 1), wild=st.sampled_from([0.0, 0.01, 0.5, 1.0]))
@settings(max_examples=40, deadline=None)
def test_any_integers_round_trip(coder: EntropyCoder, seed: int, wild: float) -> None:
    z, symbols, scales = tile(seed, wild)
    reader = coder.reader(coder.encode(z, symbols, scales))
    assert np.array_equal(reader.hyper(2, 3), z)
    assert np.array_equal(reader.latents(scales), symbols)


@pytest.mark.parametrize("wild", [0.0, 0.1])
def test_an_independent_decoder_reads_the_stream(tables: EntropyTables, coder: EntropyCoder, wild: float) -> None:
    z, symbols, scales = tile(5, wild)
    reference = ReferenceDecoder(coder.encode(z, symbols, scales))
    assert reference.groups([tables.z[k] for k in range(3) for _ in range(6)]) == z.reshape(-1).tolist()
    order = sorted(range(scales.size), key=lambda i: (scales.flat[i], i))
    assert reference.groups([tables.y[scales.flat[i]] for i in order]) == symbols.reshape(-1)[order].tolist()


@given(words=st.binary(max_size=400), seed=st.integers(0, 99))
@settings(max_examples=80, deadline=None)
def test_noise_is_read_or_refused(coder: EntropyCoder, words: bytes, seed: int) -> None:
    _, _, scales = tile(seed, 0)
    try:
        reader = coder.reader(words)
        assert reader.hyper(2, 3).shape == (3, 2, 3)
        assert np.abs(reader.latents(scales)).max() <= MAX_SYMBOL
    except StreamError:
        return


def test_tables_are_exact_and_close_to_the_gaussian() -> None:
    for i, table in enumerate(gaussian_tables()):
        scale = 0.11 * (600 / 0.11) ** (i / 63)
        assert table.counts.sum() == 1 << 24
        assert table.counts.min() >= 1
        uneven = table.counts[:-1] != table.counts[-2::-1]
        assert uneven.sum() in (0, 2)  # what rounding leaves goes to one symbol
        k = np.arange(table.symbols) + table.low
        p = np.array([0.5 * (erf((v + 0.5) / scale / sqrt(2)) - erf((v - 0.5) / scale / sqrt(2))) for v in k])
        q = table.counts[:-1] / 2.0**24
        divergence = (p * np.log2(np.maximum(p, 1e-300) / q)).sum()
        assert 0 <= divergence + 1e-9 < 1e-3


@given(st.integers(-50, 50), st.lists(st.floats(0, 1), min_size=2, max_size=40).filter(lambda p: sum(p) > 0))
@settings(max_examples=60, deadline=None)
def test_any_distribution_becomes_a_table(low: int, pmf: list[float]) -> None:
    table = quantise(low, np.array(pmf))
    assert table.counts.sum() == 1 << 24
    assert table.counts.min() >= 1


def test_tables_survive_storage_and_damage_is_seen(tables: EntropyTables) -> None:
    arrays = tables.to_arrays()
    again = EntropyTables.from_arrays(arrays, 3)
    for a, b in zip((*tables.z, *tables.y), (*again.z, *again.y), strict=True):
        assert a.low == b.low
        assert np.array_equal(a.counts, b.counts)
    for name in arrays:
        broken = {k: v.copy() for k, v in arrays.items()}
        broken[name] = broken[name][:-1]
        with pytest.raises(ArtefactError):
            EntropyTables.from_arrays(broken, 3)
    arrays["tables.y.count"][7] += 1
    with pytest.raises(ArtefactError):
        EntropyTables.from_arrays(arrays, 3)


def test_the_prior_does_not_depend_on_the_thread_count(model: LoadedModel) -> None:
    import torch

    hyper = np.random.default_rng(0).integers(-6, 7, (model.card.config.hyper, 4, 4)).astype(np.int32)
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(model.network.prior(hyper, 40_000))
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(found[0][0], found[1][0])
    assert np.array_equal(found[0][1], found[1][1])
