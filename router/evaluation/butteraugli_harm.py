"""Harm, version 2: version 1 (`harm`), and beside it the same question asked of Butteraugli.

An image is harmed if it is by MS-SSIM as version 1 has it, or if at equal bytes with AVIF its distance from the source by
Butteraugli is larger by more than a factor: by the 3-norm, which sums the whole image up, or by the maximum, which is its worst
spot. Asked only of what a policy left in the neural lane, because points have to be encoded again.

Why these factors. As in version 1, beyond them a saving of a good part of the bytes was taken from the picture. Along AVIF's
curve from SSIMULACRA2 50 to 70, a 3-norm that is smaller by 1.25 costs 24 % of the bytes (median of 64 development images of 18
domains, half of them photographs; quartiles 22 and 28 %), about what 1 dB of MS-SSIM costs. For the maximum, one spot that
scatters more, it is 1.4: 33 % of the bytes (28 and 37 %), about what 2 dB of the worst square cost. Both are above the noise of
such a comparison: at equal bytes AVIF 4:2:0 is behind the better of both samplings by more than the factor in 2.5 % of cases
each.

AVIF is taken at the better of 4:2:0 and 4:4:4, separately for each of the two, as in version 1. Between the two points
around the size the logarithm of the distance is interpolated over the logarithm of the bytes. Where AVIF has no file as
small as the neural one, there is nothing to compare with: no harm, and counted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from router.codecs.base import Lane
from router.errors import CodecUnavailableError, RouterError
from router.evaluation import harm as harms
from router.evaluation.comparison.matched import RateDistortion
from router.evaluation.measure.butteraugli import HINT, SMALLEST_SIDE
from router.evaluation.measure.coding import ImageCoder
from router.evaluation.measure.folder import one_thread
from router.evaluation.measure.pictures import DomainImage, open_picture
from router.evaluation.measure.point import VALUES, Measure
from router.evaluation.measure.variants import BETTER_AVIF, NEURAL, VARIANTS
from router.images.sample import ImageSample
from router.reasons import ReasonCode

if TYPE_CHECKING:
    import pandas as pd

VERSION = 2

TAU: Mapping[str, float] = {"butteraugli_norm": 1.25, "butteraugli_max": 1.4}
"""Largest ratio of distances, neural to AVIF, that is no harm."""

NAMES = VALUES[Measure.BUTTERAUGLI]
Distances = dict[tuple[str, int], dict[str, float]]
"""`NAMES` by (family, setting)."""

_KEYS = ["domain", "image", "target"]
COLUMNS = [*_KEYS, "bytes", *(f"{name}_ratio" for name in TAU), "compared", "harmed"]


def butteraugli_harm(
    points: pd.DataFrame,
    routed: pd.DataFrame,
    pictures: Sequence[DomainImage],
    cache: Path,
    program: Path,
    *,
    max_side: int | None = None,
    jobs: int = 1,
) -> pd.DataFrame:
    """One row an image and target that any policy left in the neural lane; see `COLUMNS`.

    `<name>_ratio`: distance of the neural file over that of AVIF at its bytes; NaN where AVIF has no file as small.

    Args:
        points: see `folder.measure_folder`; routed: see `routing.routed`.
        cache: folder for what was measured.
        program: see `measure.butteraugli.find`.
        max_side: as the points were measured.

    What cannot be read or encoded again is not compared. Raises CodecUnavailableError (MISSING_EXTRA) if the program fails.
    """
    import joblib
    import pandas as pd

    paths = {(picture.domain, picture.image): picture.path for picture in pictures}
    neural = routed[routed["lane"] == Lane.NEURAL.value][_KEYS].drop_duplicates()
    groups = [(str(d), str(i), rows["target"].tolist()) for (d, i), rows in neural.groupby(["domain", "image"], sort=True)]
    own = {(str(d), str(i)): rows for (d, i), rows in points.groupby(["domain", "image"])}
    work = joblib.delayed(_of_image)
    with joblib.parallel_config(inner_max_num_threads=1, backend="loky"):
        found = joblib.Parallel(n_jobs=jobs)(
            work(own[d, i], paths[d, i], targets, cache, program, max_side) for d, i, targets in groups
        )
    rows = [
        {"domain": domain, "image": image} | row for (domain, image, _), part in zip(groups, found, strict=True) for row in part
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"target": float, "bytes": float, "compared": bool, "harmed": bool})


def summary(routed: pd.DataFrame, seen: pd.DataFrame, harm: pd.DataFrame) -> dict[str, Any]:
    """The figures as JSON-able values: `version`, `tau_ratio`, and `policies`.

    `policies` has for each name and target (text), or "all" together, `harm.summary` of version 2, with `by_butteraugli`,
    images that are harmed by it, and `by_butteraugli_alone`, those of them that version 1 does not count.

    `routed`: see `routing.routed`; `seen`: see `butteraugli_harm`; `harm`: see `harm.harm`.
    """
    both = seen.merge(harm[[*_KEYS, "harmed"]], on=_KEYS, how="left", suffixes=("", "_1"))
    both["by"], both["first"] = both["harmed"], both["harmed_1"].fillna(False).astype(bool)
    both["harmed"] = both["by"] | both["first"]
    found: dict[str, Any] = {}
    for policy, rows in routed.groupby("policy", sort=True):
        images = len(rows[_KEYS[:2]].drop_duplicates())
        own = both.merge(rows[rows["lane"] == Lane.NEURAL.value][_KEYS], on=_KEYS, how="inner")
        groups = {"all": own} | {f"{t:g}": own[own["target"] == t] for t in sorted(rows["target"].unique())}
        found[str(policy)] = {name: _summed(part, images) for name, part in groups.items()}
    return {"version": VERSION, "tau_ratio": dict(TAU), "policies": found}


def _summed(rows: pd.DataFrame, images: int) -> dict[str, Any]:
    by_image = rows.groupby(_KEYS[:2])[["by", "first"]].any()
    counts = {
        "by_butteraugli": int(by_image["by"].sum()),
        "by_butteraugli_alone": int((by_image["by"] & ~by_image["first"]).sum()),
    }
    return harms.summary(rows, images) | {"version": VERSION} | counts


def _of_image(
    points: pd.DataFrame, path: Path, targets: Sequence[float], cache: Path, program: Path, max_side: int | None
) -> list[dict[str, Any]]:
    families = {name: rows for name, rows in points.groupby("family", sort=True) if name in (NEURAL, *BETTER_AVIF)}
    sizes = {target: RateDistortion(families[NEURAL]).bytes_at("ssimulacra2", target) for target in targets}
    wanted: dict[str, set[int]] = {}
    for size in sizes.values():
        for name, rows in families.items():
            wanted.setdefault(str(name), set()).update(around(rows, size)["setting"].astype(int) if size else ())
    known: Distances = {}
    try:
        with one_thread(neural=True):
            known = distances(open_picture(path, max_side), wanted, cache, program)
    except RouterError:
        pass
    except RuntimeError as error:
        raise CodecUnavailableError(str(error), code=ReasonCode.MISSING_EXTRA, hint=HINT) from error
    return [{"target": target, "bytes": size} | _compared(families, known, size) for target, size in sizes.items()]


def distances(sample: ImageSample, wanted: Mapping[str, Collection[int]], cache: Path, program: Path) -> Distances:
    """Distances of these settings by family; empty below 8 px a side, where the program has no answer.

    `sample`: see `open_picture`, 8 bits. Raises CodecError, RuntimeError if the program fails.
    """
    if min(sample.height, sample.width) < SMALLEST_SIDE:
        return {}
    with ImageCoder(sample, cache, butteraugli=program) as coder:
        return {
            (name, setting): dict(coder.point(VARIANTS[name], setting, [Measure.BUTTERAUGLI]).values)
            for name, settings in wanted.items()
            for setting in sorted(settings)
        }


def _compared(families: Mapping[Any, pd.DataFrame], known: Distances, size: float | None) -> dict[str, Any]:
    ratios = dict.fromkeys((f"{name}_ratio" for name in TAU), np.nan)
    if size and known:
        for name in NAMES:
            ours = _value(NEURAL, families[NEURAL], known, name, size)
            theirs = [_value(f, rows, known, name, size) for f, rows in families.items() if f != NEURAL]
            best = min((value for value in theirs if value is not None), default=None)
            if ours is not None and best is not None:
                ratios[f"{name}_ratio"] = ours / max(best, 1e-6)
    compared = all(np.isfinite(value) for value in ratios.values())
    return ratios | {"compared": compared, "harmed": any(ratios[f"{name}_ratio"] > tau for name, tau in TAU.items())}


def around(rows: pd.DataFrame, size: float) -> pd.DataFrame:
    """The one or two points of a family next to a number of bytes; none where its smallest file is larger."""
    rows = rows.sort_values(["bytes", "ssimulacra2"])
    sizes = rows["bytes"].to_numpy(float)
    below = int((sizes <= size * (1 + 1e-9)).sum())
    return rows.iloc[max(0, below - 1) : below + 1] if below else rows.iloc[:0]


def _value(family: Any, rows: pd.DataFrame, known: Distances, name: str, size: float) -> float | None:
    near = around(rows, size)
    if not len(near):
        return None
    values = [max(known[str(family), int(setting)][name], 1e-6) for setting in near["setting"]]
    return float(np.exp(np.interp(np.log(size), np.log(near["bytes"].to_numpy(float)), np.log(values))))
