"""The result as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from router.evaluation.statistics import IntervalEstimate
from training.detector.benchmark.harm import harmless_far
from training.detector.benchmark.methods import OURS
from training.detector.benchmark.tables import goals

_TITLES = {"far": "far domains", "near": "near domains"}


def markdown(result: Mapping[str, Any]) -> str:
    """Everything that `result` (see `__main__.run`) has, as Markdown."""
    parts = [_head(result)]
    if "tables" in result:
        tables = result["tables"]
        parts += [_domains("By domain", tables[OURS]), _goals(tables), _comparison(result["comparison"])]
        parts += [
            _side_by_side(tables, "auroc", "AUROC, all methods"),
            _side_by_side(tables, "fpr95", "FPR at 95 % TPR, all methods"),
        ]
        parts += [_domains(f"Rival: {name}", table, 3) for name, table in tables.items() if name != OURS]
        parts.append(_imgproxy(result["imgproxy_line"]))
    if "false_alarms" in result:
        parts.append(_alarms(result["false_alarms"], result["calibration_sizes"]))
    if "shifts" in result:
        parts.append(_shifts(result["shifts"]))
    if "harm" in result:
        parts.append(_harm(result["harm"]))
    if "cost" in result:
        parts.append(_cost(result["cost"]))
    return "\n\n".join(parts) + "\n"


def jsonable(value: Any) -> Any:
    """`value` with estimates, arrays and tuples as plain JSON; NaN as null."""
    if isinstance(value, IntervalEstimate):
        return jsonable(value.to_dict())
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _head(result: Mapping[str, Any]) -> str:
    lines = [
        f"# Detector {result['detector_id']}, split {result['split']}",
        f"SHA-256 {result['detector_sha256']}. Intervals are 95 %.",
        *result["notes"],
    ]
    return "\n".join(lines)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(e: IntervalEstimate | None, digits: int = 3) -> str:
    return "" if e is None else f"{e.value:.{digits}f} [{e.low:.{digits - 1}f}, {e.high:.{digits - 1}f}]"


def _domains(title: str, table: Mapping[str, Any], level: int = 2) -> str:
    rows = [
        (name, row["group"], str(row["images"]), _cell(row["auroc"]), _cell(row["fpr95"]), _cell(row["flagged"]))
        for name, row in sorted(table["rows"].items(), key=lambda item: (item[1]["group"], -item[1]["auroc"].value))
    ]
    for group, means in table["means"].items():
        what = (f"**mean of {means['rows']} {_TITLES[group]}**", group, str(means["images"]))
        rows.append((*what, _cell(means["auroc"]), _cell(means["fpr95"]), f"{means['flagged']:.3f}"))
    header = ("domain", "group", "images", "AUROC", "FPR at 95 % TPR", "flagged at alpha 0.05")
    return f"{'#' * level} {title}\n\n{_table(header, rows)}"


def _goals(tables: Mapping[str, Any]) -> str:
    return "\n".join(f"- {'reached' if reached else 'MISSED'}: {text}" for text, reached in goals(tables))


def _comparison(rows: Sequence[Mapping[str, Any]]) -> str:
    groups = [group for group in ("far", "near") if f"{group}_auroc" in rows[0]]
    header = ["method"]
    for group in groups:
        header += [f"{group}: mean AUROC", "ours minus this", f"{group}: mean FPR at 95 % TPR", "ours minus this"]
    lines = []
    for row in rows:
        line = [row["method"]]
        for group in groups:
            for figure in ("auroc", "fpr95"):
                ahead = row[f"{group}_{figure}_ours_minus_this"]
                line += [_cell(row[f"{group}_{figure}"]), "" if row["method"] == OURS else _cell(ahead)]
        lines.append(line)
    return f"## Beside the rivals\n\n{_table(header, lines)}"


def _side_by_side(tables: Mapping[str, Any], figure: str, title: str) -> str:
    ours = tables[OURS]["rows"]
    order = sorted(ours, key=lambda name: (ours[name]["group"], name))
    rows = [(name, *(f"{table['rows'][name][figure].value:.3f}" for table in tables.values())) for name in order]
    return f"## {title}\n\n{_table(('domain', *tables), rows)}"


def _imgproxy(shares: Mapping[str, IntervalEstimate]) -> str:
    said = ", ".join(f"{group} {_cell(e, 2)}" for group, e in shares.items())
    return f"Share that imgproxy's own line (entropy below 5.5 bits) would call no photograph: {said}."


def _alarms(rows: Sequence[Mapping[str, Any]], sizes: Mapping[str, int]) -> str:
    lines = []
    for row in rows:
        line = [row["condition"], row["source"], str(row["images"])]
        for figures in row["alphas"].values():
            low, high = figures["expected"]
            mark = "" if low <= figures["flagged"] <= high else " !"
            line.append(f"{figures['flagged']} ({low} to {high}){mark}")
        lines.append(line)
    header = ("condition", "source", "photographs", *(f"flagged at alpha {alpha}" for alpha in rows[0]["alphas"]))
    told = ", ".join(f"{n} in {name}" for name, n in sizes.items())
    return (
        "## False alarms\n\nIn brackets the number expected if the photographs are exchangeable with the calibration's (95 %, "
        f"beta-binomial); ! marks what lies outside. Calibration scores: {told}.\n\n{_table(header, lines)}"
    )


def _shifts(rows: Sequence[Mapping[str, Any]]) -> str:
    rivals = [name for name in rows[0]["auroc"] if name != OURS]
    lines = [
        (
            row["shift"],
            "yes" if row["inside"] else "no",
            row["because"],
            str(row["images"]),
            _cell(row["flagged"]),
            _cell(row["auroc"][OURS]),
            *(f"{row['auroc'][name].value:.3f}" for name in rivals),
        )
        for row in rows
    ]
    header = (
        "shift",
        "in distribution for a codec?",
        "because",
        "images",
        "flagged at alpha 0.05",
        "AUROC against the untouched",
    )
    flagged = {word: [row["flagged"].value for row in rows if row["inside"] == (word == "yes")] for word in ("yes", "no")}
    means = ", ".join(f"{np.mean(shares):.3f} where the answer is {word}" for word, shares in flagged.items() if shares)
    table = _table((*header, *(f"AUROC {name}" for name in rivals)), lines)
    return f"## Covariate shifts\n\n{table}\n\nMean share flagged: {means}."


def _harm(report: Mapping[str, Any]) -> str:
    correlation = [
        (
            row["selection"],
            row["measure"].removeprefix("disadvantage_"),
            row["method"],
            str(row["images"]),
            _cell(row["spearman"]),
            _cell(row["spearman_by_domain"]),
        )
        for row in report["correlation"]
    ]
    harmful = [
        (row["selection"], str(row["images"]), str(row["harmful"]), _cell(row["harmful_flagged"]), _cell(row["harmless_flagged"]))
        for row in report["harmful"]
    ]
    domains = [
        (
            *(str(row[name]) for name in ("domain", "group", "images", "harmful", "harm_unknown", "harmful_flagged", "flagged")),
            *(f"{row[f'median_disadvantage_{name}']:.3f}" for name in ("ssimulacra2", "msssim")),
        )
        for row in report["domains"]
    ]
    harmless = ", ".join(row["domain"] for row in harmless_far(report)) or "none"
    return "\n\n".join(
        [
            "## Score and harm",
            f"{report['images']} images with a measured disadvantage; {report['not_in_table']} scored images are not in the "
            f"table, {report['not_scored']} of its rows were not scored.",
            _table(
                ("images of", "matched on", "method", "images", "Spearman, over images", "Spearman, over domains"), correlation
            ),
            _table(("images of", "images", "harmful", "of those flagged at alpha 0.05", "harmless flagged"), harmful),
            _table(
                (
                    "domain",
                    "group",
                    "images",
                    "harmful",
                    "not known",
                    "harmful and flagged",
                    "flagged",
                    "median log ratio, SSIMULACRA2",
                    "MS-SSIM",
                ),
                domains,
            ),
            f"Far domains without a harmful image, which it is no failure to let through: {harmless}.",
        ]
    )


def _cost(report: Mapping[str, Any]) -> str:
    lines = [
        (
            name,
            f"{row['score_ms']:.0f} ({row['score_ms_range'][0]:.0f} to {row['score_ms_range'][1]:.0f})",
            f"{row['avif_ms']:.0f} ({row['avif_ms_range'][0]:.0f} to {row['avif_ms_range'][1]:.0f})",
            f"{100 * row['share']:.1f} %",
        )
        for name, row in report["sizes"].items()
    ]
    header = ("size", "score, ms", f"AVIF speed {report['avif_speed']}, ms", "share")
    return f"## Cost\n\nMedian (range) of {report['repeats']}, one thread, in turn.\n\n{_table(header, lines)}"
