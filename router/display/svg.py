"""Small pieces of SVG: elements with everything escaped, and scales with round ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape


def tag(name: str, *content: Markup | str, **attributes: object) -> Markup:
    """An element. Text and values are escaped; `class_` is `class`, underscores become hyphens, None is left out."""
    parts = [
        Markup(' {}="{}"').format(_attribute(key), _number(value) if isinstance(value, float) else value)
        for key, value in attributes.items()
        if value is not None
    ]
    return Markup("<{0}{1}>{2}</{0}>").format(name, Markup("").join(parts), joined(content))


def joined(parts: Iterable[Markup | str]) -> Markup:
    """Parts in order; plain text is escaped."""
    return Markup("").join(escape(part) for part in parts)


def path(points: Sequence[tuple[float, float]], **attributes: object) -> Markup:
    """A polyline through px positions; nothing for no point."""
    if not points:
        return Markup("")
    d = "M" + "L".join(f"{_number(x)} {_number(y)}" for x, y in points)
    return tag("path", d=d, **attributes)


def mark(tip: str, *content: Markup, **attributes: object) -> Markup:
    """A group that tells `tip` when pointed at or reached by arrow keys; without scripts the browser shows its title."""
    return tag("g", tag("title", tip), *content, **({"class_": "mark"} | attributes))


@dataclass(frozen=True)
class AxisScale:
    """From values to px. `low` < `high` in value, both positive if `log`; `start` and `end` are px and may fall."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    @classmethod
    def over(
        cls,
        values: Iterable[float | None],
        start: float,
        end: float,
        *,
        log: bool = False,
        within: tuple[float, float] | None = None,
    ) -> AxisScale:
        """A scale that holds all finite values (if `log` the positive ones) and `within`, with a little room; never empty."""
        known = [v for v in values if v is not None and math.isfinite(v) and (v > 0 or not log)] + list(within or ())
        low, high = (min(known), max(known)) if known else (1.0, 2.0)
        if log:
            low, high = math.log(low), math.log(high)
        room = max(0.04 * (high - low), 0.05 if log else 1e-3 * max(abs(low), abs(high), 1.0))
        low, high = low - room, high + room
        return cls(math.exp(low), math.exp(high), start, end, True) if log else cls(low, high, start, end)

    def __call__(self, value: float) -> float:
        """The position in px of a value; what lies outside is put at the edge."""
        place = (self._along(value) - self._along(self.low)) / (self._along(self.high) - self._along(self.low))
        return self.start + min(max(place, 0.0), 1.0) * (self.end - self.start)

    def ticks(self, most: int = 6) -> list[float]:
        """Up to about `most` round values inside."""
        return _log_ticks(self.low, self.high, most) if self.log else _ticks(self.low, self.high, most)

    def _along(self, value: float) -> float:
        return math.log(max(value, 1e-300)) if self.log else value


def plain(value: float) -> str:
    """A tick's text: no exponent for what pictures cost."""
    text = f"{value:.10f}".rstrip("0").rstrip(".") if abs(value) < 1e6 else f"{value:g}"
    return text.replace("-", "−") if text not in ("-0", "") else "0"


def _ticks(low: float, high: float, most: int) -> list[float]:
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for mantissas in ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        found = [round(m * 10.0**d, 12) for d in decades for m in mantissas if low <= m * 10.0**d <= high]
        if len(found) <= most:
            return found if len(found) > 1 else _ticks(low, high, 3)
    return found[:: math.ceil(len(found) / most)]


def _attribute(key: str) -> str:
    if key == "viewBox":
        return key
    return key.rstrip("_").replace("_", "-")


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") if math.isfinite(value) else "0"
