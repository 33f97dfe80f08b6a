"""Kill runs over many images, and see what is left: `python -m training.kills [--kills 50] [--images 3000]`.

A run with two workers is killed (SIGKILL) at a random moment, now the command and now one of its workers, and started again,
until that often. After every kill each file under a final name must be the one that an undisturbed run writes, and at the end
none may be missing. Images that are done twice are those that were in flight when the command was killed. Prints a table.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from router.batch import State, journal

SIDE = 192
JOBS = 2
_SHORTEST, _LONGEST = 0.3, 1.8
"""Seconds from the start of a run to its kill: also before its workers are there."""


@dataclass
class Outcome:
    """What kills left behind, in counts."""

    images: int
    kills: Counter[str] = field(default_factory=Counter)
    partial: int = 0
    """Files under a final name that are not what an undisturbed run writes."""
    lost: int = 0
    """Images without an output at the end."""
    twice: int = 0
    """Images that were done more than once."""
    temporary: int = 0
    """Temporary files at the end."""
    orphans: int = 0
    """Workers that were still there ten seconds after their command was killed."""

    @property
    def whole(self) -> bool:
        """Whether nothing was lost, and no more was done twice than was in flight."""
        bound = JOBS * self.kills["command"]
        return not (self.partial or self.lost or self.temporary or self.orphans) and self.twice <= bound


def trial(place: Path, images: int, kills: int, seed: int = 0) -> Outcome:
    """Kill runs in a folder that often. Fewer where the images are done before; RuntimeError where a run fails."""
    rng = random.Random(seed)
    source, wanted = place / "in", place / "wanted"
    source.mkdir()
    noise = np.random.default_rng(seed)
    for number in range(images):
        coarse = Image.fromarray(noise.integers(0, 256, (SIDE // 16, SIDE // 16, 3), np.uint8))
        coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(source / f"{number:06d}.png", compress_level=0)
    if _start(source, wanted).wait():
        raise RuntimeError("a run that nobody disturbs fails")
    expected = _files(wanted)
    outcome, output = Outcome(images), place / "out"
    while outcome.kills.total() < kills:
        run = _start(source, output)
        for victim in ("worker", "command") if outcome.kills.total() % 3 == 0 else ("command",):
            time.sleep(rng.uniform(_SHORTEST, _LONGEST))
            if run.poll() is not None:
                kills = 0  # all is done: give more images
                if run.returncode:
                    raise RuntimeError(f"a run ended with {run.returncode} of itself")
                break
            workers = _workers(run.pid)
            if victim == "worker" and workers:
                os.kill(rng.choice(workers).pid, signal.SIGKILL)
                outcome.kills["worker"] += 1
            elif victim == "command":
                run.kill()
                run.wait()
                outcome.kills["command"] += 1
                outcome.orphans += len(psutil.wait_procs(workers, timeout=10)[1])
        outcome.partial += sum(expected.get(name) != digest for name, digest in _files(output).items())
    _start(source, output).wait()
    found = _files(output)
    outcome.partial += sum(expected.get(name) != digest for name, digest in found.items())
    outcome.lost = len(expected.keys() - found.keys())
    outcome.temporary = sum(path.name.startswith(".") and path.is_file() for path in output.iterdir())
    done = Counter(row.name for row in journal.rows(output) if row.state is State.DONE)
    outcome.twice = sum(count - 1 for count in done.values())
    return outcome


def _workers(command: int) -> list[psutil.Process]:
    """Processes of a run, without the one that Python keeps for what processes share."""
    children = psutil.Process(command).children(recursive=True)
    return [child for child in children if not any("resource_tracker" in word for word in child.cmdline())]


def _start(source: Path, output: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "router", "compress", str(source), "-o", str(output), "--quiet"]
    command += ["--codec", "webp", "--quality", "50", "--jobs", str(JOBS)]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )


def _files(folder: Path) -> dict[str, str]:
    """Digests of the outputs by name."""
    paths = folder.iterdir() if folder.is_dir() else ()
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in paths if p.is_file() and not p.name.startswith(".")}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    place = Path(tempfile.mkdtemp())
    try:
        found = trial(place, args.images, args.kills, args.seed)
    finally:
        shutil.rmtree(place)
    print("| images | commands killed | workers killed | partial files | lost | done twice | temporary files left | orphans |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    counts = (found.images, found.kills["command"], found.kills["worker"], found.partial, found.lost, found.twice)
    print("| " + " | ".join(f"{n:,}" for n in (*counts, found.temporary, found.orphans)) + " |")
    if not found.whole:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
