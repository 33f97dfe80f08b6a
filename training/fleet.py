"""Many images: what the way of many costs beside one image after the other, and whether memory and time stay flat.

    python -m training.fleet speed --data DIR [--count 60] [--rounds 2]
    python -m training.fleet memory --data DIR [--counts 200 5000]
    python -m training.fleet skip [--count 1000000]

`speed`: images and megapixels a second with one and two workers, and in a plain loop of one process over the same images.
`memory`: largest resident memory of the command and of a worker, over runs of small images. `skip`: time and memory of a run over
that many names whose images are all done. Prints Markdown tables; works in a temporary folder, on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from router.batch import Options, journal
from router.batch.placing import Permit
from router.batch.task import Task, source_state
from router.batch.work import compress_one
from router.folders import IMAGE_SUFFIXES
from router.images.probe import ImageHeader, probe

SMALL = 64
"""Pixels a side of the images that memory is measured with."""
PER_FOLDER = 1000


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    one = kinds.add_parser("speed")
    one.add_argument("--data", type=Path, required=True)
    one.add_argument("--count", type=int, default=60)
    one.add_argument("--rounds", type=int, default=2)
    one = kinds.add_parser("memory")
    one.add_argument("--data", type=Path, required=True)
    one.add_argument("--counts", type=int, nargs="+", default=[200, 5000])
    one = kinds.add_parser("skip")
    one.add_argument("--count", type=int, default=1_000_000)
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if args.kind == "speed":
            speed(_chosen(args.data, args.count), place, args.rounds)
        elif args.kind == "memory":
            memory(_chosen(args.data, 1)[0], place, args.counts)
        else:
            skip(place, args.count)


def speed(images: Sequence[Path], place: Path, rounds: int) -> None:
    """Print rates and their ratios; loop and runs take turns, so that a change of the machine's mood meets all."""
    source = place / "in"
    source.mkdir()
    for number, path in enumerate(images):
        (source / f"{number:05d}{path.suffix}").write_bytes(path.read_bytes())
    megapixels = sum(header.width * header.height for header in map(_header, images)) / 1e6
    found: dict[str, list[float]] = {"loop": [], "1 worker": [], "2 workers": []}
    for number in range(rounds):
        found["loop"].append(_looped(source, place / f"loop-{number}"))
        for jobs in (1, 2):
            seconds, _ = _timed(source, place / f"out-{jobs}-{number}", "--receiver", "self", "--jobs", str(jobs))
            found[f"{jobs} worker{'s' if jobs > 1 else ''}"].append(seconds)
    best = {name: min(seconds) for name, seconds in found.items()}
    print(f"{len(images)} images, {megapixels:.1f} MP, balanced, receiver self; the better of {rounds} rounds\n")
    print("| way | seconds | images/s | MP/s | against the loop | against 1 worker |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, seconds in best.items():
        rates = f"{len(images) / seconds:.2f} | {megapixels / seconds:.2f}"
        ratios = f"{best['loop'] / seconds:.2f} | {best['1 worker'] / seconds:.2f}"
        print(f"| {name} | {seconds:.1f} | {rates} | {ratios} |")


def memory(image: Path, place: Path, counts: Sequence[int]) -> None:
    """Print the largest resident memory over runs of so many small images."""
    print("| images | seconds | command, MB | largest worker, MB |")
    print("|---:|---:|---:|---:|")
    pixels = np.asarray(Image.open(image).convert("RGB"))
    for count in counts:
        source = place / f"in-{count}"
        source.mkdir()
        for number in range(count):
            left, top = 7 * number % (pixels.shape[1] - SMALL), 3 * number % (pixels.shape[0] - SMALL)
            crop = pixels[top : top + SMALL, left : left + SMALL].copy()
            crop[0, 0] = number % 251, number // 251 % 251, number // 63001
            Image.fromarray(crop).save(source / f"{number:06d}.png")
        seconds, largest = _timed(source, place / f"out-{count}", "--codec", "webp", "--quality", "50", "--jobs", "2")
        print(f"| {count:,} | {seconds:.0f} | {largest[0]:.0f} | {largest[1]:.0f} |", flush=True)


def skip(place: Path, count: int) -> None:
    """Print time and memory of a run that finds everything done."""
    source, output = place / "in", place / "out"
    (source / "0000").mkdir(parents=True)
    Image.fromarray(np.arange(SMALL * SMALL * 3, dtype=np.uint8).reshape(SMALL, SMALL, 3)).save(source / "0000" / "real.png")
    arguments = ("--codec", "png")
    _timed(source, output, *arguments)
    (row,) = journal.rows(output)
    with (output / journal.FOLDER / "rows-00000002.jsonl").open("w", encoding="ascii") as book:
        for number in range(count):
            name = f"{number // PER_FOLDER:04d}/photograph {number:07d}.png"
            if not number % PER_FOLDER:
                (source / name).parent.mkdir(exist_ok=True)
                (output / name).parent.mkdir(exist_ok=True)
            for path in (source / name, output / f"{name}.png"):
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))
            done = row.to_dict() | {"name": name, "source": str(source / name), "output": f"{name}.png"}
            book.write(json.dumps(done | {"source_state": source_state(source / name)}, separators=(",", ":")) + "\n")
    seconds, largest = _timed(source, output, *arguments)
    print("| names | seconds | MB | microseconds a name |")
    print("|---:|---:|---:|---:|")
    print(f"| {count + 1:,} | {seconds:.1f} | {largest[0]:.0f} | {1e6 * seconds / count:.0f} |")


def _chosen(data: Path, count: int) -> list[Path]:
    files = sorted(path for path in data.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    return [files[int(place)] for place in np.linspace(0, len(files) - 1, min(count, len(files)))]


def _header(path: Path) -> ImageHeader:
    return probe(path.read_bytes())


def _looped(source: Path, output: Path) -> float:
    """Seconds of one process that does with every image what a worker does; its start counts, as that of a run does."""
    code = f"from training.fleet import loop; loop({str(source)!r}, {str(output)!r})"
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


def loop(source: str, output: str) -> None:
    """Compress the images of a folder one after the other."""
    options = Options("balanced", arguments={"receiver": "self"})
    for path in sorted(Path(source).iterdir()):
        row = compress_one(Task(str(path), path.name, str(Path(output) / path.name), ""), options, "", Permit())
        assert not row.code, row


def _timed(source: Path, output: Path, *arguments: str) -> tuple[float, tuple[float, float]]:
    """Seconds of a run, and the largest resident memory in MB of the command and of the largest of its workers."""
    code = (
        "import resource\nfrom router.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code in (None, 0, 6), end.code\n"
        "print([resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)])"
    )
    command = [sys.executable, "-c", code, "compress", str(source), "-o", str(output), "--quiet", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    began = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    seconds = time.perf_counter() - began
    own, largest = json.loads(done.stdout.splitlines()[-1])
    return seconds, (own / 1024, largest / 1024)


if __name__ == "__main__":
    main()
