"""Butteraugli (J. Alakuijala and others) through libjxl's `butteraugli_main`, where it is installed.

Debian and Ubuntu: package `libjxl-devtools`. It is an optional metric, used neither in training nor in the guard. Viewing
conditions are the tool's own: 80 nits, pixels without a profile are sRGB. The program computes on one core (its CPU time is its
run time), about 0.25 s for 768x512.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PROGRAM = "butteraugli_main"
HINT = "apt-get install libjxl-devtools"
SMALLEST_SIDE = 8
_OUTPUT = re.compile(r"^(?P<maximum>[\d.einf+-]+)\s+3-norm: (?P<norm>[\d.einf+-]+)\s*$")


def find() -> Path | None:
    """The program, None where it is not installed."""
    found = shutil.which(PROGRAM)
    return Path(found) if found else None


class Butteraugli:
    """Distances from one reference image. Owns a folder of temporary PNG files until `close`.

    Attributes:
        calls: how often the program ran.
        seconds: what that took, writing of files included.
    """

    def __init__(self, program: Path, reference: NDArray[np.uint8]) -> None:
        """`reference`: (H, W, 3) sRGB. Raises ValueError below 8 px a side, where the tool answers 0 for anything."""
        if min(reference.shape[:2]) < SMALLEST_SIDE:
            raise ValueError(f"Butteraugli needs {SMALLEST_SIDE} px a side, not {reference.shape[1]}x{reference.shape[0]}")
        self._program = program
        self._reference = reference
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.calls = 0
        self.seconds = 0.0

    def close(self) -> None:
        """Remove the temporary files."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def distance(self, candidate: NDArray[np.uint8]) -> tuple[float, float]:
        """(maximum, 3-norm) of the distance map to `candidate`, of the reference's shape; 0 is identical, 1 just noticeable.

        Raises RuntimeError if the program fails.
        """
        began = time.monotonic()
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="butteraugli-")
            _write(self._reference, Path(self._folder.name) / "reference.png")
        reference, distorted = (Path(self._folder.name) / f"{name}.png" for name in ("reference", "distorted"))
        _write(candidate, distorted)
        done = subprocess.run(  # noqa: S603 - the program that `find` found, on files of our own
            [self._program, reference, distorted, "--pnorm", "3"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
        answer = _OUTPUT.match(done.stdout)
        if done.returncode or answer is None:
            raise RuntimeError(f"{PROGRAM} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-300:]}")
        self.calls += 1
        self.seconds += time.monotonic() - began
        return float(answer["maximum"]), float(answer["norm"])


def _write(pixels: NDArray[np.uint8], file: Path) -> None:
    Image.fromarray(pixels).save(file, compress_level=1)
