"""The scene statistics of one image: what the detector has found already, or computed when they are asked for."""

from __future__ import annotations

from router.detector.embeddings.base import Array
from router.detector.embeddings.scene import Scene
from router.detector.patches import MIN_SIDE, extract_patches
from router.detector.report import OodReport
from router.images.sample import ImageSample


def scene_statistics(sample: ImageSample, report: OodReport | None = None) -> tuple[Array, bool] | None:
    """`Scene`'s features of the whole image, (D,) float32, and whether it counts as gray; None of an image too small to measure.

    `report`: the detector's on the same image, if it has looked.

    Raises InputError if the pixels cannot be decoded.
    """
    if report is not None and Scene.id in report.features:
        return report.features[Scene.id], report.gray
    if min(sample.width, sample.height) < MIN_SIDE:
        return None
    seen = extract_patches(sample)
    return Scene().embed(seen).whole, seen.gray
