"""From photographs to a bundle: train, export, detector, guard, search, savings, bundle.

    python -m training.pipeline --config training/configurations/d1.json --data DIR [--plan]

DIR holds `dev/` and the folder of photographs that the configuration names. A step whose inputs, settings and code are those of
its last run is passed over; after an error, or Ctrl-C, the same call goes on. What ships is written in place, below
`router/artefacts`: work in a checkout of its own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from training.codec.configuration import Configuration
from training.pipeline.plan import IncompleteConfigurationError, Workspace, plan
from training.pipeline.run import StepFailedError, described, run


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("build/pipeline"), help="for runs, caches and the journal")
    parser.add_argument("--plan", action="store_true", help="say what would be done, and why")
    parser.add_argument("--first", metavar="STEP", help="leave out the steps before this one")
    parser.add_argument("--last", metavar="STEP", help="leave out the steps after this one")
    parser.add_argument("--again", action="append", default=[], metavar="STEP", help="although nothing has changed; repeatable")
    parser.add_argument("--threads", type=int, default=1, help="of training")
    parser.add_argument("--jobs", type=int, default=1, help="processes of the other steps")
    args = parser.parse_args(arguments)
    try:
        configuration = Configuration.read(args.config)
        steps = plan(args.config.stem, args.config, configuration, Workspace(args.data, args.work, args.threads, args.jobs))
    except (OSError, ValidationError, IncompleteConfigurationError) as error:
        parser.error(str(error))
    names = [step.name for step in steps]
    if unknown := {args.first, args.last, *args.again} - {None, *names}:
        parser.error(f"no step {', '.join(sorted(unknown))}: {', '.join(names)}")
    first, last = names.index(args.first or names[0]), names.index(args.last or names[-1])
    steps, journal = steps[first : last + 1], args.work / f"{args.config.stem}.json"
    if args.plan:
        print("\n".join(described(steps, journal)))
        return
    try:
        run(steps, journal, again=args.again, tell=lambda line: print(line, flush=True))
    except StepFailedError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.code if error.code > 0 else 1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
