"""Bytes at matched quality, and what the neural codec gains or loses by them.

Columns of `at_targets`, one row an image, target and family ("avif" stands for the better of both samplings):

    domain, image, target   SSIMULACRA2
    family, lane
    bytes                   interpolated at the target (see `curves`), NaN where it is out of reach
    score                   what those bytes buy: the target, or more where even the cheapest setting is better
    ms_ssim_db              -10 log10(1 - MS-SSIM) at these bytes
    guard_passed            whether the guard passed the measured point that is nearest in SSIMULACRA2
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from router.codecs.base import Lane
from router.evaluation.comparison.curves import RateCurve, fewest_bytes
from router.evaluation.measure.variants import BETTER_AVIF, NEURAL

if TYPE_CHECKING:
    import pandas as pd

AVIF = "avif"
POOLED = "all"
"""Stands for all domains together, beside their names."""
COLUMNS = ["domain", "image", "target", "family", "lane", "bytes", "score", "ms_ssim_db", "guard_passed"]


class RateDistortion:
    """One image's points of one family, or of several of which the better counts at every target."""

    def __init__(self, points: pd.DataFrame) -> None:
        """`points`: rows of the table of `measure_folder`, at least one."""
        self.points = points
        self.lane = str(points["lane"].iloc[0])
        families = points["family"].to_numpy()
        self._parts = [families == name for name in sorted(set(families))]
        self._curves: dict[str, list[RateCurve]] = {}

    def curves(self, metric: str) -> list[RateCurve]:
        """One a family; empty where the metric has no value."""
        if metric not in self._curves:
            values = self.points[metric].to_numpy(float)
            parts = [part & np.isfinite(values) for part in self._parts]
            sizes = self.points["bytes"].to_numpy()
            self._curves[metric] = [RateCurve.through(metric, sizes[part], values[part]) for part in parts if part.any()]
        return self._curves[metric]

    def bytes_at(self, metric: str, value: float) -> float | None:
        """Fewest bytes that reach a value of a metric, None if it is out of reach."""
        return fewest_bytes(self.curves(metric), value)

    def value_at(self, metric: str, size: float) -> float | None:
        """The metric (on the scale of `curves.scaled`) at a number of bytes, None if the smallest file is larger."""
        found = [value for curve in self.curves(metric) if (value := curve.value_at(size)) is not None]
        return max(found, default=None)

    def guard_passed(self, score: float) -> bool:
        """Whether the guard passes the measured point nearest in SSIMULACRA2."""
        return bool(self.points["guard_passed"].to_numpy(bool)[self._nearest(score)].all())

    def guard_quantile(self, score: float) -> float:
        """The smallest quantile at which the guard passes the measured point nearest in SSIMULACRA2; see `guarded.GuardVerdict`.

        NaN where none was stored: in lanes other than the neural one.
        """
        return float(self.points["guard_quantile"].to_numpy(float)[self._nearest(score)].max())

    def _nearest(self, score: float) -> NDArray[np.bool_]:
        distances = np.abs(self.points["ssimulacra2"].to_numpy(float) - score)
        return np.asarray(distances <= distances.min())


def images(frame: pd.DataFrame) -> Iterator[tuple[str, str, dict[str, RateDistortion]]]:
    """(domain, image, curves by family); where both samplings of AVIF are there, or one, also "avif"."""
    for (domain, image), rows in frame.groupby(["domain", "image"], sort=True):
        by_family = {str(name): RateDistortion(part) for name, part in rows.groupby("family", sort=True)}
        avif = rows[rows["family"].isin(BETTER_AVIF)]
        if len(avif):
            by_family[AVIF] = RateDistortion(avif)
        yield str(domain), str(image), by_family


def at_targets(frame: pd.DataFrame, targets: Iterable[float]) -> pd.DataFrame:
    """Bytes of every family at every SSIMULACRA2 target; columns above. `frame`: see `measure_folder`."""
    import pandas as pd

    wanted = tuple(float(target) for target in targets)
    rows = [
        {"domain": domain, "image": image, "target": target, "family": name} | _at(rd, target)
        for domain, image, by_family in images(frame)
        for target in wanted
        for name, rd in by_family.items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"target": float, "bytes": float})


def _at(rd: RateDistortion, target: float) -> dict[str, Any]:
    size = rd.bytes_at("ssimulacra2", target)
    if size is None:
        return {"lane": rd.lane, "bytes": np.nan, "score": np.nan, "ms_ssim_db": np.nan, "guard_passed": False}
    score = rd.value_at("ssimulacra2", size)
    ms_ssim = rd.value_at("ms_ssim", size)
    return {
        "lane": rd.lane,
        "bytes": size,
        "score": score,
        "ms_ssim_db": np.nan if ms_ssim is None else ms_ssim,
        "guard_passed": rd.guard_passed(target if score is None else score),
    }


DISADVANTAGE = [
    "domain",
    "image",
    "target",
    "neural_bytes",
    "classical_bytes",
    "classical",
    "disadvantage",
    "ms_ssim_target",
    "neural_bytes_ms_ssim",
    "classical_bytes_ms_ssim",
    "disadvantage_ms_ssim",
]


def disadvantage(frame: pd.DataFrame, target: float, *, neural: str = NEURAL) -> pd.DataFrame:
    """How many more bytes the neural codec takes than the best classical one, an image a row.

    Columns:
        domain, image, target: SSIMULACRA2.
        neural_bytes, classical_bytes: at the target; classical is the family that takes the fewest, lossy or lossless.
        classical: its name.
        disadvantage: log(neural_bytes / classical_bytes); below 0 the neural codec wins; +inf if it cannot reach the target,
            NaN if it was not measured or no classical codec reaches the target.
        ms_ssim_target: MS-SSIM that the best *lossy* classical codec has at its bytes at the target (lossless files have 1,
            which no lossy one reaches).
        neural_bytes_ms_ssim, classical_bytes_ms_ssim, disadvantage_ms_ssim: as above, at that MS-SSIM.
    """
    import pandas as pd

    rows = [
        {"domain": domain, "image": image, "target": float(target)} | _compared(by_family, float(target), neural)
        for domain, image, by_family in images(frame)
    ]
    return pd.DataFrame(rows, columns=DISADVANTAGE).astype({"target": float})


def _compared(by_family: dict[str, RateDistortion], target: float, neural: str) -> dict[str, Any]:
    ours = by_family.get(neural)
    baselines = {name: rd for name, rd in by_family.items() if rd.lane != Lane.NEURAL and name != AVIF}
    lossy = [rd for rd in baselines.values() if rd.lane == Lane.CLASSICAL]
    size, name = _best(baselines, "ssimulacra2", target)
    neural_size = None if ours is None else ours.bytes_at("ssimulacra2", target)
    found = {
        "neural_bytes": _number(neural_size),
        "classical_bytes": _number(size),
        "classical": name,
        "disadvantage": _log_ratio(ours is not None, neural_size, size),
    }
    ms_ssim = _ms_ssim_of_best(lossy, target)
    if ms_ssim is None:
        return found | dict.fromkeys(DISADVANTAGE[-4:], np.nan)
    size, _ = _best(baselines, "ms_ssim", ms_ssim)
    neural_size = None if ours is None else ours.bytes_at("ms_ssim", ms_ssim)
    return found | {
        "ms_ssim_target": ms_ssim,
        "neural_bytes_ms_ssim": _number(neural_size),
        "classical_bytes_ms_ssim": _number(size),
        "disadvantage_ms_ssim": _log_ratio(ours is not None, neural_size, size),
    }


def _best(by_family: dict[str, RateDistortion], metric: str, value: float) -> tuple[float | None, str | None]:
    found = [(size, name) for name, rd in by_family.items() if (size := rd.bytes_at(metric, value)) is not None]
    return min(found, default=(None, None))


def _ms_ssim_of_best(lossy: Sequence[RateDistortion], target: float) -> float | None:
    found = [(size, i) for i, rd in enumerate(lossy) if (size := rd.bytes_at("ssimulacra2", target)) is not None]
    if not found:
        return None
    size, best = min(found)
    value = lossy[best].value_at("ms_ssim", size)
    return None if value is None else 1 - 10 ** (-value / 10)


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _log_ratio(measured: bool, neural: float | None, classical: float | None) -> float:
    if not measured or classical is None:
        return np.nan
    return np.inf if neural is None else float(np.log(neural / classical))
