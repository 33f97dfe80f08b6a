"""The one place for colours: by name, on light and on dark paper. The evaluation's page and notebooks take them from here.

Text stands out by 4.5 to 1 at least from its paper (WCAG 2.1, 1.4.3); `k-` are codecs and strategies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

LIGHT: Mapping[str, str] = {
    "paper": "#fdfdfb",
    "ink": "#1c1d1f",
    "soft": "#5c6066",
    "rule": "#d9d9d4",
    "faint": "#ecebe6",
    "raised": "#ffffff",
    "link": "#0b5a94",
    "mine": "#f4f1e4",
    "less": "#2f7fc1",
    "more": "#d97a1d",
    "share": "#6a6f78",
    "k-ncr": "#c8430b",
    "k-avif": "#0068a8",
    "k-jxl": "#00805c",
    "k-webp": "#a64b84",
    "k-jpeg": "#8f6a00",
    "k-router": "#1c1d1f",
    "k-oracle": "#85888d",
}
DARK: Mapping[str, str] = {
    "paper": "#16181b",
    "ink": "#e4e4e1",
    "soft": "#a0a4aa",
    "rule": "#393d43",
    "faint": "#25282d",
    "raised": "#1e2125",
    "link": "#8fc4ee",
    "mine": "#2b2a22",
    "less": "#4a9be0",
    "more": "#d98a3d",
    "share": "#8d939d",
    "k-ncr": "#ff8653",
    "k-avif": "#66b5f2",
    "k-jxl": "#3fc49a",
    "k-webp": "#e093c4",
    "k-jpeg": "#dcb33f",
    "k-router": "#f2f2ef",
    "k-oracle": "#92969c",
}
_CODECS = {
    "ncr": "k-ncr",
    "avif": "k-avif",
    "jxl": "k-jxl",
    "webp": "k-webp",
    "jpeg": "k-jpeg",
}


def declarations(palette: Mapping[str, str], names: Iterable[str] | None = None) -> str:
    """CSS custom properties, `--paper: #fdfdfb; ...`; all of the palette unless `names` are given."""
    return " ".join(f"--{name}: {palette[name]};" for name in (palette if names is None else names))


def page_rules() -> str:
    """CSS for a whole page: light, dark where the system or `data-theme` on the root says so, and light on paper."""
    light = f"color-scheme: light; {declarations(LIGHT)}"
    dark = f"color-scheme: dark; {declarations(DARK)}"
    return (
        f":root {{ {light} }}\n"
        f'@media screen {{\n  @media (prefers-color-scheme: dark) {{ :root:not([data-theme="light"]) {{ {dark} }} }}\n'
        f'  :root[data-theme="dark"] {{ {dark} }}\n}}\n'
    )


def of_codec(codec: str) -> str:
    """The name of a codec's colour; variants have that of their family, and what is not known the plain one."""
    return next((name for family, name in _CODECS.items() if codec == family or codec.startswith(f"{family}-")), "k-oracle")


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of a colour such as "#c8430b", here (200, 67, 11)."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
