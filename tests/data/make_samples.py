"""Build the sample images and their provenance table: `python tests/data/make_samples.py [--check]`.

Deterministic: with the versions in constraints.txt the bytes come out the same (`make samples` installs them). `--check` writes
nothing and exits with 1 if a file or SOURCES.md differs from what the recipe gives. Nothing is downloaded: every photograph ships
inside the wheel of scikit-image or matplotlib.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import derived
import drawn
from derived import matplotlib_bytes, skimage_bytes

HERE = Path(__file__).parent
UNCHANGED = "none: original bytes"

INTRODUCTION = """\
# Sample images: where they come from

Written by `make_samples.py` beside this file; do not edit by hand. The part of a file's name before the first `_` is its kind.

Only images that may be redistributed under this project's licence are here: public domain, CC0, no known restrictions, the
project's own drawings, and one scan under scikit-image's BSD-3-Clause. "scikit-image" means the folder `skimage/data` of its
wheel, 0.26.0; the licence is the one that the docstring of the image's loader in `skimage/data/_fetchers.py` states. "matplotlib"
means the folder `mpl-data/sample_data` of its wheel, 3.11.2. "own" means drawn by `drawn.py`, under this project's BSD-3-Clause.

"""

NOTES = """
Notes

- `document_page.png` is Copyright 2009-2022 the scikit-image team, BSD-3-Clause: its loader states no other licence, so the
  `Files: *` paragraph of scikit-image's LICENSE.txt holds, whose conditions and disclaimer are those of this project's LICENSE.
- "No known copyright restrictions" is what scikit-image states of two museum and microscopy images (`coins.png`: Brooklyn Museum,
  `ihc.png`: Center for Microscopy and Molecular Imaging); its LICENSE.txt distributes both under BSD-3-Clause.
- `portrait_hopper.jpg` is a United States Navy photograph (1984), a work of the federal government, hence in the public domain
  (17 U.S.C. 105); matplotlib took it as such in its pull request 1599.
- Photographs of persons are official portraits, released for publication. They imply no endorsement.
- Letters in the drawings are set in Aileron (CC0, inside Pillow) and DejaVu (inside matplotlib).
- The ICC profile of `oriented_coffee.jpg` is the built-in sRGB profile of LittleCMS ("no copyright, use freely").
"""


@dataclass(frozen=True)
class Sample:
    """One file: its name, where it comes from, under which terms, what was done, and the function that gives its bytes."""

    name: str
    origin: str
    licence: str
    changes: str
    build: Callable[[], bytes]

    @property
    def kind(self) -> str:
        return self.name.partition("_")[0]


NASA = "public domain (NASA)"
CATALOGUE = (
    Sample(
        "photo_rocket.jpg", "scikit-image `rocket.jpg`", "public domain (SpaceX)", UNCHANGED, partial(skimage_bytes, "rocket.jpg")
    ),
    Sample("photo_astronaut.jpg", "scikit-image `astronaut.png`", NASA, "progressive JPEG, quality 90, 4:2:0", derived.astronaut),
    Sample(
        "photo_cat.png", "scikit-image `chelsea.png`", "CC0", "320x256 crop at native resolution, ICC profile kept", derived.cat
    ),
    Sample("photo_coffee.png", "scikit-image `coffee.png`", "CC0", "320x240 crop at native resolution", derived.coffee),
    Sample(
        "portrait_hopper.jpg",
        "matplotlib `grace_hopper.jpg`",
        "public domain (US Navy)",
        UNCHANGED,
        partial(matplotlib_bytes, "grace_hopper.jpg"),
    ),
    Sample("gray_camera.png", "scikit-image `camera.png`", "CC0", UNCHANGED, partial(skimage_bytes, "camera.png")),
    Sample(
        "gray_coins.jpg", "scikit-image `coins.png`", "no known copyright restrictions", "gray JPEG, quality 85", derived.coins
    ),
    Sample(
        "medical_retina.png", "scikit-image `retina.jpg`", "CC0", "reduced from 1411x1411 to 320x320 (Lanczos)", derived.retina
    ),
    Sample("microscopy_tissue.png", "scikit-image `ihc.png`", "no known copyright restrictions", "256x256 crop", derived.tissue),
    Sample("microscopy_cell.png", "scikit-image `cell.png`", "CC0", "480x480 crop, one channel", derived.cell),
    Sample(
        "astronomy_deepfield.png",
        "scikit-image `hubble_deep_field.jpg`",
        NASA,
        "320x240 crop, stored losslessly",
        derived.deep_field,
    ),
    Sample("texture_brick.png", "scikit-image `brick.png`", "CC0", UNCHANGED, partial(skimage_bytes, "brick.png")),
    Sample(
        "document_page.png",
        "scikit-image `page.png`",
        "BSD-3-Clause (scikit-image team)",
        UNCHANGED,
        partial(skimage_bytes, "page.png"),
    ),
    Sample(
        "document_letter.jpg", "own", "BSD-3-Clause", "typed page with a scanner's faults, gray JPEG, quality 75", drawn.letter
    ),
    Sample("chart_rates.png", "own", "BSD-3-Clause", "drawn with matplotlib", drawn.chart),
    Sample("drawing_bearing.png", "own", "BSD-3-Clause", "schematic, one channel", drawn.drawing),
    Sample("screenshot_table.png", "own", "BSD-3-Clause", "window with a table", drawn.screenshot),
    Sample("map_districts.png", "own", "BSD-3-Clause", "flat colours, lines and names", drawn.district_map),
    Sample(
        "depth16_phantom.png", "own", "BSD-3-Clause", "Shepp-Logan head section, 16-bit gray, 12 bits used, noise", drawn.phantom
    ),
    Sample(
        "depth16_deepfield.png",
        "scikit-image `hubble_deep_field.jpg`",
        NASA,
        "480x360 crop, 4x4 mean in linear light, 16-bit RGB",
        derived.deep_field_16,
    ),
    Sample("alpha_logo.png", "own", "BSD-3-Clause", "soft edges, colour under alpha 0", drawn.logo),
    Sample("palette_cat.png", "scikit-image `chelsea.png`", "CC0", "240x180 crop, 64 colours, dithered", derived.palette_cat),
    Sample("palette_badge.png", "own", "BSD-3-Clause", "8 colours, one of them transparent", drawn.badge),
    Sample(
        "oriented_coffee.jpg",
        "scikit-image `coffee.png`",
        "CC0",
        "300x400 crop stored on its side, JPEG quality 88, EXIF orientation 6, sRGB ICC profile, XMP",
        derived.oriented_coffee,
    ),
    Sample("noise_uniform.png", "own", "BSD-3-Clause", "independent uniform bytes", drawn.noise),
)


def build() -> dict[Path, bytes]:
    """Every sample and SOURCES.md: path relative to this folder -> bytes."""
    rows = ["| file | kind | origin | licence | what was done | SHA-256 |", "|---|---|---|---|---|---|"]
    contents: dict[Path, bytes] = {}
    for sample in CATALOGUE:
        data = sample.build()
        contents[Path("samples") / sample.name] = data
        digest = hashlib.sha256(data).hexdigest()
        rows.append(f"| {sample.name} | {sample.kind} | {sample.origin} | {sample.licence} | {sample.changes} | `{digest}` |")
    contents[Path("SOURCES.md")] = (INTRODUCTION + "\n".join(rows) + "\n" + NOTES).encode()
    return contents


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the sample images and SOURCES.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file differs from its recipe")
    check = parser.parse_args().check
    differing = []
    for relative, data in build().items():
        path = HERE / relative
        if path.is_file() and path.read_bytes() == data:
            continue
        differing.append(relative)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    for relative in differing:
        print(f"{'differs' if check else 'written'}: {relative}")
    return 1 if check and differing else 0


if __name__ == "__main__":
    sys.exit(main())
