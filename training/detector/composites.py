"""Photographs with something foreign in them: a caption, a page around them, a foreign picture beside them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Box = tuple[int, int, int, int]
"""Left, upper, right, lower in pixels."""
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)

_TEXT = (
    "the of and to in is that for it as was with be by on not he his but at are this have from or had an they which "
    "one you were all her she there would their we him been has when who will no more if out so up said what its "
    "about than into them can only other time new some could these two may first then do any like my now over such "
    "our man me even most made after "
)
WORDS = _TEXT.split()


def caption(photograph: Image.Image, rng: np.random.Generator) -> tuple[Image.Image, Box]:
    """One to four lines of text on the photograph, on a plate half of the time. Returns the image and where the text is."""
    image = photograph.convert("RGB")
    draw = ImageDraw.Draw(image)
    height = int(rng.integers(11, max(12, min(image.size) // 8)))
    font = ImageFont.load_default(height)
    text = _lines(rng, int(rng.integers(1, 5)), max(8, image.width // height))
    left, upper = int(rng.uniform(0, 0.4) * image.width), int(rng.uniform(0, 0.8) * image.height)
    box = tuple(round(v) for v in draw.multiline_textbbox((left, upper), text, font=font))
    ink = (
        tuple(int(v) for v in rng.choice([0, 30, 230, 255], 3))
        if rng.random() < 0.4
        else _WHITE
        if rng.random() < 0.6
        else _BLACK
    )
    if rng.random() < 0.5:
        plate = tuple(255 - v for v in ink)
        draw.rectangle((box[0] - 4, box[1] - 4, box[2] + 4, box[3] + 4), fill=plate)
    draw.multiline_text((left, upper), text, font=font, fill=ink)
    return image, (max(0, box[0]), max(0, box[1]), min(image.width, box[2]), min(image.height, box[3]))


def page(photograph: Image.Image, rng: np.random.Generator) -> tuple[Image.Image, Box]:
    """The photograph, reduced, in a page of text under a bar. Returns the image and where the text below the picture is."""
    width, height = photograph.size
    dark = rng.random() < 0.3
    paper, ink = ((28, 30, 34), (220, 220, 220)) if dark else ((255, 255, 255), (20, 20, 20))
    image = Image.new("RGB", (width, height), paper)
    draw = ImageDraw.Draw(image)
    bar = max(12, height // 14)
    draw.rectangle((0, 0, width, bar), fill=tuple(int(v) for v in rng.integers(30, 200, 3)))
    share = rng.uniform(0.35, 0.7)
    inner = photograph.convert("RGB").resize((round(width * share), round(height * share)), Image.Resampling.LANCZOS)
    image.paste(inner, (width // 20, bar + height // 20))
    size = int(rng.integers(10, 18))
    font = ImageFont.load_default(size)
    top = bar + height // 20 + inner.height + size
    draw.multiline_text((width // 20, top), _lines(rng, (height - top) // size, 2 * width // size), font=font, fill=ink)
    right = width // 10 + inner.width
    column = _lines(rng, inner.height // size, max(6, 2 * (width - right) // size))
    draw.multiline_text((right, bar + size), column, font=font, fill=ink)
    return image, (0, top, width, height)


def beside(photograph: Image.Image, foreign: Image.Image, rng: np.random.Generator) -> tuple[Image.Image, Box]:
    """The foreign picture over a third to two thirds of the photograph, on one side. Returns the image and where it is."""
    image = photograph.convert("RGB")
    width, height = image.size
    share = rng.uniform(0.33, 0.67)
    box = (round(width * share), 0, width, height) if rng.random() < 0.5 else (0, round(height * share), width, height)
    size = (box[2] - box[0], box[3] - box[1])
    scale = max(size[0] / foreign.width, size[1] / foreign.height)
    scaled = (max(size[0], round(foreign.width * scale)), max(size[1], round(foreign.height * scale)))
    larger = foreign.convert("RGB").resize(scaled)
    image.paste(larger.crop((0, 0, *size)), box[:2])
    return image, box


def _lines(rng: np.random.Generator, count: int, letters: int) -> str:
    lines: list[str] = []
    for _ in range(max(1, count)):
        words: Sequence[str] = []
        while sum(len(w) + 1 for w in words) < letters:
            words = [*words, str(rng.choice(WORDS))]
        lines.append(" ".join(words)[:letters])
    return "\n".join(lines)
