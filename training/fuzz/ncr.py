"""`.ncr` files whose checksums were put right after the damage: pixels are the right ones, or there is an error.

The seeds are the golden files of the tests, with their small random model. All chunks have right CRCs in four of five inputs, and
in half of these the binding fits too: what is left to find the damage are the rules of the format and the latent checksums.
The bytes of the runner choose the file and its damage.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import random
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router.codecs.neural import weights
from router.codecs.neural.codec import NeuralCodec
from router.containers import ncr as container
from router.errors import RouterError
from router.limits import Limits
from training.fuzz.damage import mutated
from training.fuzz.target import FuzzTarget

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "neural" / "golden"
_LARGEST = 1 << 20
_CRITICAL = (b"HEAD", b"MODL", b"GRID", b"TILE", b"ALPH")
_KINDS = (*_CRITICAL, b"ENDS", b"bind", b"recd", b"exif", b"xmpp", b"iccp", b"priv", b"PRIV")

Chunks = list[tuple[bytes, bytes]]


class _Files:
    """The seeds, and what they decode to."""

    def __init__(self) -> None:
        files = sorted(GOLDEN.glob("format1*/*.ncr"))
        self._seeds = [chunks(file.read_bytes()) for file in files]
        self._payloads = [payload for seed in self._seeds for _, payload in seed]
        self._pixels: dict[bytes, NDArray[np.generic]] = {}
        for file in files:
            data = file.read_bytes()
            self._pixels[_colours(chunks(data))] = decoded(data)

    def make(self, rng: random.Random) -> bytes:
        parts = list(rng.choice(self._seeds))
        for _ in range(rng.choice((0, 1, 1, 1, 2, 4))):
            self._change(rng, parts)
        if rng.random() < 0.5:
            parts = rebound(parts)
        data = assembled(parts)
        return mutated(rng, data, self._payloads) if rng.random() < 0.2 else data

    def _change(self, rng: random.Random, parts: Chunks) -> None:
        at = rng.randrange(len(parts)) if parts else 0
        kind, payload = parts[at] if parts else (b"HEAD", b"")
        choice = rng.randrange(9)
        if choice < 4 and parts:
            parts[at] = kind, mutated(rng, payload, self._payloads)
        elif choice == 4 and parts:
            # The same chunk of another file.
            parts[at] = kind, rng.choice([p for seed in self._seeds for k, p in seed if k == kind] or [payload])
        elif choice == 5 and parts:
            del parts[at]
        elif choice == 6:
            parts.insert(rng.randrange(len(parts) + 1), (rng.choice(_KINDS), rng.choice(self._payloads)))
        elif choice == 7 and parts:
            parts[at] = rng.choice(_KINDS), payload
        elif parts:
            other = rng.randrange(len(parts))
            parts[at], parts[other] = parts[other], parts[at]

    def check(self, data: bytes) -> None:
        """Raise RouterError for a refusal, AssertionError for a wrong result."""
        try:
            identity = container.identity(data)
        except RouterError:
            identity = None
        file = container.parse(data, _limits())
        assert identity is not None, "parsed, but not checked"
        pixels = decoded(data)
        header = file.header
        assert pixels.shape == (header.height, header.width, header.channels), "another shape"
        colours = pixels[..., : 3 if header.channels > 2 else 1]
        alike = [p for p in self._pixels.values() if p.shape == pixels.shape]
        assert any(np.array_equal(p[..., : colours.shape[2]], colours) for p in alike), "other colours"
        if file.alpha is not None:
            assert np.array_equal(pixels[..., -1], alpha(file.alpha, header.height, header.width)), "another alpha"
        found = dict(chunks(data))
        if b"bind" in found:
            assert binding(chunks(data)) == found[b"bind"][2:18], "pieces that do not belong together"
        edited = container.replace(data, record=b"{}", xmp=None)
        assert container.identity(edited) == identity, "an edit changed the picture"


def decoded(data: bytes) -> NDArray[np.generic]:
    """Pixels, by the golden files' model."""
    before = os.environ.get(weights.ENVIRONMENT)
    os.environ[weights.ENVIRONMENT] = str(GOLDEN / "models")
    try:
        return NeuralCodec().decode(data, _limits()).pixels
    finally:
        if before is None:
            del os.environ[weights.ENVIRONMENT]
        else:
            os.environ[weights.ENVIRONMENT] = before


@functools.cache
def _files() -> _Files:
    return _Files()


def _run(data: bytes) -> None:
    with contextlib.suppress(RouterError):
        _files().check(_files().make(random.Random(data)))


def _limits() -> Limits:
    return Limits(max_pixels=_LARGEST, max_side=65_535, max_file_bytes=1 << 24)


def chunks(data: bytes) -> Chunks:
    """(type, payload), by a walk of its own."""
    found, at = [], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "little")
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def assembled(parts: Chunks) -> bytes:
    """With right CRCs."""
    pieces = (struct.pack("<I", len(p)) + k + p + struct.pack("<I", zlib.crc32(k + p)) for k, p in parts)
    return container.SIGNATURE + b"".join(pieces)


def binding(parts: Chunks) -> bytes:
    """As docs/reference/format.md says."""
    pieces = [struct.pack("<I", len(p)) + k + p for wanted in _CRITICAL for k, p in parts if k == wanted]
    return hashlib.sha256(b"".join(pieces)).digest()[:16]


def rebound(parts: Chunks) -> Chunks:
    """With the binding that they have."""
    right = b"\1\0" + binding(parts)
    return [(kind, right if kind == b"bind" else payload) for kind, payload in parts]


def alpha(payload: bytes, height: int, width: int) -> NDArray[np.uint8]:
    """Section 8 of docs/reference/format.md, sample by sample."""
    if payload[0] == 0:
        return np.full((height, width), payload[1], np.uint8)
    residuals = np.frombuffer(zlib.decompress(payload[1:]), np.uint8).reshape(height, width).astype(int)
    plane = np.zeros((height + 1, width + 1), int)
    for y in range(height):
        for x in range(width):
            left, up, corner = plane[y + 1, x], plane[y, x + 1], plane[y, x]
            plane[y + 1, x + 1] = (residuals[y, x] + (0, 0, left, up, left + up - corner)[payload[0]]) % 256
    return plane[1:, 1:].astype(np.uint8)


def _colours(parts: Chunks) -> bytes:
    return b"".join(payload for kind, payload in parts if kind in _CRITICAL)


TARGET = FuzzTarget(_run, seeds=(b"a", b"bc", b"def"), longest=32)
