"""The facts a policy may read about one image: computed one by one, and only when a reached rule asks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from router.artefacts.bundle import Used
from router.detector.report import OodReport
from router.errors import ArtefactError
from router.images.sample import ImageSample
from router.policy.inputs import unavailable


class _Lazy(Mapping[str, Any]):
    """Values that are computed when they are read."""

    def __init__(self, values: Mapping[str, Callable[[], Any]]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        return self._values[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Facts:
    """Resolves the fact groups of one image.

    `ood_report` keeps the detector's answer for the record, `used` the artefacts that had a part in a group, and `problems` why
    one was done without.
    """

    def __init__(
        self,
        sample: ImageSample,
        *,
        alpha: float,
        score: Callable[[], OodReport],
        gain: Callable[[OodReport | None], tuple[Mapping[str, Any], Used | None]] | None = None,
        cost: Callable[[], Mapping[str, Any]] | None = None,
    ) -> None:
        """What the groups are taken from.

        Args:
            alpha: the policy's level below which a p-value means "out of distribution".
            score: the detector.
            gain: gives the `gain` group and the model behind it from what the detector said, if it was asked; None where there is
                no model. One that cannot be used is done without: the group is unavailable then.
            cost: gives the `cost` group; None where nothing is known.
        """
        self._sample = sample
        self._alpha = alpha
        self._score = score
        self.ood_report: OodReport | None = None
        self.used: list[Used] = []
        self.problems: list[ArtefactError] = []
        self._groups: dict[str, Callable[[], Mapping[str, Any]]] = {
            "image": self._image,
            "source": self._source,
            "ood": self._ood,
            "gain": lambda: self._gain(gain),
            "cost": cost or (lambda: unavailable("cost")),
            "device": self._device,
        }

    def resolve(self, group: str) -> Mapping[str, Any]:
        """Values of one group by name. Reading a value may raise InputError, LimitError or ArtefactError."""
        return self._groups[group]()

    def _image(self) -> Mapping[str, Any]:
        s = self._sample
        return _Lazy(
            {
                "width": lambda: s.width,
                "height": lambda: s.height,
                "megapixels": lambda: s.width * s.height / 1e6,
                "channels": lambda: s.channels,
                "bits": lambda: s.bits,
                "mode": lambda: s.mode,
                "has_alpha": lambda: s.has_alpha,
                "alpha_used": lambda: s.alpha_used,
                "gray": self._gray,
                "colours": lambda: s.colours,
                "has_icc": lambda: s.metadata.icc is not None,
                "wide_gamut": self._wide_gamut,
                "decodable": lambda: s.undecodable is None,
                "hdr": self._hdr,
            }
        )

    def _gray(self) -> bool:
        from router.detector.patches import shows_gray

        return shows_gray(self._sample)

    def _wide_gamut(self) -> bool:
        from router.images.colour import is_wide_gamut

        return is_wide_gamut(self._sample.metadata.icc)

    def _hdr(self) -> bool:
        return self._sample.source.hdr_transfer or self._sample.has_gain_map

    def _source(self) -> Mapping[str, Any]:
        source, pixels = self._sample.source, self._sample.width * self._sample.height
        return {
            "format": source.format,
            "lossy": source.lossy is True,
            "lossy_known": source.lossy is not None,
            "bytes": source.size or 0,
            "bpp": 8 * (source.size or 0) / pixels,
            "is_file": source.data is not None,
            "transcodable": source.format == "jpeg" and source.data is not None,
        }

    def _ood(self) -> Mapping[str, Any]:
        found = self._score()
        # By the policy's level, not the detector's own: the record must say what the rules saw.
        self.used.append(Used("detectors", found.detector_id, found.detector_sha256))
        report = self.ood_report = replace(found, alpha=self._alpha, in_distribution=found.p_value > self._alpha)
        return {
            "available": True,
            "score": report.ood_score,
            "p_value": report.p_value,
            "in_distribution": report.in_distribution,
            "detector": report.detector_id,
        }

    def _gain(self, gain: Callable[[OodReport | None], tuple[Mapping[str, Any], Used | None]] | None) -> Mapping[str, Any]:
        if gain is None:
            return unavailable("gain")
        try:
            values, used = gain(self.ood_report)
        except ArtefactError as error:
            self.problems.append(error)
            return unavailable("gain")
        self.used += [] if used is None else [used]
        return values

    def _device(self) -> Mapping[str, Any]:
        return _Lazy(
            {
                "cpus": _cpus,
                "gpu": lambda: False,
                "neural_available": self._neural_available,
                "neural_problem": self._neural_problem,
            }
        )

    def _neural_available(self) -> bool:
        for hint in _unavailable_neural():
            if isinstance(hint, ArtefactError):  # without its model the lane is closed, and nothing else is
                self.problems.append(hint)
            elif hint is None:
                return True
        return False

    def _neural_problem(self) -> str:
        hints = list(_unavailable_neural())
        hint = None if None in hints else hints[0]
        if hint is None:
            return ""
        if isinstance(hint, ArtefactError):
            named = hint.message.partition(": ")[0]  # what follows may be a library's words
            return f"{named}: see codec-router models verify"
        return f"neural extra not installed: {hint}" if hint.startswith("pip ") else hint


def _unavailable_neural() -> Iterator[str | ArtefactError | None]:
    """For each codec of the neural lane why it cannot be used here, None where it can. Ours come first."""
    from router.codecs import registry
    from router.codecs.base import Lane

    for codec_id in registry.in_lane(Lane.NEURAL):
        try:
            yield registry.get(codec_id).unavailable()
        except ArtefactError as error:
            yield error


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
