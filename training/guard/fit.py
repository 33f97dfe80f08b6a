"""Calibrate the guard for one neural model: how far photographs go that the codec was not trained on.

    python -m training.guard.fit --data DIR --model photo-0.1 --out router/artefacts/guards/photo-0.1

Every photograph of DIR/dev/natural (its middle) is coded at a few rates, decoded by the public path and measured; values at the
targets are read off between the rates. What was coded stays in the cache, by the hash of the weights. Prints what the limits
would refuse among photographs that they were not made from (half against half, 50 times).
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from router.codecs.neural.weights import find_model
from router.quality.guard import MEASURES, MEASURES_VERSION, GuardCalibration, artefact
from router.quality.guard.measure import ATTENUATED
from training.guard.pictures import RATES, image_files
from training.guard.samples import Sample, sample

TARGETS = (30.0, 50.0, 70.0, 85.0)
QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
SIDE = 512
FEWEST = 30
"""Photographs that must reach a target for it to be calibrated."""
_BODY, _TAIL = 0.75, 0.96
"""The tail is an exponential through these two quantiles: single photographs on which the codec fails must not raise it."""
_LEAST = 1e-3

Table = NDArray[np.float64]


def main(arguments: Sequence[str] | None = None) -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--model", required=True, help="id of the neural model")
    ap.add_argument("--out", type=Path, required=True, help="folder to write; its name becomes the guard's id")
    ap.add_argument("--cache", type=Path, default=Path("build/guard"))
    ap.add_argument("--jobs", type=int, default=1)
    args = ap.parse_args(arguments)
    paths = image_files(args.data / "dev" / "natural")
    if len(paths) < FEWEST:
        ap.error(f"{args.data}/dev/natural needs at least {FEWEST} photographs")
    began = time.monotonic()
    samples = Parallel(n_jobs=args.jobs)(delayed(sample)(p, args.model, TARGETS, SIDE, args.cache) for p in paths)
    calibration = artefact.write(args.out, calibrate(args.out.name, args.model, samples))
    print(f"{calibration.guard_id} {calibration.sha256}: {len(samples)} photographs, {time.monotonic() - began:.0f} s")
    for line in (*describe(calibration), *held_out(samples)):
        print(line)


def calibrate(guard_id: str, model: str, samples: Sequence[Sample], *, targets: Sequence[float] = TARGETS) -> GuardCalibration:
    """The calibration that `samples` make. Raises ValueError if no target was reached by FEWEST of them."""
    by_target = {t: [s for s in samples if t in s.whole] for t in targets}
    reached = [t for t in targets if len(by_target[t]) >= FEWEST]
    if not reached:
        raise ValueError("too few photographs reached any target")
    whole = {t: np.stack([s.whole[t] for s in by_target[t]]) for t in reached}
    typical = [np.quantile(whole[t], _BODY, axis=0) for t in reached]
    spread = [np.maximum(_slope(whole[t]), _LEAST) for t in reached]
    standard = [(whole[t] - typical[k]) / spread[k] for k, t in enumerate(reached)]
    local = [k for k in range(len(MEASURES)) if k not in ATTENUATED]
    quarters = [np.stack([q for s in by_target[t] for q in s.quarters[t]]) for t in reached]
    standard_quarters = [(q - typical[k]) / spread[k] for k, q in enumerate(quarters)]
    growth = [_growth(z[:, local].max(1), q[:, local].max(1)) for z, q in zip(standard, standard_quarters, strict=True)]
    return GuardCalibration(
        schema_version=artefact.SCHEMA_VERSION,
        guard_id=guard_id,
        measures_version=MEASURES_VERSION,
        model=model,
        model_sha256=find_model(model).sha256,
        targets=tuple(reached),
        quantiles=QUANTILES,
        measures={
            name: artefact.MeasureScale(
                typical=_plain(row[column] for row in typical), spread=_plain(row[column] for row in spread)
            )
            for column, name in enumerate(MEASURES)
        },
        levels=_plain(_levels(np.concatenate([z.max(1) for z in standard]))),
        pixels=float(np.median([s.pixels for s in samples])),
        growth=_plain(growth),
        photographs=tuple(len(by_target[t]) for t in reached),
        provenance={
            "calibrated_on": dict(sorted(Counter(s.name.split("__")[0] for s in samples).items())),
            "middle_of_px": SIDE,
            "rates": list(RATES),
            "tail": f"exponential through the quantiles {_BODY} and {_TAIL}",
        },
    )


def describe(calibration: GuardCalibration) -> list[str]:
    """Limits at the quantiles 0.95 and 0.99, one line a target."""
    lines = []
    for target, count in zip(calibration.targets, calibration.photographs, strict=True):
        for quantile in (0.95, 0.99):
            limits = calibration.limits(MEASURES, target, quantile, int(calibration.pixels))
            values = " ".join(f"{name} {limit:.2f}" for name, limit in zip(MEASURES, limits, strict=True))
            lines.append(f"  target {target:g}, {count} photographs, quantile {quantile}: {values}")
    return lines


def held_out(samples: Sequence[Sample], *, splits: int = 50) -> list[str]:
    """Refusals among the half that the limits were not made from; mean and spread over random splits, by target."""
    model = next(iter(_models()), "")
    rng = np.random.default_rng(1)
    refused: dict[tuple[float, float], list[float]] = {}
    for _ in range(splits):
        order = rng.permutation(len(samples))
        half = len(samples) // 2
        try:
            calibration = calibrate("held-out", model, [samples[k] for k in order[:half]])
        except ValueError:
            continue
        for target in calibration.targets:
            others = [s for s in (samples[k] for k in order[half:]) if target in s.whole]
            for quantile in (0.95, 0.99):
                fails = [(s.whole[target] > calibration.limits(MEASURES, target, quantile, s.pixels)).any() for s in others]
                refused.setdefault((target, quantile), []).append(float(np.mean(fails)))
    return [
        f"  held out, target {target:g}, quantile {quantile}: {np.mean(shares):.1%} refused (between splits {np.std(shares):.1%})"
        for (target, quantile), shares in sorted(refused.items())
    ]


def _models() -> list[str]:
    from router.codecs.neural.weights import list_models

    return [card.id for card in list_models()]


def _slope(values: Table) -> Table:
    """Scale of the tail along the first axis: rise per e-fold of rarity."""
    body, tail = np.quantile(values, [_BODY, _TAIL], axis=0)
    return np.asarray((tail - body) / np.log((1 - _BODY) / (1 - _TAIL)))


def _levels(highest: Table) -> Table:
    """Quantiles of all targets together, since standardised values have one law.

    They are as counted up to _BODY, and along the exponential tail beyond.
    """
    body = np.quantile(highest, _BODY)
    slope = max(float(_slope(highest)), _LEAST)
    tail = [body + slope * np.log((1 - _BODY) / (1 - q)) for q in QUANTILES]
    return np.array([np.quantile(highest, q) if q <= _BODY else t for q, t in zip(QUANTILES, tail, strict=True)])


def _growth(whole: Table, quarters: Table) -> float:
    """Rise of the upper quantiles when the area doubles: a whole has four times the area of a quarter."""
    upper = [0.75, 0.9]
    return max(0.0, float(np.mean(np.quantile(whole, upper) - np.quantile(quarters, upper)))) / 2


def _plain(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(round(float(v), 5) for v in values)


if __name__ == "__main__":
    main()
