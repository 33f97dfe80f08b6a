"""The curve of a run, as a table that grows and as lines to read."""

from __future__ import annotations

import csv
from pathlib import Path

import torch
from torch import Tensor

from training.codec.objective import Terms

_COLUMNS = ("step", "seconds", "split", "loss", "bpp", "mse", "ssimulacra2_distance", "ssimulacra2")
EVERY = 100
"""Steps that a row of the training loss is the mean of."""


class CurveLog:
    """`curve.csv` of a run; a context manager."""

    def __init__(self, file: Path, *, append: bool) -> None:
        self._file = file.open("a" if append else "w", newline="")
        self._rows = csv.writer(self._file)
        self._waiting: list[Tensor] = []
        if not append:
            self._rows.writerow(_COLUMNS)

    def __enter__(self) -> CurveLog:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def step(self, step: int, seconds: float, loss: Tensor, terms: Terms) -> None:
        """After each step."""
        self._waiting.append(torch.stack([loss, terms.bpp.mean(), terms.mse.mean(), terms.ssimulacra2.mean()]).detach())
        if step % EVERY == 0:
            mean = torch.stack(self._waiting).mean(0).tolist()  # the one place where a GPU is waited for
            self._waiting = []
            self._write(step, seconds, "train", [*(round(v, 4) for v in mean), ""])
            loss_, bpp, mse, distance = mean
            self._tell(f"{step} {seconds:.0f}s loss {loss_:.3f} bpp {bpp:.3f} mse {mse:.1f} ssimulacra2 distance {distance:.2f}")

    def held_out(self, step: int, seconds: float, figures: list[float]) -> None:
        """What `validate` found."""
        self._write(step, seconds, "held-out", [round(v, 4) for v in figures])
        loss, bpp, mse, distance, score = figures
        self._tell(f"held-out loss {loss:.4f} bpp {bpp:.4f} mse {mse:.2f} distance {distance:.3f} ssimulacra2 {score:.2f}")

    def _write(self, step: int, seconds: float, split: str, values: list[object] | list[float]) -> None:
        self._rows.writerow([step, round(seconds), split, *values])
        self._file.flush()

    def _tell(self, line: str) -> None:
        print(line, flush=True)
