"""`python -m training.fuzz TARGET... --minutes N`: a long run; without targets all, in turn."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from training.fuzz import runner, target


def main() -> int:
    """The command. Exit code 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m training.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[*target.names(), []], help=", ".join(target.names()))
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target")
    parser.add_argument("--count", type=int, help="inputs for each target, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"), help="where the inputs of findings go")
    options = parser.parse_args()
    failed = False
    for name in options.targets or target.names():
        found = runner.run(target.load(name), seed=options.seed, most=options.count, seconds=60 * options.minutes)
        print(
            f"{name}: {found.inputs:,} inputs, {len(found.failures)} findings, slowest {found.slowest:.2f} s, "
            f"{found.grown_mb} MB grown",
            flush=True,
        )
        for key in found.failures:
            print(f"  {key}")
        if found.failures:
            found.save(options.out / name)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
