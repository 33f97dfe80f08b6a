"""What is measured on one image: a short vector, kept in a cache under the image's key and the measurement's own.

Measurements see one image and know nothing of the others; what is fitted on photographs is in baselines.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import joblib
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

import router.detector
from router.codecs.neural import weights
from router.codecs.neural.codec import NeuralCodec
from router.containers import ncr as container
from router.errors import InputError, LimitError
from router.evaluation.measure import complexity as luma
from router.evaluation.measure import fingerprint
from router.evaluation.measure.complexity import of_luma
from router.images.arrays import from_pixels
from router.images.sample import ImageSample
from training.detector.benchmark.shifts import plain
from training.detector.benchmark.subjects import Subject

if TYPE_CHECKING:
    from router.detector.detector import Detector

Vector = NDArray[np.float64]
DETECTOR_CODE = Path(router.detector.__file__).parent
SCORING_CODE = [*DETECTOR_CODE.glob("*.py"), *(path for path in DETECTOR_CODE.glob("*/") if path.name != "fit")]
EMBEDDING_CODE = [DETECTOR_CODE / "embeddings", DETECTOR_CODE / "patches.py"]
RATE = NeuralCodec.knob.start
"""A middle rate of the neural codec: about SSIMULACRA2 70."""
_NAME = 20


@dataclass(frozen=True)
class Measurement:
    """`measure` gives a flat float64 vector of one image; `key` changes whenever its values may."""

    name: str
    key: str
    measure: Callable[[ImageSample], Vector]


class Cache:
    """Vectors by subject and measurement, on disk below `folder`; measured each time without one."""

    def __init__(self, folder: Path | None) -> None:
        memory = joblib.Memory(folder, verbose=0)
        self._vector = memory.cache(_vector, ignore=["subject", "measurement"])

    def vectors(self, measurement: Measurement, subjects: Sequence[Subject]) -> tuple[list[Vector | None], list[str]]:
        """One vector a subject, None where the image cannot be read; and what was said about those."""
        out: list[Vector | None] = []
        refused: list[str] = []
        for subject in _progress(subjects, measurement.name):
            try:
                out.append(self._vector(subject.key, measurement.key, subject, measurement))
            except (InputError, LimitError) as error:
                out.append(None)
                refused.append(f"{subject.picture.name}: {error}")
        return out, refused


def detector_scores(detector: Detector) -> Measurement:
    """`ood_score`, `p_value` and the stratum's name as numbers (see `stratum_of`)."""

    def measure(sample: ImageSample) -> Vector:
        report = detector.score(sample)
        return np.array([report.ood_score, report.p_value, *report.stratum.encode()[:_NAME].ljust(_NAME)], np.float64)

    return Measurement("detector", f"{detector.sha256} {fingerprint.code(*SCORING_CODE)}", measure)


def stratum_of(vector: Vector) -> str:
    """The name in a vector of `detector_scores`: one number a letter."""
    return bytes(int(letter) for letter in vector[2:]).decode().rstrip()


def neural_bits(model: str | None = None) -> Measurement:
    """Bits per pixel of the neural codec's latent streams at RATE, without headers.

    That is minus the log-likelihood under its entropy model, up to the coder's loss (under 1 %). 16 bit is rounded to 8,
    alpha and colour profile are left out.
    """
    codec = NeuralCodec(model)

    def measure(sample: ImageSample) -> Vector:
        file = container.parse(codec.encode(from_pixels(plain(sample)), {"rate": RATE}))
        return np.array([8 * sum(len(tile.data) for tile in file.tiles) / (sample.width * sample.height)])

    return Measurement("codec bits", f"{codec.model} {weights.find_model(codec.model).sha256} {RATE}", measure)


def complexity() -> Measurement:
    """Entropy and gradient of luma, the two readings of `router.evaluation.measure.complexity`.

    imgproxy's rule calls images of low complexity (below 5.5) no photographs.
    """

    def measure(sample: ImageSample) -> Vector:
        return np.array(of_luma(plain(sample)), np.float64)

    return Measurement("complexity", fingerprint.code(Path(str(luma.__file__))), measure)


def _vector(key: str, measurement_key: str, subject: Subject, measurement: Measurement) -> Vector:
    return measurement.measure(subject.load())


def _progress(subjects: Sequence[Subject], what: str) -> Iterable[Subject]:
    return track(subjects, f"{what}, {len(subjects)} images", console=Console(stderr=True), transient=True)
