"""The images: DIR/train (photographs), DIR/dev/<domain>, DIR/eval/<domain>, and what each domain is to the detector.

Far: nothing that a camera makes of a scene. Near: photograph-like, with other statistics. What is made from photographs
(covariate shifts) is in shifts.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from router.images.read import read
from router.images.sample import ImageSample

T = TypeVar("T")
PHOTOGRAPH, FAR, NEAR = "photograph", "far", "near"
NEAR_DOMAINS = frozenset(
    {"retina", "underwater", "lowlight", "game_render", "texture", "satellite_aerial", "cartoon_anime_pixelart"}
)
SMALLEST_DOMAIN = 12
"""Domains with fewer images are pooled, far and near apart: figures on a handful say nothing."""
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".avif", ".jxl", ".ppm", ".pgm"})


@dataclass(frozen=True)
class BenchmarkImage:
    """One file. `name` is its path below the split's folder, `source` where its collection took it from."""

    path: Path
    name: str
    domain: str
    group: str
    source: str

    def sha256(self) -> str:
        """The SHA-256 of the file's bytes."""
        return _sha256(self.path)

    def load(self) -> ImageSample:
        """The image as the router reads it: upright, 8 or 16 bit; the first of several. Raises InputError."""
        return read(self.path, first_frame=True)


def pictures_in(folder: Path, limit: int | None = None) -> list[BenchmarkImage]:
    """Images of each domain, a folder of its own below `folder`, sorted; at most `limit` a domain, evenly spread.

    Raises FileNotFoundError without `folder`.
    """
    found: list[BenchmarkImage] = []
    for domain in sorted(p for p in folder.iterdir() if p.is_dir()):
        files = sorted(p for p in domain.rglob("*") if p.suffix.lower() in SUFFIXES)
        found += [_picture(path, domain.name, folder) for path in spread(files, limit)]
    return found


def spread(items: list[T], limit: int | None) -> list[T]:
    """At most `limit` of `items`, evenly spread."""
    if limit is None or len(items) <= limit:
        return items
    return [items[i * len(items) // limit] for i in range(limit)]


def unread_domains(folder: Path, pictures: Iterable[BenchmarkImage]) -> list[str]:
    """Domains in which no file has a suffix that is read here, such as raw DICOM."""
    return sorted({p.name for p in folder.iterdir() if p.is_dir()} - {p.domain for p in pictures})


@cache
def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _picture(path: Path, domain: str, folder: Path) -> BenchmarkImage:
    group = PHOTOGRAPH if domain.startswith("natural") else NEAR if domain in NEAR_DOMAINS else FAR
    prefix, mark, _ = path.name.partition("__")  # collections name their source so
    source = f"{domain}/{prefix}" if mark and group == PHOTOGRAPH else domain
    return BenchmarkImage(path, path.relative_to(folder).as_posix(), domain, group, source)
