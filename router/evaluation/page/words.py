"""Sentences and intervals of the page; figures are written as `router.display.words` does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.codecs.base import Lane
from router.display.words import NO_BREAK, NOTHING
from router.display.words import counted as counted
from router.display.words import number as number
from router.display.words import percent as percent
from router.display.words import size as size
from router.evaluation.statistics import IntervalEstimate
from router.evaluation.summary import share_of_seconds


def between(estimate: IntervalEstimate, digits: int = 2, scale: float = 1.0) -> str:
    """The interval of an estimate, "0.93 to 1.04"; a dash without one."""
    if estimate.low is None or estimate.high is None:
        return NOTHING
    return f"{number(scale * estimate.low, digits)} to {number(scale * estimate.high, digits)}"


def between_shares(estimate: IntervalEstimate) -> str:
    """The interval of a share, "4 to 62 %"; a dash without one."""
    return share({"low": estimate.low, "high": estimate.high})


def share(counts: Mapping[str, float | None]) -> str:
    """An interval from results.json: "0 to 30 %"."""
    low, high = counts.get("low"), counts.get("high")
    return NOTHING if low is None or high is None else f"{100 * low:.0f} to {100 * high:.0f}{NO_BREAK}%"


def verdict(policy: str, images: int, found: Mapping[str, Any], cropped: bool) -> str:
    """One policy at one target in half a line, for somebody who reads nothing else. `cropped`: see `summary.share_of_seconds`."""
    parts = [_beside_avif(found["against_avif"]), _harm_clause(found["harm"], images, _without_loss(found, images))]
    if found["out_of_reach"]:
        parts.append(f"{found['out_of_reach']:,} of {images:,} images below this quality whatever it tried")
    seconds = share_of_seconds(found, cropped)
    if seconds is not None:
        parts.append(f"{percent(seconds)} of the time that trying every codec takes")
    return f"{policy}: {'; '.join(parts)}."


def verdict_of_neural(images: int, found: Mapping[str, Any]) -> str:
    """The same of the neural codec for every image, with those that it cannot do."""
    text = f"always-neural, for comparison: {_beside_avif(found['against_avif'])}; {_harm_clause(found.get('harm'), images)}"
    if found["out_of_reach"]:
        unable = f"{found['out_of_reach']:,} of {images:,} that it cannot write or bring to this quality"
        text += f", and {unable}, counted as lossless files"
    return f"{text}."


def _beside_avif(against: float | None) -> str:
    if against is None:
        return "nothing to hold beside AVIF"
    if against >= 2:
        return f"{number(against, 1)} times the bytes of AVIF"
    return f"{percent(abs(1 - against), 1)} {'smaller' if against < 1 else 'larger'} than AVIF at the same quality"


def _harm_clause(harm: Mapping[str, Any] | None, images: int, lossless: bool = False) -> str:
    if lossless:
        return "every image kept without loss"
    if harm is None or not harm["neural_images"]:
        return "nothing harmed, as nothing goes to the neural codec"
    return f"{harm['harmed_images']:,} of {counted(images, 'image')} harmed"


def _without_loss(found: Mapping[str, Any], images: int) -> bool:
    kept = sum(int(found["lanes"].get(str(lane), 0)) for lane in (Lane.LOSSLESS, Lane.PASSTHROUGH, Lane.TRANSCODE))
    return kept == images > 0


def headline(policy: str, target: str, images: int, found: Mapping[str, Any], cropped: bool = False) -> str:
    """What came of one policy at one target, in sentences. `cropped`: see `summary.share_of_seconds`."""
    against, regret = found["against_avif"], found["regret"]
    seconds = share_of_seconds(found, cropped)
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
        of_oracle = "the oracle, which tries every codec on every image and keeps the smallest file, would take"
        sentences.append(f"That is {percent(abs(regret), 1)} {way} than {of_oracle}.")
    if seconds is not None:
        who = "The searches of the router take" if cropped else "The router takes"
        sentences.append(f"{who} {percent(seconds)} of the oracle's time{_deciding(found, images) if cropped else ''}.")
    sentences.append(_harm_sentence(found["harm"]))
    if found["out_of_reach"]:
        missed = counted(found["out_of_reach"], "image reaches", "images reach")
        sentences.append(f"{missed} the target in none of the lanes that the policy chose.")
    search = found.get("search")
    if search is not None and search["missed"]:
        ended = counted(search["missed"], "search ends", "searches end")
        sentences.append(f"Of {search['searched']:,} searches for the target, {ended} more than a point above it for nothing.")
    return " ".join(sentences)


def _deciding(found: Mapping[str, Any], images: int) -> str:
    """Deciding, which a crop makes no cheaper, told apart."""
    seconds = found.get("decide_seconds")
    if not seconds or not images:
        return ""
    return f"; deciding, which looks at whole files and not at the crops, takes {number(seconds / images, 2)} s an image more"


def _harm_sentence(harm: Mapping[str, Any]) -> str:
    neural, harmed = harm["neural_images"], harm["harmed_images"]
    if not neural:
        return "No image went to the neural lane, so none could be harmed by it."
    verb = "is" if harmed == 1 else "are"
    went = counted(neural, "image that went", "images that went")
    return f"Of the {went} to the neural lane, {harmed} {verb} harmed (95 % interval {share(harm['per_neural_image'])})."
