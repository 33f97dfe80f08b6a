"""Level `strict`: whether a neural result that passed is worth keeping beside the first classical codec's."""

from __future__ import annotations

from dataclasses import dataclass

from router.images.sample import Pixels
from router.quality.guard.inserted_signals import Recode, compare_inserted_signals
from router.quality.guard.local_details import compare_local_details
from router.quality.guard.report import GuardReport
from router.quality.target import Target

_SAME = 1.0
"""SSIMULACRA2 points that count as no difference: the tolerance of a quality target."""
MOST_ATTENUATED = 0.007
"""Share of local details that may lose contrast. Of development images with planted structures, those above it lost several
times as many of them as those below; below it, it does not tell images apart (docs/internals/guard.md)."""
MOST_LOST = 0.1
"""Share of inserted signals, the faintest structures, that may be lost. Up to twice as many made no difference on development
images: this is caution (docs/internals/guard.md)."""
_FEW_DETAILS = 150
"""Local details below which the share is that of so many: one detail may always lose contrast, for one of three is no share
to speak of."""


@dataclass(frozen=True)
class Contender:
    """One result that is compared.

    Attributes:
        size: bytes.
        report: what the guard saw.
        pixels: (H, W, C) as decoded.
        recode: codes another picture at its settings; None where nothing is to be tested with inserted signals.
    """

    size: int
    report: GuardReport
    pixels: Pixels
    recode: Recode | None = None


def objection(target: Target, source: Pixels, neural: Contender, classical: Contender) -> str:
    """Why the neural result gives way, "" if it stays. `source`: (H, W, C), of the same size.

    It must be smaller (for a size target, where both fill it: at least as good), score no worse than the classical result or
    the target, whichever is lower, have no worse a worst tile (one that half of all photographs exceed is never worse), and
    let at most `MOST_ATTENUATED` of the source's details lose contrast that the classical result shows. Where both can
    recode, the source is
    coded again with inserted signals in it, of which at most `MOST_LOST` may be lost: what is cheaper to know comes first.
    """
    report, baseline = neural.report, classical.report
    if not target.is_size and neural.size >= classical.size:
        return f"{neural.size} bytes, {classical.size} classical"
    wanted = baseline.perceptual
    if wanted is not None and target.metric == "ssimulacra2":
        wanted = min(wanted, target.value)
    if wanted is not None and report.perceptual is not None and report.perceptual < wanted - _SAME:
        return f"SSIMULACRA2 {report.perceptual:.1f}, {baseline.perceptual:.1f} classical"
    ours, theirs = report.worst, baseline.worst
    if not report.ordinary and ours is not None and theirs is not None and ours.severity > theirs.severity:
        return f"worst tile at {ours.severity:.2f} of the limit, {theirs.severity:.2f} classical"
    details = compare_local_details(source, neural.pixels, classical.pixels)
    if details.attenuated > MOST_ATTENUATED * max(details.seen, _FEW_DETAILS):
        return f"{details.attenuated} of {details.seen} marks fade that the classical result shows"
    if neural.recode is not None and classical.recode is not None:
        signals = compare_inserted_signals(source, neural.recode, classical.recode)
        if signals.share > MOST_LOST:
            return f"{signals.lost} of {signals.shown} probes are lost that the classical codec shows"
    return ""
