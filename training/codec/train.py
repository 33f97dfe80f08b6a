"""Train the neural codec: `python -m training.codec.train --config FILE --data DIR --out RUN_DIR [--resume]`.

Runs on a CPU (bf16 autocast) or on CUDA. The rate is constant, then falls linearly to zero over the last part of the
time: most of the visible gain comes in the decay, so stop a run by its clock, not by a signal. The state is saved every
few minutes; `--resume` goes on from it. The weights before the decay are kept as well: `--from-stable --restart-schedule
--minutes N` trains on from them, with a new schedule.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from training.codec.configuration import add_options, from_options
from training.codec.run_folder import STABLE, STATE
from training.codec.trainer import Trainer


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of photographs, searched recursively")
    parser.add_argument("--out", type=Path, required=True, help="folder for the state, the curve and the settings")
    parser.add_argument("--resume", action="store_true", help="go on from the state in --out if there is one")
    parser.add_argument(
        "--from-stable",
        action="store_true",
        help="as --resume, from the weights before the last decay; with --restart-schedule the way to train on",
    )
    parser.add_argument("--restart-schedule", action="store_true", help="with --resume: give the schedule --minutes from now")
    parser.add_argument("--save-minutes", type=float, default=10, help="save the state this often (default 10)")
    parser.add_argument("--workers", type=int, default=0, help="processes that make crops, for GPUs (default 0: none)")
    parser.add_argument("--threads", type=int, default=1, help="default 1")
    parser.add_argument(
        "--compile", action="store_true", help="torch.compile the transforms and the metric: minutes at the start, for GPUs"
    )
    add_options(parser)
    args = parser.parse_args(argv)
    configuration = from_options(parser, args)
    torch.set_num_threads(args.threads)
    try:
        trainer = Trainer(
            configuration, args.data, args.out, save_minutes=args.save_minutes, compiled=args.compile, workers=args.workers
        )
    except ValueError as error:
        parser.error(str(error))
    state = args.out / (STABLE if args.from_stable else STATE)
    if (args.resume or args.from_stable) and state.exists():
        trainer.resume(state)
    else:
        trainer.start()
    trainer.run(restart_schedule=args.restart_schedule)


if __name__ == "__main__":
    main()
