"""Predicted against real time on photographs, by codec, size and number of threads.

    python -m training.costs.check --data DIR [--minutes 8] [--threads 1,2] [--sizes 0.4,2,4,12] [--clock wall|cpu] [--stored]

DIR holds photographs; mosaics of them have the sizes in megapixels. Each is encoded to SSIMULACRA2 `--target` with each codec,
decoded, scored and guarded, as a forced codec is. For each number of threads a process of its own, on as many CPUs, first
measures the costs (half a minute; or takes those that `codec-router models benchmark` stored with as many, `--stored`), then
checks: every size and codec once, and again with other photographs while there is time.

It takes `--minutes` in all, and a little less where nothing more fits; no run begins that could not be expected to end. With
less than about 2.5 minutes for each number of threads, slow codecs are left out at large sizes (shown as "-").

`--clock cpu` counts the CPU time of the process instead of wall time, on one thread: on a machine that others use too, about what
a quiet one would take. Wall times are worth something on a quiet machine only; the last line says how quiet it was.

Printed per codec and size: the median of real / predicted time, predicted for the encodings that the search really took, and how
many lie within the stated band; then for all sizes also the 5 % and 95 % quantiles, the mean of encodings, and the median
against the prediction that is made beforehand, with the expected number of encodings.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--minutes", type=float, default=8.0)
    ap.add_argument("--threads", type=_integers, default=(1, 2))
    ap.add_argument("--sizes", type=_numbers, default=(0.4, 2.0, 4.0, 12.0))
    ap.add_argument("--target", type=float, default=70)
    ap.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    ap.add_argument("--stored", action="store_true")
    ap.add_argument("--out", type=Path, default=Path("build/costs.json"))
    ap.add_argument("--worker", type=float, help=argparse.SUPPRESS)
    args = ap.parse_args(arguments)
    if args.worker is not None:
        _work(args)
        return
    if args.clock == "cpu":
        args.threads = (1,)
    started, found = time.monotonic(), []
    for number, threads in enumerate(args.threads):
        left = 60 * args.minutes - (time.monotonic() - started)
        seconds = left / (len(args.threads) - number)
        found += _in_a_process(args, threads, seconds)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _in_a_process(args: argparse.Namespace, threads: int, seconds: float) -> list[dict[str, object]]:
    """The rows of a process with so many threads; its table goes to standard output. Threads are set before libraries load."""
    if threads > (usable := len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1):
        print(f"{threads} threads: left out, {usable} CPUs can be used here\n", flush=True)
        return []
    part = args.out.with_name(f"{args.out.stem}-{threads}{args.out.suffix}")
    command = [sys.executable, "-m", "training.costs.check", "--worker", f"{seconds:.1f}", "--threads", str(threads)]
    command += ["--data", str(args.data), "--sizes", ",".join(map(str, args.sizes)), "--target", str(args.target)]
    command += ["--clock", args.clock, "--out", str(part), *(["--stored"] if args.stored else [])]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": str(threads)})
    rows: list[dict[str, object]] = json.loads(part.read_text("utf-8"))
    part.unlink()
    return rows


def _work(args: argparse.Namespace) -> None:
    deadline = time.monotonic() + args.worker
    from router.quality.target import Target
    from training.costs import measure
    from training.costs.pictures import PhotographFolder
    from training.costs.table import table, waiting

    (threads,) = args.threads
    measure.use_threads(threads)
    clock = time.process_time if args.clock == "cpu" else time.perf_counter
    costs = measure.known_costs(clock, stored=args.stored)
    target = Target.quality(args.target)
    rows = list(measure.rows(PhotographFolder(args.data), costs, args.sizes, target, threads, deadline, clock))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps([row.to_dict() for row in rows]), encoding="utf-8")
    print(f"{threads} thread{'' if threads == 1 else 's'}, {args.clock} clock\n")
    if rows:
        print(f"{table(rows)}\n\nwall time / CPU time of what runs on one thread: {waiting(rows):.2f}\n", flush=True)
    else:
        print("nothing was measured\n", flush=True)


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def _integers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    main()
