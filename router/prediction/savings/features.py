"""What the estimate looks at: the detector's scene statistics of the image, facts about its source, and the target."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from router.detector.embeddings import scene
from router.detector.embeddings.base import Array
from router.images.sample import ImageSample

Values = NDArray[np.float64]

EMBEDDING = scene.Scene.id
"""The embedding that a gain model's features begin with; a model made with another one cannot be used."""
FACTS = ("source.lossy", "source.file", "source.log_bpp", "gray")
FEATURES_VERSION = 1
"""Changes whenever the meaning of a feature does, the embedding's own apart."""


@cache
def names() -> tuple[str, ...]:
    """Names of the columns of `vector`, in order."""
    return (*scene.feature_names(gray=False), *FACTS)


def vector(statistics: Array, gray: bool, sample: ImageSample) -> Values:
    """(len(names()),) float64: one image, whatever it is to be coded for.

    NaN stands for what an image does not have, the colour statistics of a gray one, or what is not known, the size of a source
    that is no file; a model puts its own mean there. `statistics`: of `Scene` for `gray`, see there.
    """
    found = np.full(len(names()), np.nan)
    found[_columns(gray)] = statistics
    source, pixels = sample.source, sample.width * sample.height
    log_bpp = np.nan if not source.size else np.log(8 * source.size / pixels)
    lossy = np.nan if source.lossy is None else float(source.lossy)
    found[-len(FACTS) :] = lossy, float(source.data is not None), log_bpp, float(gray)
    return found


@cache
def _columns(gray: bool) -> NDArray[np.intp]:
    places = {name: place for place, name in enumerate(names())}
    return np.array([places[name] for name in scene.feature_names(gray)], np.intp)
