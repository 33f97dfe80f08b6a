"""Level `strict`: whether a neural result that passed is worth keeping beside the first classical codec's."""

from __future__ import annotations

from router.quality.guard.report import GuardReport
from router.quality.target import Target

_SAME = 1.0
"""SSIMULACRA2 points that count as no difference: the tolerance of a quality target."""


def objection(target: Target, neural: tuple[int, GuardReport], classical: tuple[int, GuardReport]) -> str:
    """Why the neural result gives way, "" if it stays; (bytes, report) of each.

    It must be smaller (for a size target, where both fill it: at least as good), score no worse than the classical result or
    the target, whichever is lower, and have no worse a worst tile: one that half of all photographs exceed is never worse.
    """
    size, report = neural
    rival_size, rival = classical
    if not target.is_size and size >= rival_size:
        return f"{size} bytes, {rival_size} classical"
    wanted = rival.perceptual
    if wanted is not None and target.metric == "ssimulacra2":
        wanted = min(wanted, target.value)
    if wanted is not None and report.perceptual is not None and report.perceptual < wanted - _SAME:
        return f"SSIMULACRA2 {report.perceptual:.1f}, {rival.perceptual:.1f} classical"
    if report.ordinary or report.worst is None or rival.worst is None or report.worst.severity <= rival.worst.severity:
        return ""
    return f"worst tile at {report.worst.severity:.2f} of the limit, {rival.worst.severity:.2f} classical"
