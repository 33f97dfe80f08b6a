"""What a router is compared with: one codec for everything, and a rule by the image's complexity.

Where a baseline's codec refuses an image or does not reach the target, the image's smallest lossless file counts, and the
image is counted as missed. Baselines have no guard. Their seconds are those of a search in every codec that they try (see
`costs`), as the router's are.

The **complexity rule** is imgproxy's "best format", with the neural codec as the codec for photographs: below a threshold of
complexity the smallest lossless file; else the neural codec, AVIF where it cannot write the image or reach the target. It stands
for what a service does that routes by a property of the picture alone, and not by what a codec knows.

Its measure and threshold were chosen on 250 development images of 18 domains (150 photographs; centres of at most 512 px) for
the fewest bytes at SSIMULACRA2 70: the entropy of luma, below 0.6 bits. It takes 0.899 of always-AVIF's bytes there; without any
threshold it would be 0.900, which none on the mean gradient improves; at 5.5 bits, imgproxy's default, 1.358. So the rule at its
best sends all but 2 of the images to the neural codec: few are smaller without loss, and complexity does not tell which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from router.evaluation.comparison.costs import searched
from router.evaluation.comparison.matched import AVIF, RateDistortion, images
from router.evaluation.measure.variants import BETTER_AVIF, LOSSLESS, NEURAL

if TYPE_CHECKING:
    import pandas as pd

ALWAYS: Mapping[str, str] = {
    "always-jpeg": "jpeg",
    "always-webp": "webp",
    "always-avif": AVIF,
    "always-jxl": "jxl",
    "always-neural": NEURAL,
}
"""Baseline -> family."""
COMPLEXITY_RULE = "complexity-rule"
BASELINES = (*ALWAYS, COMPLEXITY_RULE)
ANCHOR = "always-avif"

LINE = 0.6
"""Entropy of luma in bits; images below it are stored without loss by the complexity rule."""

KEYS = ["domain", "image", "target"]
COLUMNS = [*KEYS, "rival", "family", "bytes", "seconds", "missed"]
"""`family`: what wrote the image, None (and NaN bytes) if nothing did; `missed`: none of the baseline's own lossy codecs
could."""


def baseline_results(frame: pd.DataFrame, targets: Iterable[float]) -> pd.DataFrame:
    """One row an image, target and baseline whose codecs were measured; see `COLUMNS`. `frame`: see `measure_folder`."""
    import pandas as pd

    wanted, measured = tuple(float(target) for target in targets), set(frame["family"])
    shown = [name for name, family in ALWAYS.items() if measured & set(_parts(family))]
    entropy = frame.groupby(["domain", "image"])["entropy"].first() if len(frame) else {}
    ruled = NEURAL in measured and bool(measured & set(LOSSLESS))
    rows: list[dict[str, Any]] = []
    for domain, image, by_family in images(frame):
        plain = bool(entropy[domain, image] < LINE)
        for target in wanted:
            label = {"domain": domain, "image": image, "target": target}
            rows += [label | {"rival": name} | _tried(by_family, (ALWAYS[name],), target) for name in shown]
            if ruled and np.isfinite(entropy[domain, image]):
                tried = _tried(by_family, () if plain else (NEURAL, AVIF), target)
                missed = tried["missed"] and not (plain and tried["family"])
                rows.append(label | {"rival": COMPLEXITY_RULE} | tried | {"missed": missed})
    return pd.DataFrame(rows, columns=COLUMNS).astype({"target": float, "bytes": float, "seconds": float, "missed": bool})


def sizes(table: pd.DataFrame) -> pd.DataFrame:
    """From `baseline_results`: one row an image and target, a column of bytes a baseline, in the order of `BASELINES`."""
    found = table.pivot(index=KEYS, columns="rival", values="bytes")
    return found[[name for name in BASELINES if name in found.columns]].reset_index()


def _tried(by_family: Mapping[str, RateDistortion], families: Sequence[str], target: float) -> dict[str, Any]:
    """The first of `families` that reaches the target, else the smallest lossless file; the seconds of all that was tried."""
    seconds = 0.0
    for family in families:
        rd = by_family.get(family)
        if rd is None:
            continue
        seconds += sum(searched(by_family[name], name, target).seconds for name in _parts(family) if name in by_family)
        size = rd.bytes_at("ssimulacra2", target)
        if size is not None:
            return {"family": family, "bytes": size, "seconds": seconds, "missed": False}
    lossless = [name for name in LOSSLESS if name in by_family]
    seconds += sum(searched(by_family[name], name, target).seconds for name in lossless)
    found = [(size, name) for name in lossless if (size := by_family[name].bytes_at("ssimulacra2", target)) is not None]
    size, name = min(found, default=(np.nan, None))
    return {"family": name, "bytes": size, "seconds": seconds, "missed": True}


def _parts(family: str) -> tuple[str, ...]:
    return BETTER_AVIF if family == AVIF else (family,)
