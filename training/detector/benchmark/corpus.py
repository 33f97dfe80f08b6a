"""The parts of DIR that a run uses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from training.detector.benchmark.data import FAR, PHOTOGRAPH, BenchmarkImage, pictures_in, spread, unread_domains
from training.detector.benchmark.shifts import Pixels
from training.detector.benchmark.subjects import FITTING_SEED, Subject, donors_of, under_mix

_DONORS = 12


@dataclass(frozen=True)
class Corpus:
    """Photographs and other images of one split; what rivals are fitted and calibrated on; images to stand in mosaics.

    Attributes:
        photographs, others: the split's.
        fitting: train/, each photograph under several histories.
        calibrating: dev/natural/, each photograph under one history: for rivals, as our own calibration.
        unread: domains without a file that is read here.
    """

    photographs: list[BenchmarkImage]
    others: list[BenchmarkImage]
    fitting: list[Subject]
    calibrating: list[Subject]
    unread: list[str]

    @classmethod
    def open(cls, data: Path, split: str, limit: int | None, fitting_limit: int | None, draws: int) -> Corpus:
        """Take at most `limit` images a domain.

        Baselines are fitted on at most `fitting_limit` photographs under `draws` histories each, and calibrated on as many.

        Raises FileNotFoundError without DIR/split, ValueError without photographs or without anything else in it.
        """
        pictures = pictures_in(data / split, limit)
        photographs = [p for p in pictures if p.group == PHOTOGRAPH]
        others = [p for p in pictures if p.group != PHOTOGRAPH]
        if not photographs or not others:
            raise ValueError(f"{data / split} needs images in natural*/ and in at least one other folder")
        train = pictures_in(data / "train") if (data / "train").is_dir() else []
        natural = [p for p in pictures_in(data / "dev") if p.domain == "natural"] if (data / "dev" / "natural").is_dir() else []
        return cls(
            photographs,
            others,
            under_mix(spread(train, fitting_limit), FITTING_SEED, draws),
            under_mix(spread(natural, fitting_limit), FITTING_SEED),
            unread_domains(data / split, pictures),
        )

    def donors(self) -> tuple[list[Pixels], list[Pixels], str]:
        """Pixels of foreign images (far domains in turn) and of photographs for mosaics, and a name for just these."""
        by_domain: dict[str, list[BenchmarkImage]] = {}
        for picture in self.others:
            if picture.group == FAR:
                by_domain.setdefault(picture.domain, []).append(picture)
        turns = [pictures[i] for i in range(_DONORS) for pictures in by_domain.values() if i < len(pictures)]
        foreign, name = donors_of(turns[:_DONORS])
        photographs, other_name = donors_of(spread(self.photographs, _DONORS))
        return foreign, photographs, f"{name} {other_name}"
