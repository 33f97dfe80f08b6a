"""How fast is the codec, and how much memory does it take? `python -m training.codec.speed --data DIR`.

Encoding and decoding in MP/s beside AVIF and, up to 2 MP, CompressAI's mbt2018-mean (untrained: the same work), in the same
rounds of one process per size and thread count; where the codec's time goes; the peak of memory, in processes of their own;
errors beside tile borders. Pictures are put together from the photographs in DIR. Prints tables, writes JSON. For figures that
count, the machine must have nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from router.codecs.neural.codec import NeuralCodec
from training.codec import child
from training.codec.speed import memory, pictures, report

TIMING, MEMORY = "training.codec.speed.timing", "training.codec.speed.memory"
SMALL, LARGE = 2.1, 40.0
"""Megapixels: up to SMALL all rounds are run, with mbt2018-mean; below LARGE three at most, and time is still broken down."""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    args = _arguments(argv)
    models = args.models or [NeuralCodec().model]
    photographs = pictures.photographs(args.data, args.photographs)
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for megapixels in args.megapixels:
            width, height = pictures.size_of(megapixels)
            picture = Path(folder) / "picture.npy"
            np.save(picture, pictures.mosaic(photographs, width, height))
            for threads in args.threads:
                print(f"{width}x{height}, {threads} threads", file=sys.stderr, flush=True)
                runs.append(_run(picture, width * height, threads, models, args) | {"width": width, "height": height})
    machine = runs[0].pop("machine")
    for run in runs[1:]:
        run.pop("machine")
    results = {"machine": machine, "models": models, "rate": args.rate, "photographs": len(photographs), "runs": runs}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(results, indent=1) + "\n")
    print(report.text(results))


def _run(picture: Path, pixels: int, threads: int, models: Sequence[str], args: argparse.Namespace) -> dict[str, Any]:
    """One size at one number of threads."""
    megapixels = pixels / 1e6
    repeats = args.repeats if megapixels <= SMALL else min(args.repeats, 3) if megapixels < LARGE else 1
    job = {
        "picture": str(picture),
        "threads": threads,
        "models": list(models),
        "rate": args.rate,
        "repeats": repeats,
        "mbt_qualities": args.mbt if megapixels <= SMALL else [],
        "stages": megapixels < LARGE,
        "seams": megapixels < LARGE and threads == args.threads[-1],
    }
    environment = child.threads_environment(threads)
    result = child.call(TIMING, job, environment)
    return {
        "threads": threads,
        "repeats": repeats,
        **result,
        "memory": {m: _memory(picture, m, threads, args.rate) for m in models} if memory.available() else None,
    }


def _memory(picture: Path, model: str, threads: int, rate: int) -> dict[str, Any]:
    coded = picture.with_suffix(".ncr")
    common = {"model": model, "threads": threads, "rate": rate}
    environment = child.threads_environment(threads)
    encode = child.call(MEMORY, common | {"task": "encode", "input": str(picture), "output": str(coded)}, environment)
    return {"encode": encode, "decode": child.call(MEMORY, common | {"task": "decode", "input": str(coded)}, environment)}


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", type=Path, required=True, help="folder of photographs, searched recursively")
    ap.add_argument("--models", nargs="+", metavar="ID", help="default: the newest that ships")
    ap.add_argument("--rate", type=int, default=NeuralCodec.knob.start, help=f"rate index (default {NeuralCodec.knob.start})")
    ap.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="default 1 2")
    ap.add_argument("--megapixels", type=float, nargs="+", default=[0.4, 12, 100], help="default 0.4 12 100")
    ap.add_argument("--repeats", type=int, default=5, help="rounds up to 2 MP (default 5); 3 at most below 40 MP, then 1")
    ap.add_argument("--photographs", type=int, default=24, help="how many pictures are put together from (default 24)")
    ap.add_argument("--mbt", type=int, nargs="*", default=[1, 5, 8], help="qualities of mbt2018-mean (default 1 5 8)")
    ap.add_argument("--out", type=Path, default=Path("build/speed.json"))
    return ap.parse_args(argv)


if __name__ == "__main__":
    main()
