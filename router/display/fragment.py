"""What every notebook output is made of: a scoped style, facts in a table, reasons, a strip for a p-value. HTML.

Text takes its colour from the notebook around it, so that it is legible in any theme; only accents change with the themes that
are known (JupyterLab, VS Code, Colab, Sphinx). There are no scripts and no addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from markupsafe import Markup

from router.display import colours
from router.display.svg import tag
from router.display.words import MOST_CHARACTERS, number, shortened

T = TypeVar("T")

MOST_ROWS = 20
"""Of one list or table; what is beyond is counted."""
_ACCENTS = ("less", "more", "k-ncr", "k-avif", "k-jxl", "k-webp", "k-jpeg", "k-oracle")
_DARK = (
    'body[data-jp-theme-light="false"]',
    "body.vscode-dark",
    "body.vscode-high-contrast",
    'html[theme="dark"]',
    'html[data-theme="dark"]',
    'body[data-theme="dark"]',
)


def fragment(told: Sequence[Markup | str], pictures: Sequence[Markup] = ()) -> Markup:
    """The output of one object: pictures, and beside them what is told."""
    light = colours.declarations(colours.LIGHT, _ACCENTS)
    dark = colours.declarations(colours.DARK, _ACCENTS)
    scope = ", ".join(f"{theme} .codec-router" for theme in _DARK)
    rules = f".codec-router {{ {light} }}\n{scope} {{ {dark} }}\n{_style()}"
    shown = [tag("div", *pictures, class_="pictures")] if pictures else []
    style = Markup("<style>{}</style>").format(Markup(rules))  # noqa: S704 - our own text
    return tag("div", style, *shown, tag("div", *told, class_="told"), class_="codec-router")


@cache
def _style() -> str:
    return (files(__package__) / "assets" / "notebook.css").read_text(encoding="utf-8")


def html_of(make: Callable[[T], Markup], value: T) -> str:
    """HTML of an object. Whatever goes wrong, a notebook gets the plain representation."""
    try:
        return str(make(value))
    except Exception:  # a cell must show its value, whatever is wrong with the picture
        return str(tag("pre", shortened(repr(value), 2000)))


def png_of(make: Callable[[T], bytes | None], value: T) -> bytes | None:
    """A PNG of an object; None, which IPython passes over, where there is none."""
    try:
        return make(value)
    except Exception:
        return None


def head(text: str) -> Markup:
    """The line that is read first."""
    return tag("p", shortened(text), class_="head")


def facts(rows: Iterable[tuple[str, Markup | str | None]]) -> Markup:
    """A table of names and values; rows without a value are left out. Values that are text are bounded."""
    known = [(name, value) for name, value in rows if value not in (None, "")]
    shown = [
        tag("tr", tag("th", name, scope="row"), tag("td", value if isinstance(value, Markup) else shortened(value)))
        for name, value in known[:MOST_ROWS]
    ]
    return tag("table", *shown, class_="facts")


def reasons(found: Sequence[Any]) -> Markup | None:
    """A list of reasons: what each says, and its code. `found`: with `code`, `detail`, `lane`, `codec`."""
    if not found:
        return None
    items = []
    for reason in found[:MOST_ROWS]:
        about = "/".join(str(part) for part in (reason.lane, reason.codec) if part)
        text = ": ".join(part for part in (about, str(reason.detail)) if part)
        code = tag("code", shortened(reason.code), class_="soft")
        items.append(tag("li", *([shortened(text), " ", code] if text else [code])))
    if len(found) > MOST_ROWS:
        items.append(tag("li", f"and {len(found) - MOST_ROWS} more", class_="soft"))
    return tag("ul", *items)


def square(x: float, y: float, width: float, height: float, title: str) -> Markup:
    """An outline over a picture, in shares of its sides."""
    place = [f"{100 * min(max(value, 0.0), 1.0):.2f}%" for value in (x, y, width, height)]
    style = "left:{};top:{};width:{};height:{}".format(*place)
    return tag("span", class_="square", style=style, title=shortened(title))


def shot(picture: Markup, *over: Markup, caption: str = "", exact: bool = False) -> Markup:
    """A picture with outlines over it. `exact`: enlarged without smoothing."""
    below = [tag("figcaption", shortened(caption, 2 * MOST_CHARACTERS))] if caption else []
    return tag("figure", tag("span", picture, *over, class_="shot exact" if exact else "shot"), *below)


def p_strip(p_value: float, alpha: float | None = None) -> Markup:
    """Where a p-value lies among those of calibration photographs, which are spread evenly from 0 to 1."""
    width, left, right, top = 260, 6, 254, 6

    def place(share: float) -> float:
        return left + min(max(share, 0.0), 1.0) * (right - left)

    parts = [tag("rect", x=left, y=top, width=right - left, height=8, class_="track")]
    if alpha is not None:
        parts.append(tag("rect", x=left, y=top, width=place(alpha) - left, height=8, class_="out"))
    parts.append(tag("line", x1=place(p_value), x2=place(p_value), y1=top - 4, y2=top + 12, class_="here"))
    parts.append(tag("text", "far out", x=left, y=30))
    parts.append(tag("text", "like most photographs", x=right, y=30, class_="end"))
    label = f"p-value {number(p_value, 3)}" + ("" if alpha is None else f", out of distribution up to {number(alpha, 2)}")
    return tag("svg", *parts, viewBox=f"0 0 {width} 34", width=width, height=34, role="img", aria_label=label)


def p_text(p_value: float, known: bool) -> str:
    """A p-value in words."""
    where = "in distribution" if known else "out of distribution"
    return f"{where}, p = {number(p_value, 3 if p_value < 0.1 else 2)}"
