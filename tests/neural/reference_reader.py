"""A reader of `.ncr` files written from docs/reference/format.md alone: slow, in plain integers, to be compared with the library.

Section numbers are those of the page. The entropy path (sections 4 to 6) has no floating-point number in it; the pixels
(section 7) are computed in double precision, from which the fp32 reference differs by rounding only.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from router.containers.ncr import Colour, Container

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MASK = (1 << 64) - 1


def near(x: Ints, s: int) -> Ints:
    """Section 1."""
    return (x + (1 << (s - 1))) >> s


def clip(x: Ints, bound: int) -> Ints:
    return np.clip(x, -bound, bound)


@dataclass(frozen=True)
class Table:
    """Section 4: counts of low, low + 1, ..., and of the escape."""

    low: int
    cumulative: Sequence[int]

    @property
    def symbols(self) -> int:
        return len(self.cumulative) - 2

    @classmethod
    def of(cls, low: int, counts: Sequence[int]) -> Table:
        assert sum(counts) == 1 << 24
        assert min(counts) >= 1
        return cls(low, [0, *accumulate(counts)])


FLAT_2 = Table.of(0, [1 << 23] * 2).cumulative
FLAT_32 = Table.of(0, [1 << 19] * 32).cumulative


class Model:
    """Section 4: the card's shape and the tensors."""

    def __init__(self, shape: Mapping[str, Any], tensors: Mapping[str, NDArray[np.generic]]) -> None:
        self.latents, self.rates = shape["latents"], shape["rates"]
        self.light = shape.get("light") is not None
        self.deep_blocks, self.synthesis_blocks = shape["deep_blocks"], shape["synthesis_blocks"]
        if self.light:
            self.deep_blocks, self.synthesis_blocks = shape["light"]["deep_blocks"], shape["light"]["blocks"]
        self.floats = {k: v.astype(np.float64) for k, v in tensors.items() if v.dtype.kind == "f"}
        self.ints = {k: v.astype(np.int64) for k, v in tensors.items() if v.dtype.kind == "i"}

    @classmethod
    def read(cls, folder: Path) -> Model:
        """From a model folder."""
        return cls(json.loads((folder / "model.json").read_text("utf-8"))["config"], load_file(folder / "model.safetensors"))

    @functools.cached_property
    def z(self) -> list[Table]:
        return self._tables("z")

    @functools.cached_property
    def y(self) -> list[Table]:
        return self._tables("y")

    @property
    def skipped(self) -> int:
        return int(self.ints["tables.y.skipped"][0])

    def _tables(self, name: str) -> list[Table]:
        low, size, count = (self.ints[f"tables.{name}.{part}"].tolist() for part in ("low", "size", "count"))
        ends = list(accumulate(size))
        return [Table.of(b, count[e - n : e]) for b, n, e in zip(low, size, ends, strict=True)]


class RangeDecoder:
    """Sections 5.1 and 5.2."""

    def __init__(self, data: bytes) -> None:
        assert len(data) % 4 == 0
        self.words = struct.unpack(f"<{len(data) // 4}I", data)
        self.read = 0
        self.lower, self.range = 0, MASK
        self.point = self.word() << 32
        self.point += self.word()

    def word(self) -> int:
        self.read += 1
        return self.words[self.read - 1] if self.read <= len(self.words) else 0

    def index(self, cumulative: Sequence[int]) -> int:
        scale = self.range >> 24
        quantile = (self.point - self.lower & MASK) // scale
        assert quantile < 1 << 24
        k = bisect_right(cumulative, quantile) - 1
        self.lower = self.lower + scale * cumulative[k] & MASK
        self.range = scale * (cumulative[k + 1] - cumulative[k])
        if self.range < 1 << 32:
            self.lower, self.range = self.lower << 32 & MASK, self.range << 32
            self.point = (self.point << 32 & MASK) + self.word()
        return k

    def run(self, tables: Sequence[Table]) -> list[int]:
        """One symbol for each table given."""
        values, escaped = [], []
        for at, table in enumerate(tables):
            k = self.index(table.cumulative)
            if k == table.symbols:
                escaped.append(at)
            values.append(table.low + k)
        lengths = [self.index(FLAT_32) for _ in escaped]
        below = [self.index(FLAT_2) for _ in escaped]
        for at, length, is_below in zip(escaped, lengths, below, strict=True):
            v = 1
            for _ in range(length):
                v = 2 * v + self.index(FLAT_2)
            table = tables[at]
            values[at] = table.low - v if is_below else table.low + table.symbols - 1 + v
            assert abs(values[at]) <= 1 << 20
        return values

    def finish(self) -> None:
        assert self.read >= len(self.words)
        assert self.point - self.lower & MASK < (1 << 33) - 1


@functools.cache
def power_tables() -> tuple[Ints, Ints]:
    """Section 5.4: coarse and fine."""
    roots = [1 << 201]
    for _ in range(16):
        roots.append(math.isqrt(roots[-1] << 200))

    def entry(j: int) -> int:
        x = 1 << 200
        for n in range(1, 17):
            if j >> (16 - n) & 1:
                x = x * roots[n] >> 200
        return x >> 170

    return np.array([entry(256 * k) for k in range(256)]), np.array([entry(k) for k in range(256)])


def power(exponent: Ints, bits: int) -> Ints:
    """Section 5.4."""
    coarse, fine = power_tables()
    return ((coarse[(exponent >> 8) & 255] * fine[exponent & 255]) >> 30) >> (30 - bits - (exponent >> 16))


@dataclass(frozen=True)
class Gain:
    """Section 5.4: (M) each."""

    log2: Ints
    forward: Ints
    inverse: Ints


def gain(model: Model, rate_index: int) -> Gain:
    """Section 5.4."""
    g = model.ints["gain.log2"]
    log2 = between(g, rate_index)
    return Gain(log2, power(log2, 16), power(-log2, 20))


def between(g: Ints, rate_index: int) -> Ints:
    """Section 5.4: a table (R, K) at a rate index."""
    a, t = divmod(rate_index * (len(g) - 1), 65_535)
    return (g[a] * (65_535 - t) + g[min(a + 1, len(g) - 1)] * t + 32_767) // 65_535


def layer(model: Model, name: str, x: Ints) -> Ints:
    """Section 5.5: (h, w, inputs) -> (h, w, outputs)."""
    weight, bias = model.ints[f"prior.{name}.weight"], model.ints[f"prior.{name}.bias"]
    total = bias + convolved(x, weight, depthwise=name == "dw")
    return clip(near(total, 14), 1 << (25 if name.endswith("head") else 22))


def convolved(x: NDArray[np.generic], weight: NDArray[np.generic], depthwise: bool) -> NDArray[np.generic]:
    """The sum of section 5.5 without bias; also for section 7."""
    k = weight.shape[-1]
    height, width, _ = x.shape
    framed = np.pad(x, ((k // 2, k // 2), (k // 2, k // 2), (0, 0)))
    total = np.zeros((height, width, len(weight)), x.dtype)
    for i in range(k):
        for j in range(k):
            part, tap = framed[i : i + height, j : j + width], weight[:, :, i, j]
            total += part * tap[:, 0] if depthwise else part @ tap.T
    return total


def leaky(x: Ints) -> Ints:
    """Section 5.5."""
    return np.maximum(x, x >> 3)


def shuffle(x: NDArray[np.generic], f: int = 2) -> NDArray[np.generic]:
    """Section 5.5; with f = 8 the last step of section 7."""
    height, width, channels = x.shape
    out = np.empty((f * height, f * width, channels // f**2), x.dtype)
    for i in range(f):
        for j in range(f):
            out[i::f, j::f] = x[:, :, f * i + j :: f**2]
    return out


@dataclass(frozen=True)
class Pass:
    """Section 5.7: (n) each, ascending by place; `places` in a flat (h, w, M) array."""

    places: NDArray[np.intp]
    index: Ints
    mean: Ints


@dataclass(frozen=True)
class Tile:
    """Symbols of the hyper-latents (h/4, w/4, N), latents (h, w, M), and how they came about."""

    hyper: Ints
    latents: Ints
    features: Ints
    first: Ints
    second: Ints
    passes: tuple[Pass, Pass]


def features(model: Model, hyper: Ints) -> tuple[Ints, Ints]:
    """Section 5.6: features and `first`."""
    z = clip(1024 * hyper + model.ints["tables.z.median"], 1 << 22)
    for name in ("h1", "h2"):
        z = leaky(shuffle(layer(model, name, z)))
    z = leaky(layer(model, "h3", z))
    return z, layer(model, "head", z)


def second(model: Model, features: Ints, first: Ints, known: Ints) -> Ints:
    """Section 5.6."""
    x = leaky(layer(model, "c1", np.concatenate([features, known], axis=2)))
    x = leaky(layer(model, "c2", layer(model, "dw", x)))
    return first + layer(model, "context_head", x)


def parameters(model: Model, p: Ints, gains: Gain, number: int) -> Pass:
    """Section 5.7 for the latents of a pass, 0 or 1, from p (h, w, 2M)."""
    height, width, m = p.shape[0], p.shape[1], model.latents
    row, column, channel = (i.reshape(-1) for i in np.indices((height, width, m)))
    places = np.flatnonzero((row + column + channel) % 2 == number)
    c = channel[places]
    step = np.clip(p[:, :, :m].reshape(-1)[places], -43_432, 39_043) + near(gains.log2[c] * 83_152, 20)
    mean = clip(near(p[:, :, m:].reshape(-1)[places] * gains.forward[c], 20), 1 << 29)
    return Pass(places, np.clip(near(step, 10), 0, 63), mean)


def known(shape: tuple[int, ...], places: NDArray[np.intp], latents: Ints, gains: Gain) -> Ints:
    """Section 5.8: (h, w, M) from the latents (n) of the first pass."""
    flat = np.zeros(math.prod(shape), np.int64)
    flat[places] = clip(near(latents * gains.inverse[places % shape[2]], 20), 1 << 22)
    return flat.reshape(shape)


def read_tile(model: Model, data: bytes, h: int, w: int, rate_index: int) -> Tile:
    """Section 5.3: the stream of a core with (h, w) latents."""
    decoder, gains = RangeDecoder(data), gain(model, rate_index)
    symbols = decoder.run([table for table in model.z for _ in range(h * w // 16)])
    hyper = np.array(symbols).reshape(len(model.z), h // 4, w // 4).transpose(1, 2, 0)
    shape = (h, w, model.latents)
    latents = np.zeros(math.prod(shape), np.int64)

    def read(one: Pass) -> None:
        order = sorted(np.flatnonzero(one.index >= model.skipped).tolist(), key=lambda at: one.index[at])  # stable
        symbol = np.zeros_like(one.index)
        symbol[order] = decoder.run([model.y[one.index[at]] for at in order])
        latents[one.places] = 1024 * symbol + one.mean

    z, p1 = features(model, hyper)
    early = parameters(model, p1, gains, 0)
    read(early)
    p2 = second(model, z, p1, known(shape, early.places, latents[early.places], gains))
    late = parameters(model, p2, gains, 1)
    read(late)
    decoder.finish()
    return Tile(hyper, latents.reshape(shape), z, p1, p2, (early, late))


def checksum(file: Container, number: int, tile: Tile) -> int:
    """Section 6."""
    head, model, grid = file.header, file.model, file.grid
    crc = zlib.crc32(
        struct.pack("<HIIBBBB", 1, head.width, head.height, head.channels, head.depth, head.colour, head.arithmetic)
        + struct.pack("<H", model.rate_index)
        + model.sha256
        + model.model_id.encode("ascii")
        + struct.pack("<IIHI", grid.tile_width, grid.tile_height, grid.halo, number)
    )
    for array in (tile.hyper, tile.latents):
        crc = zlib.crc32(array.astype("<i4").tobytes(), crc)
    return crc


def check_binding(data: bytes) -> bool:
    """Section 2: whether the file has a `bind` chunk; it is compared."""
    critical: dict[bytes, list[bytes]] = {}
    bound = None
    at = 8
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        kind, payload = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length
        if kind == b"bind":
            bound = payload
        elif kind.isupper() and kind != b"ENDS":
            critical.setdefault(kind, []).append(struct.pack("<I", length) + kind + payload)
    if bound is None:
        return False
    assert int.from_bytes(bound[:2], "little") >= 1
    pieces = [piece for kind in (b"HEAD", b"MODL", b"GRID", b"TILE", b"ALPH") for piece in critical.get(kind, [])]
    assert hashlib.sha256(b"".join(pieces)).digest()[:16] == bound[2:18]
    return True


def cores(file: Container) -> Iterator[tuple[int, int, int, int]]:
    """Section 3: top, left, height and width of every core in latents, in raster order."""
    height, width = (64 * math.ceil(side / 64) for side in (file.header.height, file.header.width))
    for top in range(0, height, file.grid.tile_height):
        for left in range(0, width, file.grid.tile_width):
            h, w = min(file.grid.tile_height, height - top), min(file.grid.tile_width, width - left)
            yield top // 16, left // 16, h // 16, w // 16


def read_tiles(file: Container, model: Model) -> list[Tile]:
    """Every tile, its checksum compared."""
    tiles = []
    for number, ((_, _, h, w), stream) in enumerate(zip(cores(file), file.tiles, strict=True)):
        tiles.append(read_tile(model, stream.data, h, w, file.model.rate_index))
        assert checksum(file, number, tiles[-1]) == stream.checksum
    return tiles


def colours(file: Container, model: Model, tiles: Sequence[Tile], integers: bool = False) -> Floats:
    """Section 7: (H, W, 1 or 3) times 255 before rounding, synthesised as a whole, which the halo equals.

    `integers`: section 7.3.
    """
    places = list(cores(file))
    top, left, h, w = places[-1]
    latents = np.zeros((top + h, left + w, model.latents))
    for (top, left, h, w), tile in zip(places, tiles, strict=True):
        latents[top : top + h, left : left + w] = tile.latents
    synthesis = synthesised_in_integers if integers else synthesised
    rgb = np.clip(synthesis(model, latents, file.model.rate_index), 0, 1)[: file.header.height, : file.header.width]
    if file.header.colour is Colour.NEUTRAL:
        rgb = np.repeat(rgb.mean(2, keepdims=True), 3 if file.header.channels > 2 else 1, axis=2)
    return 255 * rgb


def synthesised(model: Model, latents: Floats, rate_index: int) -> Floats:
    """Section 7: (h, w, M) in units of 2^-10 -> (16h, 16w, 3), not clipped."""
    p = rate_index / 65_535 * (model.rates - 1)
    j = min(math.floor(p), model.rates - 2)
    t = p - j

    def at(name: str) -> Floats:
        table = model.floats[f"transform.{name}"]
        return (1 - t) * table[j] + t * table[j + 1]

    weights = {k.removeprefix("transform."): v for k, v in model.floats.items()}
    x = latents / 1024 * np.exp(at("qd"))
    if model.light:
        linear = plain(weights, "g_s.linear", x)
        x = plain(weights, "g_s.enter", x)
        for block in range(model.deep_blocks):
            x = blocked(weights, f"g_s.deep.{block}", x, slope=8)
        x = shuffle(plain(weights, "g_s.up", x))
        x = x * (1 + at("film_scale")) + at("film_shift")
        for block in range(model.synthesis_blocks):
            x = blocked(weights, f"g_s.blocks.{block}", x, slope=8)
        return shuffle(linear, 16) + shuffle(plain(weights, "g_s.leave", x), 8) + 0.5
    for block in range(model.deep_blocks):
        x = blocked(weights, f"g_s_deep.{block}", x)
    x = shuffle(plain(weights, "g_s_up.0", x))
    x = x * (1 + at("film_scale")) + at("film_shift")
    for block in range(model.synthesis_blocks):
        x = blocked(weights, f"g_s.{block}", x)
    return shuffle(plain(weights, f"g_s.{model.synthesis_blocks}", x), 8) + 0.5


def plain(weights: Mapping[str, Floats], name: str, x: Floats) -> Floats:
    weight = weights[f"{name}.weight"]
    return convolved(x, weight, depthwise=weight.shape[1] == 1) + weights[f"{name}.bias"]


def blocked(weights: Mapping[str, Floats], name: str, x: Floats, slope: int = 100) -> Floats:
    a = plain(weights, f"{name}.a", x)
    x = x + plain(weights, f"{name}.b", plain(weights, f"{name}.dw", np.maximum(a, a / slope)))
    u, v = np.split(plain(weights, f"{name}.f1", x), 2, axis=2)
    return x + plain(weights, f"{name}.f2", u * np.maximum(v, 0) / 2)


def synthesised_in_integers(model: Model, latents: Floats, rate_index: int) -> NDArray[np.float32]:
    """Section 7.3: (h, w, M) in units of 2^-10 -> (16h, 16w, 3) in [0, 1]."""
    ints = {k.removeprefix("bounded."): v for k, v in model.ints.items() if k.startswith("bounded.")}
    floats = {k.removeprefix("bounded."): v.astype(np.float32) for k, v in model.floats.items() if k.startswith("bounded.")}

    def rounded(x: Ints, factor: NDArray[np.float32]) -> Ints:
        return np.rint(x.astype(np.float32) * factor).astype(np.int64)

    def layer(name: str, x: Ints) -> Ints:
        weight = ints[f"{name}.weight"]
        depthwise = weight.ndim == 3
        total = convolved(x, weight[:, None] if depthwise else weight[:, :, None, None], depthwise) + ints[f"{name}.bias"]
        assert np.abs(total).max() < 1 << 24
        return rounded(total, floats[f"{name}.multiplier"])

    def block(name: str, x: Ints) -> Ints:
        a = layer(f"{name}.a", x)
        a = clip(np.where(a < 0, rounded(a, np.float32(1 / 8)), a), 2047)
        x = clip(x + layer(f"{name}.b", clip(layer(f"{name}.dw", a), 2047)), 2047)
        u, v = np.split(clip(layer(f"{name}.f1", x), 2047), 2, axis=2)
        return clip(x + layer(f"{name}.f2", clip(rounded(u * np.maximum(v, 0), floats[f"{name}.gate"]), 2047)), 2047)

    gains = power(between(ints["gain.log2"], rate_index), 24).astype(np.float32) * np.float32(2**-34)
    whole = clip(latents.astype(np.int64), (1 << 24) - 1)
    y = np.clip(rounded(whole, gains * floats["input.multiplier"]), -ints["input.bound"], ints["input.bound"])
    x = clip(layer("enter", y), 2047)
    for number in range(model.deep_blocks):
        x = block(f"deep.{number}", x)
    x = shuffle(clip(layer("up", x), 2047))
    scale, shift = (between(ints[f"film.{part}"], rate_index) for part in ("scale", "shift"))
    x = clip(rounded(x * (1024 + scale) + shift, np.float32(1 / 1024)), 2047)
    for number in range(model.synthesis_blocks):
        x = block(f"blocks.{number}", x)
    levels = shuffle(layer("linear", y), 16) + shuffle(layer("leave", x), 8)
    return np.clip(levels + 2040, 0, 4080).astype(np.float32) / np.float32(4080)
