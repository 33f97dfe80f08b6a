"""Sentences and intervals of the page; figures are written as `router.display.words` does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.display.words import NO_BREAK, NOTHING
from router.display.words import counted as counted
from router.display.words import number as number
from router.display.words import percent as percent
from router.display.words import size as size
from router.evaluation.resampling import Estimate

def between(estimate: Estimate, digits: int = 2, scale: float = 1.0) -> str:
    """The interval of an estimate, "0.93 to 1.04"; a dash without one."""
    if estimate.low is None or estimate.high is None:
        return NOTHING
    return f"{number(scale * estimate.low, digits)} to {number(scale * estimate.high, digits)}"


def share(counts: Mapping[str, float | None]) -> str:
    """An interval from results.json: "0 to 30 %"."""
    low, high = counts.get("low"), counts.get("high")
    return NOTHING if low is None or high is None else f"{100 * low:.0f} to {100 * high:.0f}{NO_BREAK}%"


def headline(policy: str, target: str, images: int, found: Mapping[str, Any]) -> str:
    """What came of one policy at one target, in sentences."""
    against, regret, seconds = found["against_avif"], found["regret"], found["share_of_oracle_seconds"]
    sentences = []
    if against is not None:
        if against >= 2:
            stored = f"{number(against, 1)} times the bytes that"
        else:
            stored = f"{percent(abs(1 - against), 1)} {'fewer' if against < 1 else 'more'} bytes than"
        sentences.append(
            f"At SSIMULACRA2 {target} the policy {policy} stores {counted(images, 'image')} in {stored} AVIF alone would take."
        )
    else:
        sentences.append(f"At SSIMULACRA2 {target} the policy {policy} was asked about {counted(images, 'image')}.")
    if regret is not None:
        way = "more" if regret >= 0 else "fewer"
        spent = "" if seconds is None else f", for {percent(seconds)} of the seconds that trying everything takes"
        sentences.append(f"That is {percent(abs(regret), 1)} {way} than the oracle's bytes{spent}.")
    sentences.append(_harm_sentence(found["harm"]))
    if found["out_of_reach"]:
        missed = counted(found["out_of_reach"], "image reaches", "images reach")
        sentences.append(f"{missed} the target in none of the lanes that the policy chose.")
    search = found.get("search")
    if search is not None and search["missed"]:
        ended = counted(search["missed"], "search ends", "searches end")
        sentences.append(f"Of {search['searched']:,} searches for the target, {ended} more than a point above it for nothing.")
    return " ".join(sentences)


def _harm_sentence(harm: Mapping[str, Any]) -> str:
    neural, harmed = harm["neural_images"], harm["harmed_images"]
    if not neural:
        return "No image went to the neural lane, so none could be harmed by it."
    verb = "is" if harmed == 1 else "are"
    went = counted(neural, "image that went", "images that went")
    return f"Of the {went} to the neural lane, {harmed} {verb} harmed (95 % interval {share(harm['per_neural_image'])})."
