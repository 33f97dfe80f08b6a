"""A `Comparison`, in a notebook and as one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from router.display import fragment as f
from router.display.colours import LIGHT, rgb
from router.display.encoded import DIGITS, METRICS
from router.display.inline_images import picture, png
from router.display.svg import tag
from router.display.words import NO_BREAK, number, size
from router.images.thumbnails import LONGEST_SIDE, thumbnail

if TYPE_CHECKING:
    from PIL import Image

    from router.comparison import Comparison, Tile
    from router.images.sample import Pixels

_SHOWN = 420
"""px of each picture in a notebook, so that two stand side by side."""
_ENLARGED = 384
"""px of a square, enlarged."""


def html(found: Comparison) -> Markup:
    """The whole output."""
    columns = []
    for name, pixels in (("source", found.source), ("decoded", found.decoded)):
        shown = [f.shot(picture(thumbnail(pixels, longest=_SHOWN), name), *_outline(found), caption=name)]
        if found.worst is not None:
            crop = enlarged(pixels, found.worst)
            shown.append(
                f.shot(picture(crop, f"worst square, {name}", lossless=True), caption=f"worst square, {name}", exact=True)
            )
        columns.append(tag("div", *shown, style="display:flex;flex-direction:column;gap:6px"))
    height, width = found.source.shape[:2]
    worst = found.worst
    rows: list[tuple[str, Markup | str | None]] = [
        ("picture", f"{width} × {height} px, {size(found.size)}"),
        (
            "worst square",
            None if worst is None else f"{_value(worst)}, {_place(worst)} (median of all squares: {_value(worst, worst.median)})",
        ),
    ]
    return f.fragment([f.head(_headline(found)), f.facts(rows)], columns)


def png_picture(found: Comparison) -> bytes:
    """The picture alone."""
    return png(np.asarray(image(found)))


def image(found: Comparison) -> Image.Image:
    """Two columns, at most 2 * LONGEST_SIDE px and their margins."""
    from PIL import Image, ImageDraw, ImageFont

    pictures = [thumbnail(pixels) for pixels in (found.source, found.decoded)]
    crops = [] if found.worst is None else [enlarged(pixels, found.worst) for pixels in (found.source, found.decoded)]
    height, width = pictures[0].shape[:2]
    margin, line = 12, 24
    column = max(width, crops[0].shape[1] if crops else 0, 200)
    below = 2 * line + height + margin
    whole = (2 * column + 3 * margin, below + (crops[0].shape[0] + line + margin if crops else 0) + margin)
    sheet = Image.new("RGB", whole, rgb(LIGHT["paper"]))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    draw.text((margin, 6), _plain(_headline(found)), rgb(LIGHT["ink"]), font)
    scale = width / found.source.shape[1]
    for i, (name, pixels) in enumerate(zip(("source", "decoded"), pictures, strict=True)):
        left = margin + i * (column + margin)
        draw.text((left, line + 2), name, rgb(LIGHT["soft"]), font)
        sheet.paste(Image.fromarray(pixels), (left, 2 * line))
        if found.worst is not None:
            worst = found.worst
            box = [scale * v for v in (worst.x, worst.y, worst.x + worst.width - 1, worst.y + worst.height - 1)]
            corner = [left, 2 * line] * 2
            outer = tuple(b + c for b, c in zip(box, corner, strict=True))
            draw.rectangle(outer, outline=(0, 0, 0), width=3)
            draw.rectangle(outer, outline=(255, 255, 255), width=1)
            draw.text((left, below), f"worst square, {_plain(_value(worst))}: {name}", rgb(LIGHT["soft"]), font)
            sheet.paste(Image.fromarray(crops[i]), (left, below + line))
    return sheet


def enlarged(pixels: Pixels, tile: Tile) -> NDArray[np.uint8]:
    """(h, w, 3) of a square, every pixel as several equal ones."""
    crop = thumbnail(pixels[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width], longest=LONGEST_SIDE)
    times = max(1, _ENLARGED // max(crop.shape[:2]))
    return crop.repeat(times, 0).repeat(times, 1)


def _outline(found: Comparison) -> list[Markup]:
    if found.worst is None:
        return []
    height, width = found.source.shape[:2]
    worst = found.worst
    return [f.square(worst.x / width, worst.y / height, worst.width / width, worst.height / height, _place(worst))]


def _headline(found: Comparison) -> str:
    if found.identical:
        return f"All pixels are equal, {size(found.size)}"
    return f"{_name(found)} {_score(found, found.score)}, {size(found.size)}"


def _name(found: Comparison) -> str:
    return METRICS[found.metric]


def _score(found: Comparison, score: float) -> str:
    return number(score, DIGITS[found.metric])


def _value(tile: Tile, value: float | None = None) -> str:
    shown = tile.value if value is None else value
    return f"SSIM {number(shown, 3)}" if tile.measure == "ssim" else f"PSNR {number(shown, 1)} dB"


def _place(tile: Tile) -> str:
    return f"{tile.width} × {tile.height} px at {tile.x}, {tile.y}"


def _plain(text: str) -> str:
    return text.replace(NO_BREAK, " ")
