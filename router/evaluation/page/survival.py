"""What is left of planted structures, from the file that `python -m training.guard.survival --out survival.json` writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router.errors import InputError
from router.evaluation.statistics import IntervalEstimate, share
from router.quality.guard.structures import SHOWN, is_lost
from router.reasons import ReasonCode

LEVELS = ("full", "strict")
"""Levels of the guard whose verdict is in the file: `stopped` holds the reason by level, "" where it let the image pass."""
WAYS = {
    "again": "AVIF again",
    "webp": "WebP",
    "neural": "Neural",
    "full": "Full",
    "strict": "Strict",
    "router": "Router",
}
"""What is compared, with the title of its column: AVIF at another speed (how much of a difference is chance), a second classical
codec, the neural codec, what of it a level of the guard released, the router."""
_OF_THEIR_OWN = tuple(way for way in WAYS if way not in LEVELS)


@dataclass(frozen=True)
class Survival:
    """Structures kept, by way, in one domain ("all" for every) at one target.

    `lost_found` counts those that neural loses, of which a level of the guard stopped the image.
    """

    target: float
    domain: str
    structures: int
    kept: dict[str, IntervalEstimate]
    lost_found: dict[str, IntervalEstimate]


def survival(path: Path) -> list[Survival]:
    """By target and domain. Raises InputError (NOT_FOUND, UNREADABLE) for a file that is not there or not of this kind."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
        shown = [row for row in rows if float(row["avif"]["contrast"]) >= SHOWN]
        groups: dict[tuple[float, str], list[Mapping[str, Any]]] = {}
        for row in shown:
            for domain in ("all", str(row["domain"])):
                groups.setdefault((float(row["target"]), domain), []).append(row)
        return [_of(target, domain, found) for (target, domain), found in sorted(groups.items(), key=_all_last)]
    except FileNotFoundError as error:
        raise InputError(f"there is no file {str(path)!r}", code=ReasonCode.NOT_FOUND, hint="Check --survival") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} holds no survival figures",
            code=ReasonCode.UNREADABLE,
            hint="python -m training.guard.survival --out FILE writes them",
        ) from error


def _of(target: float, domain: str, rows: Sequence[Mapping[str, Any]]) -> Survival:
    lost = [row for row in rows if not kept(row, "neural")]
    shares = {way: [kept(row, way) for row in rows if row.get(way) is not None] for way in _OF_THEIR_OWN} | {
        level: [kept(row, "neural") for row in rows if not row["stopped"][level]] for level in LEVELS
    }
    return Survival(
        target,
        domain,
        len(rows),
        {way: share(shares[way]) for way in WAYS},
        {level: share([bool(row["stopped"][level]) for row in lost]) for level in LEVELS},
    )


def kept(row: Mapping[str, Any], way: str) -> bool:
    """Whether `way` keeps what AVIF keeps of one structure, nearly."""
    return not is_lost(float(row[way]["contrast"]), float(row["avif"]["contrast"]))


def _all_last(item: tuple[tuple[float, str], object]) -> tuple[float, bool, str]:
    (target, domain), _ = item
    return target, domain == "all", domain


def section(found: Sequence[Survival] | None) -> dict[str, Any] | None:
    """What the template shows; None where nothing was measured."""
    return None if found is None else {"rows": found, "ways": WAYS, "levels": LEVELS}
