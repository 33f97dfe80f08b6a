"""Every file of every encoder through every decoder, and how the results compare."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.codec.determinism.configurations import DecodingConfiguration

CODING = "training.codec.determinism.coding"
WITHIN_ONE = 0.999
LARGEST = 2
"""Requirements on fp32: this share of samples within +-1 of the reference's, none further away than LARGEST."""
EXACT_TO_ITSELF = "exact to itself"


@dataclass
class Agreement:
    """Samples of one decoder beside those of the reference, summed over files."""

    samples: int = 0
    equal: int = 0
    within_one: int = 0
    largest: int = 0

    def add(self, reference: NDArray[np.uint8], found: NDArray[np.uint8]) -> None:
        """Count one file."""
        difference = np.abs(reference.astype(np.int16) - found)
        self.samples += difference.size
        self.equal += int((difference == 0).sum())
        self.within_one += int((difference <= 1).sum())
        self.largest = max(self.largest, int(difference.max()))

    def holds(self) -> bool:
        """Whether the requirements on fp32 hold."""
        return self.samples > 0 and self.within_one >= WITHIN_ONE * self.samples and self.largest <= LARGEST

    def to_dict(self) -> dict[str, Any]:
        """Shares, and the largest difference."""
        shares = {"equal": self.equal / self.samples, "within_one": self.within_one / self.samples} if self.samples else {}
        return {"samples": self.samples, **shares, "largest": self.largest}


@dataclass
class Decoder:
    """What one configuration made of all files."""

    configuration: DecodingConfiguration
    facts: Mapping[str, Any] = field(default_factory=dict)
    latents: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By file: tiles with the latents that were written, and tiles."""
    pixels: dict[str, Agreement] = field(default_factory=lambda: defaultdict(Agreement))
    """By decoding, beside the reference's fp32; "exact to itself": beside the reference's exact decoding."""


@dataclass
class Encoder:
    """What one configuration wrote: names of files, equal files under one name."""

    configuration: DecodingConfiguration
    facts: Mapping[str, Any]
    files: list[str]


@dataclass
class Matrix:
    """All of it; the first decoder is the reference."""

    encoders: list[Encoder]
    decoders: list[Decoder]

    def latents(self, encoder: Encoder, decoder: Decoder) -> tuple[int, int]:
        """Tiles of the encoder's files that the decoder read as they were written, and tiles."""
        counts = [decoder.latents[name] for name in encoder.files]
        return sum(equal for equal, _ in counts), sum(tiles for _, tiles in counts)

    def latents_agree(self) -> bool:
        """Whether every tile has the written latents everywhere."""
        pairs = [self.latents(e, d) for e in self.encoders for d in self.decoders]
        return bool(pairs) and all(equal == tiles > 0 for equal, tiles in pairs)

    def pixels_agree(self) -> bool:
        """Whether the requirements on fp32 hold for every decoder."""
        return all(d.pixels["fp32"].holds() for d in self.decoders)

    def exact_agrees(self) -> bool:
        """Whether exact decodings, where there are any, are equal to the last bit."""
        return all(a.equal == a.samples for d in self.decoders for name, a in d.pixels.items() if name == EXACT_TO_ITSELF)


def measure(
    images: Mapping[str, NDArray[np.uint8]],
    rates: Sequence[int],
    model: str,
    encoders: Sequence[DecodingConfiguration],
    decoders: Sequence[DecodingConfiguration],
    folder: Path,
    also: Sequence[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> Matrix:
    """Encode under each of `encoders`, decode every file under each of `decoders`, the reference first; a process each.

    Files that several encoders wrote alike are decoded once; those of the first encoder also by the decodings in `also`, where
    tiles are decoded one by one. `images`: (H, W, 3), sides multiples of 128; `folder` for what lies in between. Raises
    RuntimeError if a process fails.
    """
    sources = {}
    for name, pixels in images.items():
        sources[name] = str(folder / f"{name}.npy")
        np.save(sources[name], pixels)
    files: dict[str, str] = {}
    wrote = [_encode(c, sources, rates, model, folder, files, progress) for c in encoders]
    job = {
        "task": "decode",
        "files": files,
        "also": {name: list(also) for name in wrote[0].files},
        "model": model,
        "out": str(folder),
    }
    references: dict[str, dict[str, NDArray[np.uint8]]] = {}
    read = [_decode(c, job, references, progress) for c in decoders]
    return Matrix(wrote, read)


def _encode(
    configuration: DecodingConfiguration,
    sources: Mapping[str, str],
    rates: Sequence[int],
    model: str,
    folder: Path,
    files: dict[str, str],
    progress: Callable[[str], None],
) -> Encoder:
    progress(f"encode  {configuration.name}")
    job = {"task": "encode", "images": sources, "rates": list(rates), "model": model, "out": str(folder)}
    answer = configuration.run(CODING, job)
    names = []
    for paths in answer["results"].values():
        for path in map(Path, paths):
            name = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
            files[name] = str(path.rename(folder / f"{name}.ncr"))
            names.append(name)
    return Encoder(configuration, answer["facts"], names)


def _decode(
    configuration: DecodingConfiguration,
    job: Mapping[str, Any],
    references: dict[str, dict[str, NDArray[np.uint8]]],
    progress: Callable[[str], None],
) -> Decoder:
    """One decoder beside `references`: pixels by file and decoding, those of the first decoder that has them."""
    progress(f"decode  {configuration.name}, {len(job['files'])} files")
    answer = configuration.run(CODING, job)
    decoder = Decoder(configuration, answer["facts"])
    for name, result in answer["results"].items():
        decoder.latents[name] = result["equal"], result["tiles"]
        pixels = {decoding: np.load(path) for decoding, path in result["pixels"].items()}
        reference = references.setdefault(name, pixels)
        for decoding, found in pixels.items():
            if "fp32" in reference:
                decoder.pixels[decoding].add(reference["fp32"], found)
            if decoding == "exact" and "exact" in reference:
                decoder.pixels[EXACT_TO_ITSELF].add(reference["exact"], found)
    return decoder
