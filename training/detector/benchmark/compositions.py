"""Photographs with something beside them: mosaics, a caption, a page. All drawn with Pillow and its own font."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

Pixels = NDArray[np.uint8]
WORDS = [
    "report",
    "figure",
    "annual",
    "value",
    "of",
    "in",
    "table",
    "draft",
    "total",
    "March",
    "north",
    "2041",
    "count",
    "the",
    "change",
    "by",
    "unit",
    "level",
    "rate",
    "no.",
    "17",
]


def mosaic(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Pixels:
    """Four equal panels that together are as large as `pixels` (H, W, C).

    They are it and three of `others` (itself again where there are none), each reduced or enlarged to cover its panel.
    """
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
    chosen = [others[i] for i in rng.permutation(len(others))[:3]]
    panels = [pixels, *chosen, *[pixels] * (3 - len(chosen))]
    page = Image.new("RGB", (2 * width, 2 * height))
    for place, i in enumerate(rng.permutation(4)):
        panel = Image.fromarray(panels[i].squeeze()).convert("RGB")
        page.paste(ImageOps.fit(panel, (width, height), Image.Resampling.LANCZOS), (place % 2 * width, place // 2 * height))
    return np.asarray(page)


def captioned(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Two lines of white text with a black rim across the lower fifth, each letter about a twelfth of the height."""
    image = Image.fromarray(pixels.squeeze())
    size = max(10, image.height // 12)
    font, pen = ImageFont.load_default(size), ImageDraw.Draw(image)
    light, dark = ("white", "black") if image.mode == "RGB" else (255, 0)
    for line in range(2):
        text = _line(rng, font, image.width - size)
        pen.text(
            (size // 2, image.height - (2 - line) * size * 1.2), text, light, font, stroke_width=size // 12, stroke_fill=dark
        )
    return np.asarray(image).reshape(pixels.shape)


def on_a_page(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A screenshot-like page around `pixels` (H, W, C), which keeps its own size and covers about two fifths of it."""
    height, width = pixels.shape[:2]
    side, bar, foot = int(0.6 * width), max(24, height // 10), max(40, height // 3)
    page = Image.new("RGB", (width + side, bar + height + foot), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    pen.rectangle((0, 0, page.width, bar - 1), fill="#3c4043")
    for i in range(3):
        pen.rounded_rectangle((8 + 70 * i, 4, 70 + 70 * i, bar - 4), 4, fill="#5f6368")
        pen.text((14 + 70 * i, bar // 2 - 7), _line(rng, font, 52), "white", font)
    pen.rectangle((0, bar, side - 12, page.height), fill="#f1f3f4")
    for y in range(bar + 8, page.height - 16, 19):
        pen.text((8, y), _line(rng, font, side - 40), "#202124", font)
    for y in range(bar + height + 6, page.height - 16, 19):
        pen.text((side, y), _line(rng, font, int(width * rng.uniform(0.5, 0.95))), "#202124", font)
    page.paste(Image.fromarray(pixels.squeeze()).convert("RGB"), (side, bar))
    return np.asarray(page)


def _line(rng: np.random.Generator, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """As many words as fit into `width` pixels; at least one."""
    text = str(rng.choice(WORDS))
    while True:
        longer = f"{text} {rng.choice(WORDS)}"
        if font.getlength(longer) > width:
            return text
        text = longer
