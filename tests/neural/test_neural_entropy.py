"""Entropy coding: any integers come back, skipped scales cost nothing, tables are exact, damage is seen."""

from __future__ import annotations

from math import erf, sqrt
from typing import Any

import numpy as np
import pytest
import reference_reader as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from router.codecs.neural.entropy import MAX_SYMBOL, EntropyCoder
from router.codecs.neural.tables import SCALE_COUNT, EntropyTables, gaussian_tables, quantise, trimmed
from router.errors import ArtefactError, StreamError

Pass = tuple[NDArray[np.int32], NDArray[np.uint8]]
SKIPPED = 2


def tables_with(skipped: int) -> EntropyTables:
    laplace = np.exp(-np.abs(np.arange(-40, 41)) / 3.0)
    z = tuple(trimmed(-40, laplace / laplace.sum()) for _ in range(3))
    return EntropyTables(z, gaussian_tables(), np.zeros(3, np.int64), skipped)


@pytest.fixture(scope="module")
def tables() -> EntropyTables:
    return tables_with(SKIPPED)


@pytest.fixture(scope="module")
def coder(tables: EntropyTables) -> EntropyCoder:
    return EntropyCoder(tables)


def tile(seed: int, wild: float, skipped: int = SKIPPED) -> tuple[NDArray[np.int32], tuple[Pass, Pass]]:
    """Hyper-latents (2, 3, 3), and two passes of 200 symbols and scales; a share `wild` of the integers is anything at all."""
    rng = np.random.default_rng(seed)

    def mixed(values: NDArray[np.floating[Any]]) -> NDArray[np.int32]:
        anything = rng.integers(-MAX_SYMBOL, MAX_SYMBOL + 1, values.shape)
        return np.where(rng.random(values.shape) < wild, anything, np.rint(values)).astype(np.int32)

    def one_pass() -> Pass:
        scales = rng.integers(0, SCALE_COUNT, 200).astype(np.uint8)
        symbols = mixed(rng.normal(0, 0.11 * (600 / 0.11) ** (scales / 63)))
        symbols[scales < skipped] = 0
        return symbols, scales

    return mixed(rng.laplace(0, 3, (2, 3, 3))), (one_pass(), one_pass())


def encoded(coder: EntropyCoder, z: NDArray[np.int32], passes: tuple[Pass, ...]) -> bytes:
    writer = coder.writer()
    writer.hyper(z)
    for symbols, scales in passes:
        writer.latents(symbols, scales)
    return writer.finish()


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.01, 0.5, 1.0]), st.sampled_from([0, 1, SKIPPED, SCALE_COUNT - 1]))
@settings(max_examples=60, deadline=None)
def test_any_integers_round_trip(seed: int, wild: float, skipped: int) -> None:
    coder = EntropyCoder(tables_with(skipped))
    z, passes = tile(seed, wild, skipped)
    reader = coder.reader(encoded(coder, z, passes))
    assert np.array_equal(reader.hyper(2, 3), z)
    for symbols, scales in passes:
        assert np.array_equal(reader.latents(scales), symbols)
    reader.finish()


def test_skipped_scales_cost_nothing(coder: EntropyCoder) -> None:
    z, passes = tile(3, 0.1)
    data = encoded(coder, z, passes)
    fewer = tuple((symbols[scales >= SKIPPED], scales[scales >= SKIPPED]) for symbols, scales in passes)
    assert min(len(symbols) for symbols, _ in fewer) < 200
    assert encoded(coder, z, fewer) == data
    nothing = np.zeros(1000, np.int32), np.full(1000, SKIPPED - 1, np.uint8)
    assert encoded(coder, z, (nothing, nothing)) == encoded(coder, z, ())


@pytest.mark.parametrize("wild", [0.0, 0.1])
def test_an_independent_decoder_reads_the_stream(tables: EntropyTables, coder: EntropyCoder, wild: float) -> None:
    z, passes = tile(5, wild)
    decoder = reference.RangeDecoder(encoded(coder, z, passes))
    of_z, of_y = ([reference.Table.of(t.low, t.counts.tolist()) for t in group] for group in (tables.z, tables.y))
    assert decoder.run([of_z[k] for k in range(3) for _ in range(6)]) == z.transpose(2, 0, 1).reshape(-1).tolist()
    for symbols, scales in passes:
        order = sorted(np.flatnonzero(scales >= SKIPPED).tolist(), key=lambda i: (scales[i], i))
        assert decoder.run([of_y[scales[i]] for i in order]) == symbols[order].tolist()
    decoder.finish()


@given(words=st.binary(max_size=400), seed=st.integers(0, 99))
@settings(max_examples=80, deadline=None)
def test_noise_is_read_or_refused(coder: EntropyCoder, words: bytes, seed: int) -> None:
    _, passes = tile(seed, 0)
    try:
        reader = coder.reader(words)
        assert reader.hyper(2, 3).shape == (2, 3, 3)
        for _, scales in passes:
            assert np.abs(reader.latents(scales)).max() <= MAX_SYMBOL
        reader.finish()
    except StreamError:
        return


def test_a_stream_that_is_too_long_is_refused(coder: EntropyCoder) -> None:
    z, passes = tile(6, 0)
    data = encoded(coder, z, passes)
    for more in (b"\1\2\3\4" * 3, b"\xff" * 8, bytes(12)):
        reader = coder.reader(data + more)
        assert np.array_equal(reader.hyper(2, 3), z)
        for _, scales in passes:
            reader.latents(scales)
        with pytest.raises(StreamError, match="longer"):
            reader.finish()
    with pytest.raises(StreamError, match="multiple of 4"):
        coder.reader(data + b"\0")


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
    assert again.skipped == SKIPPED
    for a, b in zip((*tables.z, *tables.y), (*again.z, *again.y), strict=True):
        assert a.low == b.low
        assert np.array_equal(a.counts, b.counts)
    for name in arrays:
        broken = {k: v.copy() for k, v in arrays.items()}
        broken[name] = broken[name][:-1]
        with pytest.raises(ArtefactError):
            EntropyTables.from_arrays(broken, 3)
    for skipped in (-1, SCALE_COUNT):
        with pytest.raises(ArtefactError):
            EntropyTables.from_arrays(arrays | {"tables.y.skipped": np.array([skipped])}, 3)
    arrays["tables.y.count"][7] += 1
    with pytest.raises(ArtefactError):
        EntropyTables.from_arrays(arrays, 3)
