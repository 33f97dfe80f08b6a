"""Learning curves of training runs, and what they predict: `python -m training.codec.curve RUN_DIR [RUN_DIR ...] -o curve.svg`.

A run is a folder with `curve.csv` and perhaps `settings.json`, or such a CSV file. Draws the loss on training batches (smoothed)
and on held-out images over steps and over hours; losses of runs with other objectives cannot be compared.

Fits `loss = a + b * steps^-c` to the held-out points and prints what it says for more steps, with 95 % intervals of nonlinear
regression (delta method, Student's t). These cover the scatter of the points about the law, not whether the law holds. It can
hold for a constant learning rate only: in the decay the loss falls faster for a while, and a curve that ends there predicts too
much. Where a run says when its decay began, the points before are fitted on their own too.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.optimize import curve_fit
from scipy.stats import t as student

from training.codec.benchmark import svg

Values = NDArray[np.float64]

FEWEST_POINTS = 4
_STEEPEST = 5.0
AHEAD = (2, 4, 10)
_COLOURS = ("#e4572e", "#2a8fd0", "#2a9d63", "#7b5cd6", "#c08a00", "#d1398f")


@dataclass(frozen=True)
class Series:
    """Rows of one split, in order: steps, seconds, loss, each (n,)."""

    steps: Values
    seconds: Values
    loss: Values

    def before(self, seconds: float) -> Series:
        """The rows up to this time."""
        early = self.seconds <= seconds
        return Series(self.steps[early], self.seconds[early], self.loss[early])


@dataclass(frozen=True)
class Run:
    """One training run. `decay_from`: seconds at which its learning rate began to fall, None if not known."""

    name: str
    train: Series
    held: Series
    decay_from: float | None


@dataclass(frozen=True)
class PowerLaw:
    """`loss = a + b * (steps / unit)^-c`, with the covariance of (a, b, c) and the degrees of freedom of its fit.

    `unit` is the last step of the data: b is what could still be gained by infinite training, according to the fit.
    """

    a: float
    b: float
    c: float
    unit: float
    covariance: Values
    freedom: int

    def predict(self, steps: float) -> tuple[float, float]:
        """(loss, half width of its 95 % interval); the interval may be infinite."""
        x = steps / self.unit
        gradient = np.array([1.0, x**-self.c, -self.b * x**-self.c * np.log(x)])
        variance = float(gradient @ self.covariance @ gradient)
        width = float(student.ppf(0.975, self.freedom)) * np.sqrt(variance) if np.isfinite(variance) else np.inf
        return float(self.a + self.b * x**-self.c), float(width)


def read_run(path: Path) -> Run:
    """A run's folder or its CSV file. Raises OSError, KeyError or ValueError for another file."""
    file = path / "curve.csv" if path.is_dir() else path
    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    name = path.resolve().name if path.is_dir() else path.stem
    return Run(name, _series(rows, "train"), _series(rows, "held-out"), _decay_from(file.with_name("settings.json")))


def fit(series: Series) -> PowerLaw:
    """Least squares with a >= 0, as no loss is negative. Raises ValueError under four different steps, or for a rising loss."""
    steps, first = np.unique(series.steps, return_index=True)
    loss = series.loss[first]
    if len(steps) < FEWEST_POINTS:
        raise ValueError(f"{len(steps)} held-out points; a law of three parameters needs at least {FEWEST_POINTS}")
    low, high = float(loss.min()), float(loss.max())
    try:
        found, covariance = curve_fit(
            lambda x, a, b, c: a + b * x**-c,
            steps / steps[-1],
            loss,
            p0=(0.8 * low, 0.2 * low, 0.5),
            bounds=((0, 0, 0), (np.inf, np.inf, _STEEPEST)),
            maxfev=20_000,
        )
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"no power law was found: {error}") from error
    a, b, c = map(float, found)
    if loss[-1] >= loss[0] or b < 1e-6 * high or c < 1e-6:
        raise ValueError("the loss does not fall")
    return PowerLaw(a, b, c, float(steps[-1]), np.asarray(covariance, float), len(steps) - 3)


def forecast(run: Run) -> Iterator[str]:
    """What the held-out points of a run say, as lines of text."""
    held = run.held
    if len(held.steps):
        yield f"{run.name}: held-out loss {held.loss[-1]:.4f} at step {held.steps[-1]:.0f}, {held.seconds[-1] / 3600:.2f} h"
    parts = [("all held-out points", held)]
    if run.decay_from is not None and len(held.seconds) and held.seconds[-1] > run.decay_from:
        early = held.before(run.decay_from)
        yield f"  {len(held.steps) - len(early.steps)} of {len(held.steps)} points lie in the decay of the learning rate: "
        yield "  a fit to all of them mixes two laws and is no forecast for a longer run"
        parts.append(("before the decay", early))
    for label, part in parts:
        try:
            law = fit(part)
        except ValueError as error:
            yield f"  {label}: no fit: {error}"
            continue
        yield f"  {label}: {_law_text(law)}, {len(part.steps)} points"
        if law.a < 1e-3 * part.loss[-1]:
            yield "    no limit is in sight, as when the loss falls faster than by any such law (a decay of the rate does that):"
            yield "    read what follows as optimistic"
        for factor in AHEAD:
            steps = factor * law.unit
            hours = held.seconds[-1] / held.steps[-1] * steps / 3600
            loss, width = law.predict(steps)
            yield f"    {factor:2d} x = {steps:.0f} steps, {hours:.1f} h at this pace: {loss:.4f} +- {width:.4f}"
        if law.predict(AHEAD[0] * law.unit)[1] > float(np.ptp(part.loss)):
            yield "    the interval is wider than the whole fall so far: the points say nothing about what follows"


def draw(runs: Sequence[Run], file: Path) -> None:
    """Loss of every run over steps and over hours, side by side."""
    with svg.chart(file, columns=2, size=(9.0, 3.8)) as panels:
        for axes, label in zip(panels, ("steps", "hours"), strict=True):
            for i, run in enumerate(runs):
                _draw_run(axes, run, _COLOURS[i % len(_COLOURS)], label)
            axes.set_xlabel(label)
            axes.set_ylim(*_window(runs))
        panels[0].set_ylabel("loss")
        panels[1].legend(loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=8)


def _window(runs: Sequence[Run]) -> tuple[float, float]:
    """Range of losses to show: the first batches are far above everything that follows, and left out."""
    curves = [run.held.loss for run in runs] + [_smooth(run.train.loss)[len(run.train.loss) // 6 :] for run in runs]
    losses = np.concatenate(curves)
    if not len(losses):
        return 0.0, 1.0
    margin = 0.05 * float(np.ptp(losses)) + 0.01
    return float(losses.min()) - margin, float(losses.max()) + margin


def _draw_run(axes: Axes, run: Run, colour: str, unit: str) -> None:
    def across(series: Series) -> Values:
        return series.steps if unit == "steps" else series.seconds / 3600

    train = run.train

    if len(train.loss):
        axes.plot(across(train), _smooth(train.loss), color=colour, linewidth=1, alpha=0.55, label=f"{run.name}, training")
    if len(run.held.loss):
        axes.plot(across(run.held), run.held.loss, "o-", color=colour, linewidth=1.8, markersize=4, label=f"{run.name}, held out")
    if run.decay_from is not None and len(train.loss) and train.seconds[-1] > run.decay_from:
        begins = np.interp(run.decay_from, train.seconds, across(train))
        axes.axvline(float(begins), color=colour, linewidth=0.8, dashes=(2, 2), label=f"{run.name}, decay begins")


def _smooth(loss: Values) -> Values:
    """Centred running mean over about a twentieth of the rows; windows are cut at the ends."""
    if not len(loss):
        return loss
    window = max(1, len(loss) // 20) | 1
    kernel = np.ones(window)
    return np.asarray(np.convolve(loss, kernel, "same") / np.convolve(np.ones(len(loss)), kernel, "same"))


def _series(rows: Sequence[dict[str, str]], split: str) -> Series:
    values = np.array([[float(row[k]) for k in ("step", "seconds", "loss")] for row in rows if row["split"] == split])
    return Series(*values.reshape(-1, 3).T)


def _decay_from(settings: Path) -> float | None:
    """Seconds after which the learning rate falls, for a run by the clock in one piece; None where that is not certain."""
    if not settings.exists():
        return None
    found = json.loads(settings.read_text("utf-8"))
    if found.get("steps") is not None or found.get("resume") or "decay_from" not in found:
        return None
    return float(found["decay_from"]) * float(found["minutes"]) * 60


def _law_text(law: PowerLaw) -> str:
    errors = np.sqrt(np.diag(law.covariance))
    return (
        f"loss = {law.a:.4f} (+- {errors[0]:.4f}) + {law.b:.4f} (+- {errors[1]:.4f}) "
        f"* (steps / {law.unit:.0f})^-{law.c:.3f} (+- {errors[2]:.3f})"
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Draw and print. Raises SystemExit for wrong arguments."""
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("runs", type=Path, nargs="+", metavar="RUN_DIR")
    ap.add_argument("-o", "--out", type=Path, required=True, help="the SVG file")
    args = ap.parse_args(argv)
    runs = []
    for path in args.runs:
        try:
            runs.append(read_run(path))
        except (OSError, KeyError, ValueError) as error:
            ap.error(f"{path} holds no learning curve: {error}")
    draw(runs, args.out)
    for run in runs:
        print("\n".join(forecast(run)))
    print(args.out)


if __name__ == "__main__":
    main()
