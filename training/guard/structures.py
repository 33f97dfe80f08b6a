"""The structures of the survival benchmark, at seeded places, and what is left of one after coding."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from router.quality.guard.structures import Planted, contrast_left, hairline, luma, spot
from router.quality.guard.structures import plant as plant_one

Pixels = NDArray[np.uint8]
"""(H, W, 1 or 3)."""
Plane = NDArray[np.float32]

CELL = 64
"""Side of the square that one structure has for itself, in px."""
BLOBS = (3, 6, 12, 24)
"""Full width at half maximum, in px."""
CONTRASTS = (2, 5, 10, 15)
"""% of the full scale; of blobs and hairlines."""
_REACH = 4
"""Largest displacement that is looked for, in px."""
_LETTERS = "ABCDEFGHKLMNPRSTUVXYZ2345679"


@dataclass(frozen=True)
class Remains:
    """`contrast`: share kept. `displacement`: px. `correlation` with the planted shape. `read`: share of the characters."""

    contrast: float
    displacement: float
    correlation: float
    read: float | None


def plant(picture: Pixels, rng: np.random.Generator, count: int) -> tuple[Pixels, list[Planted]]:
    """A picture with up to `count` structures, kinds in turn, each in a cell of its own."""
    out = picture.copy()
    columns = picture.shape[1] // CELL
    planted = []
    for number, cell in enumerate(rng.permutation(picture.shape[0] // CELL * columns)[:count]):
        kind = ("blob", "hairline", "dots", "text")[number % 4]
        mask, size, contrast, text = _drawn(kind, rng)
        place = int(cell) // columns * CELL, int(cell) % columns * CELL
        structure = plant_one(out, place, mask, kind, size, contrast)
        if structure is not None:
            planted.append(replace(structure, text=text))
    return out, planted


def remains(structure: Planted, before: Pixels, decoded: Pixels) -> Remains:
    """What of `structure` is in `decoded`; `before` is the picture without it."""
    kept = contrast_left(structure, before, decoded)
    difference = luma(decoded[structure.window]) - luma(before[structure.window])
    shape = structure.shape - structure.shape.mean()
    difference = difference - difference.mean()
    energy = float((shape * shape).sum())
    norm = float(np.sqrt((difference * difference).sum() * energy))
    matches = cv2.matchTemplate(
        cv2.copyMakeBorder(difference, _REACH, _REACH, _REACH, _REACH, cv2.BORDER_CONSTANT), shape, cv2.TM_CCORR
    )
    best = np.unravel_index(int(np.argmax(matches)), matches.shape)
    away = float(np.hypot(best[0] - _REACH, best[1] - _REACH))
    return Remains(kept, away, kept * energy / norm if norm else 0.0, _read(structure, decoded))


def _drawn(kind: str, rng: np.random.Generator) -> tuple[Plane, float, float, str]:
    """(mask in [0, 1], size, contrast in %, text)."""
    if kind == "blob":
        size = float(rng.choice(BLOBS))
        return spot(CELL, size), size, float(rng.choice(CONTRASTS)), ""
    if kind == "hairline":
        size, angle = float(rng.choice([1, 2])), rng.uniform(0, np.pi)
        return hairline(CELL, size, angle), size, float(rng.choice(CONTRASTS)), ""
    if kind == "dots":
        pitch = int(rng.choice([4, 6, 8]))
        mask = np.zeros((CELL, CELL), np.float32)
        for offset in (0, 1):
            mask[16 + offset : 48 : pitch, 16:48:pitch] = 1
            mask[16 + offset : 48 : pitch, 17:48:pitch] = 1
        return mask, float(pitch), float(rng.choice([10, 20])), ""
    size = float(rng.choice([11, 14]))
    text = "".join(rng.choice(list(_LETTERS), 4))
    image = Image.new("L", (CELL, CELL))
    ImageDraw.Draw(image).text((CELL / 2, CELL / 2), text, fill=255, font=ImageFont.load_default(size), anchor="mm")
    return np.asarray(image, np.float32) / 255, size, float(rng.choice([25, 40])), text


def _read(structure: Planted, decoded: Pixels) -> float | None:
    """Share of the characters that tesseract reads back, in order; None for other structures, or without tesseract."""
    program = shutil.which("tesseract")
    if not structure.text or program is None:
        return None
    cell = np.clip(np.rint(luma(decoded[structure.window])), 0, 255).astype(np.uint8)
    dark = cell if structure.shape.min() < -structure.shape.max() else 255 - cell  # tesseract wants dark letters
    large = cv2.resize(dark, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    image = cv2.imencode(".png", large)[1].tobytes()
    call = [program, "stdin", "stdout", "--psm", "7", "-c", f"tessedit_char_whitelist={_LETTERS}"]
    done = subprocess.run(call, input=image, capture_output=True, check=False, timeout=60)
    found = done.stdout.decode("utf-8", "replace").strip().replace(" ", "")
    same = sum(block.size for block in SequenceMatcher(None, structure.text, found).get_matching_blocks())
    return same / len(structure.text)
