"""Entropy coding of one tile: constriction's range coder over integer tables, one array call per table.

The coder is Martin's range coder with 32-bit words and 64-bit state (constriction `stream.queue`). A table of counts c_i >= 1
that sum to 2^24 is given to constriction as the weights c_i - 1: it then adds exactly 1 to each, so its fixed-point model is
the table itself, and another implementation needs the counts only. `docs/reference/format.md` has the coder in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from constriction import stream
from numpy.typing import NDArray

from router.codecs.neural.tables import PRECISION, SCALE_COUNT, EntropyTables, FrequencyTable
from router.errors import StreamError
from router.reasons import ReasonCode

MAX_SYMBOL = 1 << 20
"""Largest magnitude of a coded integer; keeps fixed-point latents within 32 bits."""

_CLASSES = 32


class EntropyCoder:
    """Codes hyper-latents and latents with fixed tables. Immutable after construction, shared between threads."""

    def __init__(self, tables: EntropyTables) -> None:
        self._z = [_TableModel(t) for t in tables.z]
        self._y = [_TableModel(t) for t in tables.y]
        self._skipped = tables.skipped

    def writer(self) -> StreamWriter:
        """Start a stream."""
        return StreamWriter(self._z, self._y, self._skipped)

    def reader(self, data: bytes) -> StreamReader:
        """Start decoding a stream. Raises StreamError (DAMAGED_STREAM)."""
        return StreamReader(self._z, self._y, self._skipped, data)


class StreamWriter:
    """Codes one tile: `hyper` first, then `latents` pass by pass. Any integers within +-MAX_SYMBOL, however improbable."""

    def __init__(self, z: Sequence[_TableModel], y: Sequence[_TableModel], skipped: int) -> None:
        self._z, self._y, self._skipped = z, y, skipped
        self._encoder = stream.queue.RangeEncoder()

    def hyper(self, values: NDArray[np.int32]) -> None:
        """Hyper-latents (height, width, N)."""
        _encode_groups(self._encoder, self._z, values.reshape(-1, len(self._z)).T.copy())

    def latents(self, symbols: NDArray[np.int32], scales: NDArray[np.uint8]) -> None:
        """Symbols (n,) with their scale indices; those of skipped scales must be 0."""
        order, ends = _group(scales, self._skipped)
        _encode_groups(self._encoder, self._y[self._skipped :], np.split(symbols[order], ends))

    def finish(self) -> bytes:
        """The stream: little-endian words of 32 bits."""
        words: NDArray[np.uint32] = self._encoder.get_compressed()
        return words.astype("<u4").tobytes()


class StreamReader:
    """Decodes one tile in the order of `StreamWriter`; the scales of a pass may depend on what came before."""

    def __init__(self, z: Sequence[_TableModel], y: Sequence[_TableModel], skipped: int, data: bytes) -> None:
        if len(data) % 4:
            raise _damaged("its length is not a multiple of 4")
        self._z, self._y, self._skipped = z, y, skipped
        self._decoder = stream.queue.RangeDecoder(np.frombuffer(data, "<u4").astype(np.uint32))

    def hyper(self, height: int, width: int) -> NDArray[np.int32]:
        """Hyper-latents (height, width, N). Raises StreamError (DAMAGED_STREAM)."""
        groups = _decode_groups(self._decoder, self._z, [height * width] * len(self._z))
        return np.stack(groups, axis=1).reshape(height, width, len(self._z))

    def latents(self, scales: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Symbols (n,) for scale indices (n,). Raises StreamError (DAMAGED_STREAM)."""
        order, ends = _group(scales, self._skipped)
        sizes = np.diff([0, *ends, order.size]).tolist()
        symbols = np.zeros(scales.size, np.int32)
        symbols[order] = np.concatenate(_decode_groups(self._decoder, self._y[self._skipped :], sizes))
        return symbols

    def finish(self) -> None:
        """Raise StreamError (DAMAGED_STREAM) unless the stream is used up."""
        if not self._decoder.maybe_exhausted():
            raise _damaged("it is longer than its symbols")


class _TableModel:
    """A frequency table in the coder's form."""

    def __init__(self, table: FrequencyTable) -> None:
        self.low, self.symbols = table.low, table.symbols
        self.model = _categorical(table.counts)


def _categorical(counts: NDArray[np.int64]) -> Any:
    return stream.model.Categorical((counts - 1).astype(np.float64), perfect=False)


def _flat(size: int) -> Any:
    return _categorical(np.full(size, (1 << PRECISION) // size, np.int64))


def _group(scales: NDArray[np.uint8], skipped: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Stable order of the coded symbols by scale index, and where in it the groups skipped + 1, skipped + 2, ... begin."""
    counts = np.bincount(scales, minlength=SCALE_COUNT)
    order = np.argsort(scales, kind="stable")[counts[:skipped].sum() :]
    return order, np.cumsum(counts[skipped:])[:-1]


def _encode_groups(encoder: Any, tables: Sequence[_TableModel], groups: Sequence[NDArray[np.int32]] | NDArray[np.int32]) -> None:
    """Each group with its table, escapes marked; then the escaped values of all groups in the same order."""
    excess: list[NDArray[np.int64]] = []
    negative: list[NDArray[np.bool_]] = []
    for table, values in zip(tables, groups, strict=True):
        if not len(values):
            continue
        coded = values - np.int32(table.low)
        below, above = coded < 0, coded >= table.symbols
        escaped = below | above
        if escaped.any():
            out = coded[escaped].astype(np.int64)
            excess.append(np.where(out < 0, -1 - out, out - table.symbols))
            negative.append(below[escaped])
            coded[escaped] = table.symbols
        encoder.encode(coded, table.model)
    if excess:
        _encode_escapes(encoder, np.concatenate(excess) + 1, np.concatenate(negative))


def _encode_escapes(encoder: Any, values: NDArray[np.int64], negative: NDArray[np.bool_]) -> None:
    """Elias gamma code in three runs: bit lengths, signs, then all suffix bits, most significant first."""
    classes = np.frexp(values.astype(np.float64))[1].astype(np.int32) - 1
    encoder.encode(classes, _flat(_CLASSES))
    encoder.encode(negative.astype(np.int32), _flat(2))
    owner, shift = _suffix_bits(classes)
    if len(owner):
        encoder.encode(((values[owner] >> shift) & 1).astype(np.int32), _flat(2))


def _decode_groups(decoder: Any, tables: Sequence[_TableModel], sizes: Sequence[int]) -> list[NDArray[np.int32]]:
    groups: list[NDArray[np.int32]] = []
    escapes: list[NDArray[np.intp]] = []
    for table, size in zip(tables, sizes, strict=True):
        coded = _decode(decoder, table.model, size)
        escapes.append(np.flatnonzero(coded == table.symbols))
        groups.append(coded + np.int32(table.low))
    total = sum(len(e) for e in escapes)
    if total:
        excess, negative = _decode_escapes(decoder, total)
        at = 0
        for table, group, where in zip(tables, groups, escapes, strict=True):
            part = slice(at, at + len(where))
            values = np.where(negative[part], table.low - excess[part], table.low + table.symbols - 1 + excess[part])
            if (np.abs(values) > MAX_SYMBOL).any():
                raise _damaged("an escaped value is out of range")
            group[where] = values
            at += len(where)
    return groups


def _decode_escapes(decoder: Any, count: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    classes = _decode(decoder, _flat(_CLASSES), count)
    negative = _decode(decoder, _flat(2), count).astype(np.bool_)
    owner, shift = _suffix_bits(classes)
    values = np.int64(1) << classes.astype(np.int64)
    bits = _decode(decoder, _flat(2), len(owner)).astype(np.int64)
    np.add.at(values, owner, bits << shift)
    return values, negative


def _suffix_bits(classes: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """For every suffix bit: which value it belongs to, and its significance."""
    owner = np.repeat(np.arange(len(classes)), classes)
    first = np.cumsum(classes) - classes
    shift = classes[owner].astype(np.int64) - 1 - (np.arange(len(owner)) - first[owner])
    return owner, shift


def _decode(decoder: Any, model: Any, size: int) -> NDArray[np.int32]:
    if not size:
        return np.empty(0, np.int32)
    try:
        symbols: NDArray[np.int32] = decoder.decode(model, size)
    except AssertionError as error:  # how constriction reports invalid data
        raise _damaged("it is not valid for its model") from error
    return symbols


def _damaged(what: str) -> StreamError:
    return StreamError(f"tile stream is damaged: {what}", code=ReasonCode.DAMAGED_STREAM, hint="Fetch the file again")
