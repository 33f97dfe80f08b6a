"""Inputs from seeds: bytes changed, cut, doubled, put together, and words put in. The same seed gives the same inputs."""

from __future__ import annotations

import random
from collections.abc import Iterator

from training.fuzz.target import FuzzTarget

_INTERESTING = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\n", b"\r\n", b" ", b'"', b"\\", b"0", b"-1", b"9" * 20, b"1e999", b"nan")
_KEPT = 64


def inputs(target: FuzzTarget, seed: int) -> Iterator[bytes]:
    """Without end: the seeds first, then mutations of them and of each other."""
    yield from target.seeds
    rng = random.Random(seed)
    pool = list(target.seeds)
    while True:
        data = rng.choice(pool)
        for _ in range(rng.choice((1, 1, 2, 3, 5, 8))):
            data = _mutated(data, rng, pool, target.words)[: target.longest]
        yield data
        if rng.random() < 0.05:
            if len(pool) < len(target.seeds) + _KEPT:
                pool.append(data)
            else:
                pool[rng.randrange(len(target.seeds), len(pool))] = data


def _mutated(data: bytes, rng: random.Random, pool: list[bytes], words: tuple[bytes, ...]) -> bytes:
    at, end = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
    end = min(end, at + rng.choice((1, 2, 4, 16, 64, 1 << 14)))
    kind = rng.randrange(8)
    if kind == 0:
        return data[:at] + bytes(rng.randrange(256) for _ in range(min(end - at, 8))) + data[end:]
    if kind == 1:
        return data[:at] + data[end:]
    if kind == 2:
        return data[:at] + data[at:end] * rng.choice((2, 3, 10, 200)) + data[end:]
    if kind == 3:
        other = rng.choice(pool)
        start = rng.randint(0, len(other))
        return data[:at] + other[start : start + rng.choice((1, 4, 16, 64, 1024))] + data[end:]
    if kind == 4 and data:
        at = min(at, len(data) - 1)
        return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
    if kind == 5:
        return data[:at] + rng.choice(_INTERESTING) * rng.choice((1, 1, 1, 50)) + data[end:]
    word = rng.choice(words or _INTERESTING)
    return data[:at] + word + data[at if kind == 6 else end :]
