"""How the detector's scores lie, and how well they tell each domain from natural images."""

from __future__ import annotations

from markupsafe import Markup

from router.evaluation.detection.separation import FEW, Detections, bins
from router.evaluation.page import plots, words
from router.evaluation.page.sections.names import Context, tip


def detector(found: Detections) -> Context:
    """Panels and a table by domain. Without natural domains there are histograms alone; without scores nothing."""
    edges = bins([found.natural, *(one.scores for one in found.domains)])
    panels = []
    for one in found.domains:
        explained = tip("AUROC", one.auroc, "", 2) if one.auroc.value is not None else "no natural images to compare with"
        panels.append(
            {
                "title": one.name,
                "note": words.counted(len(one.scores), "image"),
                "histogram": plots.histogram_panel(one.name, found.natural, one.scores, edges),
                "roc": plots.roc_panel(one.name, one.roc, f"AUROC {words.number(one.auroc.value, 2)}", explained)
                if one.roc
                else Markup(""),
            }
        )
    return {
        "ids": found.ids,
        "few": FEW,
        "natural": _natural(found),
        "wanted": found.wanted,
        "rows": found.domains,
        "panels": panels,
        "natural_panel": plots.histogram_panel("natural", found.natural, found.natural, edges) if len(found.natural) else None,
    }


def _natural(found: Detections) -> Context:
    return {"domains": found.natural_domains, "images": len(found.natural), "flagged": found.natural_flagged}
