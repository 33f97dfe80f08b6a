"""What the score is for: does it rise with the harm that the neural codec would do?

The disadvantage of an image is log(bytes of the neural file / bytes of the best classical file) at matched quality: above 0 the
neural codec loses, infinite where it cannot reach the quality. It is measured elsewhere and read from the report folder of
`codec-router evaluate`, or from a table with one row an image: `path` (below the split's folder), `domain`,
`disadvantage_ssimulacra2`, `disadvantage_msssim` (the metric that quality is matched on), `harmful` (true, false or empty).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from router.evaluation.statistics import share
from training.detector.benchmark.data import FAR, NEAR, PHOTOGRAPH
from training.detector.benchmark.methods import OURS, Scored
from training.detector.benchmark.statistics import spearman
from training.detector.benchmark.tables import ALPHA

MEASURES = ("disadvantage_ssimulacra2", "disadvantage_msssim")
COLUMNS = ("path", "domain", *MEASURES, "harmful")
TARGET = 70.0
"""SSIMULACRA2 of the rows taken from a report."""
_FEWEST = 4
_TRUTH = {"true": True, "false": False, "1": True, "0": False}


def read_disadvantage(source: Path, target: float = TARGET) -> pd.DataFrame:
    """COLUMNS of a CSV or Parquet file, or of a report folder.

    A report folder gives the rows at `target` (SSIMULACRA2), where harmful is empty for images that have no neural file at
    the target. Raises ValueError where a column, a path or the target is missing or occurs twice.
    """
    table = _of_report(source, target) if source.is_dir() else _read(source)
    if missing := [name for name in COLUMNS if name not in table.columns]:
        raise ValueError(f"{source} has no column {', '.join(missing)}")
    if table["path"].duplicated().any():
        raise ValueError(f"{source} has several rows for {table['path'][table['path'].duplicated()].iloc[0]}")
    words = table["harmful"].astype("string").str.lower()
    if not words.dropna().isin(_TRUTH).all():
        raise ValueError(f"{source}: harmful must be true, false or empty in every row")
    return table.assign(harmful=words.map(_TRUTH).astype("boolean"))[list(COLUMNS)]


def _of_report(folder: Path, target: float) -> pd.DataFrame:
    matched, harmed = _read(folder / "matched.parquet"), _read(folder / "harm.csv")
    matched, harmed = matched[matched["target"] == target], harmed[harmed["target"] == target]
    if not len(matched):
        raise ValueError(f"{folder} has no images at SSIMULACRA2 {target:g}")
    images = matched.drop_duplicates(["domain", "image"]).merge(harmed[["domain", "image", "harmed"]], how="left")
    return pd.DataFrame(
        {
            "path": images["domain"] + "/" + images["image"],
            "domain": images["domain"],
            "disadvantage_ssimulacra2": images["disadvantage"],
            "disadvantage_msssim": images["disadvantage_ms_ssim"],
            "harmful": images["harmed"],
        }
    )


def _read(file: Path) -> pd.DataFrame:
    return pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file)


def harm_report(table: pd.DataFrame, scored: Scored) -> dict[str, Any]:
    """Correlations and shares for the images of `scored` (as they are) that the table has.

    Rank correlation of every method's score with each disadvantage: over all images, over photographs, and inside each group;
    with two intervals, over images and over whole domains. Rows without a disadvantage are left out of it.
    """
    ours = pd.DataFrame(
        {
            "path": [s.picture.name for s in scored.subjects],
            "domain_of_image": [s.picture.domain for s in scored.subjects],
            "group": [s.picture.group for s in scored.subjects],
            "flagged": scored.p_values[OURS] <= ALPHA,
            **{f"score of {name}": values for name, values in scored.scores.items()},
        }
    )
    both = ours.merge(table[["path", *MEASURES, "harmful"]], on="path", validate="one_to_one")
    selections = {"all domains": both} | {
        label: both[both["group"] == group]
        for label, group in (("photographs", PHOTOGRAPH), ("near domains", NEAR), ("far domains", FAR))
    }
    return {
        "images": len(both),
        "not_in_table": len(ours) - len(both),
        "not_scored": len(table) - len(both),
        "correlation": [
            _correlation(rows, name, selection, measure)
            for selection, rows in selections.items()
            for measure in MEASURES
            for name in scored.scores
            if len(rows.dropna(subset=[measure])) >= _FEWEST
        ],
        "harmful": [_harmful(rows, selection) for selection, rows in selections.items() if len(rows)],
        "domains": [_domain(rows, str(name)) for name, rows in both.groupby("domain_of_image")],
    }


def harmless_far(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Far domains in which every image is known to be harmless."""
    return [row for row in report["domains"] if row["group"] == FAR and row["harmful"] == row["harm_unknown"] == 0]


def _correlation(rows: pd.DataFrame, method: str, selection: str, measure: str) -> dict[str, Any]:
    known = rows.dropna(subset=[measure])
    x, y = known[f"score of {method}"].to_numpy(np.float64), known[measure].to_numpy(np.float64)
    domains = known["domain_of_image"].to_numpy(str)
    return {
        "selection": selection,
        "measure": measure,
        "method": method,
        "images": len(known),
        "domains": len(np.unique(domains)),
        "spearman": spearman(x, y),
        "spearman_by_domain": spearman(x, y, domains) if len(np.unique(domains)) > 2 else None,
    }


def _harmful(rows: pd.DataFrame, selection: str) -> dict[str, Any]:
    known = rows.dropna(subset=["harmful"])
    harmful, harmless = (known[known["harmful"].astype(bool) == truth] for truth in (True, False))
    return {
        "selection": selection,
        "images": len(known),
        "harmful": len(harmful),
        "harmful_flagged": share(harmful["flagged"].to_numpy(bool)) if len(harmful) else None,
        "harmless_flagged": share(harmless["flagged"].to_numpy(bool)) if len(harmless) else None,
    }


def _domain(rows: pd.DataFrame, name: str) -> dict[str, Any]:
    return {
        "domain": name,
        "group": str(rows["group"].iloc[0]),
        "images": len(rows),
        "harmful": int(rows["harmful"].sum()),
        "harm_unknown": int(rows["harmful"].isna().sum()),
        "flagged": int(rows["flagged"].sum()),
        "harmful_flagged": int((rows["harmful"].fillna(False) & rows["flagged"]).sum()),
        **{f"median_{measure}": float(rows[measure].median()) for measure in MEASURES},
    }
