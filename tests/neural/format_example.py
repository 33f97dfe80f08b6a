"""The worked example of docs/reference/format.md. `python tests/neural/format_example.py` writes it anew (newest model)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import reference_reader as reference
from numpy.typing import NDArray

from router.codecs.neural.codec import NeuralCodec
from router.codecs.neural.weights import find_model
from router.containers import ncr as container
from router.images.arrays import from_pixels

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "format.md"
HEADING = "## 10. Example\n"


def example() -> bytes:
    """One gray pixel with alpha, and a record."""
    codec = NeuralCodec()
    pixel = from_pixels(np.array([[[200, 255]]], np.uint8))
    return codec.with_record(codec.encode(pixel, {"rate": 45_000}), b'{"lane":"neural"}', None)


def dumped(page: str) -> bytes:
    """The bytes of the dump in a page."""
    return bytes.fromhex("".join(re.findall(r"^[0-9a-f]{4}  ((?:[0-9a-f]{2} ?)+)", page, re.MULTILINE)))


def section(data: bytes) -> str:
    """The text of the section about a file of one gray pixel with alpha and record."""
    file = container.parse(data)
    shape = reference.Model.read(find_model(file.model.model_id, file.model.sha256.hex()).folder)
    (tile,) = reference.read_tiles(file, shape)
    sample = int(np.rint(reference.colours(file, shape, [tile])[0, 0, 0]))
    at = _offsets(data)
    rate, words = file.model.rate_index, len(file.tiles[0].data) // 4
    return f"""{HEADING}
<!-- `python tests/neural/format_example.py` writes this section. -->

One gray pixel with alpha 255 and a record, {len(data)} bytes:

```
{_dump(data)}
```

`HEAD` at {at["HEAD"]}: 1 x 1, 2 channels, 8 bits, neutral, integers. `MODL` at {at["MODL"]}: rate index {rate:,} \
(`{rate.to_bytes(2, "little").hex(" ")}`), hash, id.
`GRID` at {at["GRID"]}: {file.grid.tile_width} x {file.grid.tile_height}, halo {file.grid.halo}. `recd` at {at["recd"]}. \
`TILE` at {at["TILE"]}: number 0, checksum `{file.tiles[0].checksum:08x}`, then {words} words.
`ALPH` at {at["ALPH"]}: constant 255. `bind` at {at["bind"]}: minor version 1. `ENDS` at {at["ENDS"]}.

Without record and alpha the container costs 164 bytes plus the model id; each further tile costs 20.

What a reader obtains on the way, at row 0 and column 0, as integers in the units of section 5:

{_values(shape, tile, rate)}
| sample after section 7 | {sample} |
"""


def _dump(data: bytes) -> str:
    rows = []
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        rows.append(f"{start:04x}  {row.hex(' '):47}  {''.join(chr(b) if 32 <= b < 127 else '.' for b in row)}")
    return "\n".join(rows)


def _offsets(data: bytes) -> dict[str, str]:
    found, at = {}, len(container.SIGNATURE)
    while at < len(data):
        found[data[at + 4 : at + 8].decode("ascii")] = f"0x{at:02x}"
        at += 12 + int.from_bytes(data[at : at + 4], "little")
    return found


def _values(shape: reference.Model, tile: reference.Tile, rate: int) -> str:
    gains, m = reference.gain(shape, rate), shape.latents
    rows: list[tuple[str, list[NDArray[np.int64]]]] = [
        ("log2, forward, inverse of channel 0", [gains.log2[0], gains.forward[0], gains.inverse[0]]),
        ("hyper-latents, symbols of channels 0 .. 9", list(tile.hyper[0, 0, :10])),
        ("features, channels 0 .. 7", list(tile.features[0, 0, :8])),
        ("first, channels 0 and M", [tile.first[0, 0, 0], tile.first[0, 0, m]]),
        ("second, channels 1 and M + 1", [tile.second[0, 0, 1], tile.second[0, 0, m + 1]]),
    ]
    for channel, one in enumerate(tile.passes):
        latent = tile.latents[0, 0, channel]
        values = [one.index[0], one.mean[0], (latent - one.mean[0]) // 1024, latent]
        rows.append((f"channel {channel}: scale index, mean, symbol, latent", values))
    return "\n".join(["| value | |", "|---|---|", *(f"| {name} | {', '.join(map(str, row))} |" for name, row in rows)])


if __name__ == "__main__":
    before, heading, _ = PAGE.read_text("utf-8").partition(HEADING)
    if not heading:
        raise SystemExit(f"{PAGE} has no section {HEADING!r}")
    PAGE.write_text(before + section(example()), "utf-8")
