"""Tables of what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

LIMIT = 1.5e9
"""Bytes that the codec itself may take."""
ACTIONS = ("encode", "decode")


def text(results: dict[str, Any]) -> str:
    """Everything, for people."""
    machine = results["machine"]
    lines = [
        f"{machine['processor']}, {machine['processors']} processors, {machine['capability']}, "
        f"bf16 analysis {'on' if machine['bf16_analysis'] else 'off'}; "
        + ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    ]
    for run in results["runs"]:
        lines += ["", *_run(run, results["models"])]
    return "\n".join(lines)


def speed(run: dict[str, Any], name: str, action: str) -> float:
    """MP/s by the median of the rounds."""
    return float(run["width"] * run["height"] / 1e6 / median(run["contestants"][name][action]))


def ratio(run: dict[str, Any], model: str, other: str, action: str) -> float:
    """How many times as fast as `other` the model is: the median over rounds, each with its own ratio."""
    pairs = zip(run["contestants"][model][action], run["contestants"][other][action], strict=True)
    return float(median(theirs / ours for ours, theirs in pairs))


def shares(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Stage by stage, the median of its seconds over the sum of these medians."""
    seconds = {stage: median(r[stage] for r in rounds) for stage in rounds[0]}
    return {stage: value / sum(seconds.values()) for stage, value in seconds.items()}


def _run(run: dict[str, Any], models: Sequence[str]) -> Iterator[str]:
    pixels = run["width"] * run["height"]
    yield (
        f"{run['width']}x{run['height']} ({pixels / 1e6:.2f} MP), {run['threads']} threads, {run['repeats']} rounds, "
        f"load {run['load']:.1f} before"
    )
    widths = [max(18, len(model) + 10) for model in models]
    columns = "".join(f"{f'{model} {action}s':>{w}s}" for model, w in zip(models, widths, strict=True) for action in ACTIONS)
    yield f"  {'':26s}{'bpp':>8s}{'PSNR':>8s}{'encode MP/s':>14s}{'decode MP/s':>14s}{columns}"
    for name, result in run["contestants"].items():
        ratios = "".join(
            f"{f'{ratio(run, model, name, action):.3g} x as fast':>{w}s}"
            for model, w in zip(models, widths, strict=True)
            for action in ACTIONS
        )
        yield (
            f"  {name:26s}{8 * result['bytes'] / pixels:8.3f}{result['psnr']:8.2f}"
            + "".join(f"{speed(run, name, action):14.3f}" for action in ACTIONS)
            + ("" if len(models) == 1 and name in models else ratios)
        )
    for model in models:
        for action in ACTIONS:
            if run["stages"]:
                parts = shares(run["stages"][model][action])
                yield f"  {model} {action}: " + ", ".join(f"{stage} {100 * part:.1f} %" for stage, part in parts.items())
            if run["memory"]:
                yield f"  {model} {action}: {_memory(run['memory'][model][action])}"
        if run["seams"] and run["seams"][model]:
            yield f"  {model}: {_seams(run['seams'][model])}"


def _memory(m: dict[str, int]) -> str:
    verdict = "under" if m["codec"] < LIMIT else "OVER"
    return (
        f"peak {m['total'] / 1e6:.0f} MB in all, pixels {m['pixels'] / 1e6:.0f} MB, codec itself {m['codec'] / 1e6:.0f} MB "
        f"({verdict} {LIMIT / 1e9} GB; torch and the model {(m['loaded'] - m['before']) / 1e6:.0f} MB of it)"
    )


def _seams(s: dict[str, Any]) -> str:
    return (
        f"mean absolute error, {s['tiles']} tiles: beside borders {s['at_borders']:.4f}, inside {s['inside']:.4f} "
        f"(x {s['borders_to_inside']:.4f}); the same pixels with a border near {s['with_border']:.4f}, "
        f"without {s['without']:.4f} (x {s['with_to_without']:.4f} +- {s['uncertainty']:.4f})"
    )
