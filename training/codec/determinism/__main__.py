"""Do encoders and decoders agree, whatever they run on? `python -m training.codec.determinism --data DIR`.

Files are written and read under every configuration of threads, instruction sets, oneDNN, batch and (where there is one) CUDA,
each in a process of its own. The full matrix: every file of every encoder through every decoder, in fp32; the files of the first
encoder also in bf16 and exactly. Prints a table, writes JSON. Exits with 1 unless every tile has the latents that were written in
every decoder, fp32 pixels are within the bounds and exact ones are equal.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.codecs.neural.arithmetic import Decoding
from router.codecs.neural.codec import NeuralCodec
from router.images.read import read
from training.codec.determinism import configurations
from training.codec.determinism.matrix import EXACT_TO_ITSELF, Agreement, Matrix, measure

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write; the exit status."""
    args = _arguments(argv)
    codec = NeuralCodec(args.model)
    rates = [round(65_535 * i / max(1, args.rates - 1)) for i in range(args.rates)]
    ways = list(dict.fromkeys(map(configurations.possible, configurations.everything())))
    images = _images(args.data, args.limit, args.side)
    also = [decoding for decoding in args.decodings if decoding != Decoding.FP32]
    with tempfile.TemporaryDirectory() as folder:
        matrix = measure(images, rates, codec.model, ways, ways, Path(folder), also, _progress)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    settings = {"model": codec.model, "images": {k: v.shape for k, v in images.items()}, "rates": rates}
    args.out.write_text(json.dumps(settings | to_dict(matrix), indent=1) + "\n")
    print(table(matrix))
    return 0 if matrix.latents_agree() and matrix.pixels_agree() and matrix.exact_agrees() else 1


def to_dict(matrix: Matrix) -> dict[str, Any]:
    """For JSON: `latents` has a row an encoder and a column a decoder, each [tiles as written, tiles]."""
    return {
        "best_capability": configurations.best_capability(),
        "encoders": [{"name": e.configuration.name, "in_force": e.facts, "files": e.files} for e in matrix.encoders],
        "decoders": [
            {
                "name": d.configuration.name,
                "in_force": d.facts,
                "pixels": {name: agreement.to_dict() for name, agreement in d.pixels.items()},
            }
            for d in matrix.decoders
        ],
        "latents": [[matrix.latents(e, d) for d in matrix.decoders] for e in matrix.encoders],
        "latents_agree": matrix.latents_agree(),
        "pixels_agree": matrix.pixels_agree(),
        "exact_agrees": matrix.exact_agrees(),
    }


def table(matrix: Matrix) -> str:
    """One line a configuration, as decoder and as encoder; then the sums."""
    decodings = list(dict.fromkeys(name for d in matrix.decoders for name in d.pixels))
    first = set(matrix.encoders[0].files)
    wrote = {e.configuration: e for e in matrix.encoders}
    lines = [
        "own files: how many differ from those of the first encoder. Pixels beside the fp32 decoding of the first configuration "
        "(exact to itself: beside its exact one): equal, within +-1 (in per cent), largest difference.",
        f"{'configuration':38s}{'in force':34s}{'own files':>10s}{'latents equal':>18s}"
        + "".join(f"{n:>24s}" for n in decodings),
    ]
    for d in matrix.decoders:
        encoder = wrote.get(d.configuration)
        own = f"{sum(name not in first for name in encoder.files)}/{len(encoder.files)}" if encoder else ""
        pixels = [_agreement(d.pixels[name]) if name in d.pixels else "" for name in decodings]
        lines.append(
            f"{d.configuration.name:38s}{_in_force(d.facts):34s}{own:>10s}{_share(d.latents.values()):>18s}"
            + "".join(f"{text:>24s}" for text in pixels)
        )
    pairs = [matrix.latents(e, d) for e in matrix.encoders for d in matrix.decoders]
    lines.append(
        f"latents, {len(matrix.encoders)} encoders x {len(matrix.decoders)} decoders: {_share(pairs)} of the tiles equal"
    )
    lines.append(f"fp32 pixels: {'within' if matrix.pixels_agree() else 'OUT OF'} bounds")
    if EXACT_TO_ITSELF in decodings:
        lines.append(f"exact pixels: {'equal' if matrix.exact_agrees() else 'NOT EQUAL'}")
    return "\n".join(lines)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", type=Path, required=True, help="folder of photographs, searched recursively")
    ap.add_argument("--limit", type=int, default=4, help="images, evenly spread over the sorted files (default 4)")
    ap.add_argument("--rates", type=int, default=3, help="rate indices, evenly spread (default 3)")
    ap.add_argument("--side", type=int, default=512, help="largest side that is kept of an image (default 512)")
    ap.add_argument("--model", help="model id; default: the newest that ships")
    ap.add_argument("--decodings", nargs="+", default=list(Decoding), choices=list(Decoding), help="beside fp32; default: all")
    ap.add_argument("--out", type=Path, default=Path("build/determinism.json"))
    return ap.parse_args(argv)


def _images(folder: Path, limit: int, side: int) -> dict[str, NDArray[np.uint8]]:
    """Middles of photographs by name, RGB; sides multiples of 128."""
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    images = {}
    for path in files[:: max(1, len(files) // limit)][:limit]:
        pixels = read(path).pixels
        height, width = (min(side, n) // 128 * 128 for n in pixels.shape[:2])
        if pixels.dtype == np.uint8 and pixels.shape[2] > 2 and min(height, width):
            top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
            images[path.stem] = np.ascontiguousarray(pixels[top : top + height, left : left + width, :3])
    if not images:
        raise SystemExit(f"no 8-bit colour photographs of 128 x 128 px or more among {limit} of {folder}")
    return images


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _in_force(facts: Any) -> str:
    onednn = "oneDNN" if facts["onednn"] else "native"
    return f"{facts['threads']}t {facts['capability']} {onednn} {facts['blas'].removeprefix('openblas ')}"


def _share(counts: Iterable[tuple[int, int]]) -> str:
    counts = list(counts)
    part, whole = sum(equal for equal, _ in counts), sum(tiles for _, tiles in counts)
    return f"{part}/{whole} = {100 * part / whole:.4g} %" if whole else "none"


def _agreement(a: Agreement) -> str:
    return f"{100 * a.equal / a.samples:.4f} {100 * a.within_one / a.samples:.5g} {a.largest}" if a.samples else "none"


if __name__ == "__main__":
    sys.exit(main())
