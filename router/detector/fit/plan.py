"""What a fit needs and what a folder holds, told before any work: photographs by kind, and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from router.detector.calibration import DEFAULT_ALPHA
from router.detector.fit.build import SMALLEST_FIT, smallest_calibration
from router.detector.fit.corpus import FIT_SIZES, as_photograph, digest, embedded, grouped, hash_bits, image_files, read_sample
from router.detector.fit.degradations import generator, past_of
from router.detector.patches import is_gray
from router.detector.scorer import SIZES
from router.errors import InputError, RouterError, UsageError
from router.files.named import is_folder
from router.folders import LeftOut
from router.images.arrays import from_pixels
from router.reasons import ReasonCode

HELD_OUT_SHARE = 3
"""One scene in this many is kept for calibration where no folder is given for it; more where that would be too few."""
SURE_SIDE = {True: 640, False: 224}
"""px a side that a photograph must have to be shown in every size after any history of the mix (True), or as it is (False)."""
_LARGEST = list(SIZES)[-1]
_WORK = {"few": 0.13, "some": 0.45, "full": 1.0}
"""Time that a view of each size takes, against the largest."""
_SMALL = 64

Progress = Callable[[Iterator[Any], int], Iterator[Any]]


def smallest_collection(alpha: float = DEFAULT_ALPHA) -> int:
    """Photographs of different scenes that a fit at `alpha` takes, those to calibrate with included: 99 at 0.05.

    They must be in colour, unless the collection is gray, and large enough for the largest size (`SURE_SIDE`).
    """
    return SMALLEST_FIT + smallest_calibration(alpha)


@dataclass(frozen=True)
class PhotographFacts:
    """What a look at one photograph shows: SHA-256 of the file, sides in px, whether it has colour, its difference hash."""

    path: Path
    content: str
    width: int
    height: int
    colour: bool
    bits: NDArray[np.bool_]


@dataclass(frozen=True)
class FitPlan:
    """What a fit will do with a folder.

    Attributes:
        folder, held_out: where the photographs are.
        fitting, groups: files to fit on, and the scene of each.
        calibrating: files to calibrate with.
        images, scenes, colour, gray: how many there are; near-duplicates are one scene.
        kind: what the detector is calibrated for: "colour", or "gray" where most images are gray.
        large: of `calibrating`, those of that kind that can be shown in the largest size.
        unreadable: files that are left out because they cannot be read, with the error.
        alpha, mixed, views, jobs: as in `fit_folder`.
    """

    folder: Path
    held_out: Path | None
    fitting: tuple[Path, ...]
    groups: tuple[int, ...]
    calibrating: tuple[Path, ...]
    images: int
    scenes: int
    colour: int
    gray: int
    kind: Literal["colour", "gray"]
    large: int
    unreadable: tuple[tuple[Path, RouterError], ...]
    alpha: float
    mixed: bool
    views: int
    jobs: int

    @property
    def enough(self) -> bool:
        """Whether there are as many as are needed."""
        return len(self.fitting) >= SMALLEST_FIT and self.large >= smallest_calibration(self.alpha)

    def __str__(self) -> str:
        """How many there are, by kind, and how many are needed, in one line."""
        return (
            f"{self.images:,} images of {self.scenes:,} scenes, {self.colour:,} in colour and {self.gray:,} gray: "
            f"{len(self.fitting):,} to fit on ({SMALLEST_FIT} needed), {self.large:,} {self.kind} ones large enough to "
            f"calibrate with ({smallest_calibration(self.alpha)} needed at alpha {self.alpha:g})"
            + (f"; {len(self.unreadable):,} cannot be read" if self.unreadable else "")
        )

    def require(self) -> None:
        """Raises UsageError (BAD_ARGUMENT) unless there are enough, saying how many are needed."""
        if self.enough:
            return
        side = SURE_SIDE[self.mixed]
        needed = smallest_collection(self.alpha)
        if self.held_out is None:
            hint = f"Give {needed} or more photographs of different scenes, in {self.kind}, each at least {side} px a side"
        else:
            hint = (
                f"Give {SMALLEST_FIT} to fit on and {smallest_calibration(self.alpha)} of other scenes to calibrate with, in "
                f"{self.kind}, each at least {side} px a side"
            )
        raise UsageError(
            f"too few photographs: {self}",
            code=ReasonCode.BAD_ARGUMENT,
            hint=f"{hint}; a larger alpha needs fewer",
            **self.to_dict(),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: what is there and what is needed."""
        return {
            "images": self.images,
            "scenes": self.scenes,
            "colour": self.colour,
            "gray": self.gray,
            "kind": self.kind,
            "to_fit": len(self.fitting),
            "to_fit_needed": SMALLEST_FIT,
            "to_calibrate": self.large,
            "to_calibrate_needed": smallest_calibration(self.alpha),
            "unreadable": len(self.unreadable),
        }

    def seconds(self) -> float:
        """About how long the fit will take on this machine, from the time that one view takes; what a cache holds is not counted.

        Loads the embeddings, once a process.
        """
        shown = self.views * len(self.fitting) * sum(share * _WORK[size] for size, share in FIT_SIZES.items())
        return 10 + (shown + len(self.calibrating) * sum(_WORK.values())) * _seconds_of_a_view() / self.jobs


def plan_fit(
    folder: Path,
    *,
    held_out: Path | None = None,
    alpha: float = DEFAULT_ALPHA,
    mixed: bool = True,
    views: int = 2,
    jobs: int = 1,
    seed: int = 0,
    left_out: LeftOut | None = None,
    progress: Progress | None = None,
) -> FitPlan:
    """Look at every photograph once, in small, and say what `fit_folder` would do; arguments as there.

    What cannot be read is left out, and named in `unreadable`. Raises InputError (NOT_FOUND) for a folder that is not there,
    UsageError for an alpha that is none.
    """
    if not 0 < alpha < 1:
        raise UsageError(f"alpha must lie in (0, 1), not {alpha}", code=ReasonCode.BAD_ARGUMENT)
    files = image_files(_existing(folder), left_out)
    others = [] if held_out is None else image_files(_existing(held_out), left_out)
    looks = map(_look, [*files, *others])
    found = list(looks if progress is None else progress(looks, len(files) + len(others)))
    seen = [one for one in found if isinstance(one, PhotographFacts)]
    first_held_out = sum(isinstance(one, PhotographFacts) for one in found[: len(files)])
    groups = grouped([one.bits for one in seen])
    colour = sum(one.colour for one in seen)
    kind: Literal["colour", "gray"] = "colour" if 2 * colour >= len(seen) else "gray"
    large = [(one.colour or kind == "gray") and _reaches(one, seed, mixed) for one in seen]
    if held_out is None:
        chosen = _kept_back(groups, seen, large, smallest_calibration(alpha))
        calibrating = [i for i in range(len(seen)) if int(groups[i]) in chosen]
        fitting = [i for i in range(len(seen)) if int(groups[i]) not in chosen]
    else:
        calibrating = list(range(first_held_out, len(seen)))
        known = {int(groups[i]) for i in calibrating}
        fitting = [i for i in range(first_held_out) if int(groups[i]) not in known]
    return FitPlan(
        folder=folder,
        held_out=held_out,
        fitting=tuple(seen[i].path for i in fitting),
        groups=tuple(int(groups[i]) for i in fitting),
        calibrating=tuple(seen[i].path for i in calibrating),
        images=len(seen),
        scenes=len(set(groups.tolist())),
        colour=colour,
        gray=len(seen) - colour,
        kind=kind,
        large=sum(large[i] for i in calibrating),
        unreadable=tuple(one for one in found if not isinstance(one, PhotographFacts)),
        alpha=alpha,
        mixed=mixed,
        views=views,
        jobs=jobs,
    )


def _look(path: Path) -> PhotographFacts | tuple[Path, RouterError]:
    try:
        return look(path)
    except RouterError as error:
        return path, error


def look(path: Path) -> PhotographFacts:
    """One photograph in small. Raises InputError, LimitError."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            if image.getexif().get(0x0112, 1) in (5, 6, 7, 8):
                width, height = height, width
            image.draft("RGB", (2 * _SMALL, 2 * _SMALL))
            bits = hash_bits(image)
            small = image.convert("RGB").resize((_SMALL, _SMALL), Image.Resampling.BOX)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # our own readers know more, or say why not
        whole = as_photograph(read_sample(path))
        (width, height), bits = whole.size, hash_bits(whole)
        small = whole.convert("RGB").resize((_SMALL, _SMALL), Image.Resampling.BOX)
    return PhotographFacts(path, digest(path), width, height, not is_gray(np.asarray(small, np.float32)), bits)


def _reaches(one: PhotographFacts, seed: int, mixed: bool) -> bool:
    """Whether it has the view that is drawn for calibration in the largest size: what is small cannot be enlarged to it."""
    number = list(SIZES).index(_LARGEST)
    return past_of((one.width, one.height), generator(seed, one.content, number), _LARGEST, mixed=mixed) is not None


def _kept_back(groups: NDArray[np.intp], seen: Sequence[PhotographFacts], large: Sequence[bool], least: int) -> set[int]:
    """The scenes to calibrate with, by the content of one of their images: stable when others are added.

    A third of them; more, as long as enough are left to fit on, where fewer than `least` of their images are `large`.
    """
    first: dict[int, str] = {}
    count: dict[int, int] = {}
    usable: dict[int, int] = {}
    for group, one, is_large in zip(groups.tolist(), seen, large, strict=True):
        first[group] = min(one.content, first.get(group, one.content))
        count[group] = count.get(group, 0) + 1
        usable[group] = usable.get(group, 0) + is_large
    chosen = {group for group, content in first.items() if int(content[:8], 16) % HELD_OUT_SHARE == 0}
    found, left = sum(usable[group] for group in chosen), len(seen) - sum(count[group] for group in chosen)
    for group in sorted(first.keys() - chosen, key=lambda group: first[group]):
        if found >= least:
            break
        if usable[group] and left - count[group] >= SMALLEST_FIT:
            chosen.add(group)
            found, left = found + usable[group], left - count[group]
    # Where the third is so large that too few are left to fit on, some that are not needed go back.
    for group in sorted(chosen, key=lambda group: first[group], reverse=True):
        if left >= SMALLEST_FIT:
            break
        if found - usable[group] >= least:
            chosen.discard(group)
            found, left = found - usable[group], left + count[group]
    return chosen


@cache
def _seconds_of_a_view() -> float:
    """Seconds for one photograph in the largest size, in gray and in colour.

    The first one is not counted: it loads what is needed.
    """
    noise = np.random.default_rng(0).integers(0, 256, (480, 480, 3)).astype(np.uint8)
    spent = 0.0
    for _ in range(2):
        began = time.perf_counter()
        for pixels in (noise, noise[..., :1]):
            embedded(from_pixels(pixels))
        spent = time.perf_counter() - began
    return spent


def _existing(folder: Path) -> Path:
    if not is_folder(folder):
        raise InputError(f"{folder} is not a folder", code=ReasonCode.NOT_FOUND)
    return folder
