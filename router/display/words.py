"""Numbers and texts as a person reads them."""

from __future__ import annotations

import math

NOTHING = "–"
NO_BREAK = "\u00a0"
"""Between a number and its unit: they stay on one line."""
MOST_CHARACTERS = 300


def number(value: float | None, digits: int = 3) -> str:
    """Fixed digits with a true minus; a dash for what is not there or not finite."""
    return NOTHING if value is None or not math.isfinite(value) else f"{value:.{digits}f}".replace("-", "−")


def percent(value: float | None, digits: int = 0) -> str:
    """A share in per cent."""
    return NOTHING if value is None or not math.isfinite(value) else f"{number(100 * value, digits)}{NO_BREAK}%"


def size(value: float | None) -> str:
    """Bytes in the unit that leaves three digits or so."""
    if value is None or not math.isfinite(value):
        return NOTHING
    for unit, scale in (("MB", 1e6), ("kB", 1e3)):
        if value >= scale:
            return f"{value / scale:.{0 if value >= 100 * scale else 1}f}{NO_BREAK}{unit}"
    return f"{value:.0f}{NO_BREAK}B"


def counted(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun: 1 image, 2 images."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def printable(text: object) -> str:
    """`text` with control characters and undecodable bytes written as escapes: names come from anywhere."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))


def shortened(text: object, most: int = MOST_CHARACTERS) -> str:
    """`printable`, and at most so many characters."""
    found = NO_BREAK.join(printable(part) for part in str(text)[: most + 1].split(NO_BREAK))
    return found if len(found) <= most else f"{found[: most - 1]}…"
