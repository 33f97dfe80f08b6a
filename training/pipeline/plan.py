"""The steps of one configuration, in order: train, export, detector, guard, search, savings, bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import router
import training
from router import artefacts
from training.codec.configuration import Configuration
from training.codec.photograph_set import PhotographSet
from training.codec.release import Release
from training.codec.run_folder import STATE
from training.pipeline.step import Step

_ROUTER, _TRAINING = Path(router.__file__).parent, Path(training.__file__).parent
_NEURAL = (_ROUTER / "codecs" / "neural", _ROUTER / "containers" / "ncr")
_CODEC = tuple(sorted((_TRAINING / "codec").glob("*.py")))
_MEASURE = (_ROUTER / "evaluation" / "measure",)


@dataclass(frozen=True)
class Workspace:
    """Where things are: data (`dev/` and the photographs), runs and caches, and how the machine is used."""

    data: Path
    work: Path
    threads: int = 1
    jobs: int = 1


class IncompleteConfigurationError(ValueError):
    """A configuration that states a run, and not what is to become of it."""


def plan(name: str, file: Path, configuration: Configuration, place: Workspace) -> tuple[Step, ...]:
    """`name`: of the run, a folder below `place.work`; `file`: the configuration. Raises IncompleteConfigurationError."""
    photographs, release = configuration.photographs, configuration.release
    if photographs is None or release is None:
        raise IncompleteConfigurationError(f"{file} needs `photographs` and `release` to be more than a run")
    run = place.work / "runs" / name
    model = artefacts.MODELS / release.model
    return (
        _train(file, configuration, photographs, place, run),
        _export(photographs, release, place, run, model),
        _detector(photographs, release, place, model),
        _guard(release, place, model),
        _search(photographs, release, place, model),
        _savings(release, place, model),
        _bundle(),
    )


def _train(file: Path, configuration: Configuration, photographs: PhotographSet, place: Workspace, run: Path) -> Step:
    folder = place.data / photographs.folder
    command = ("-m", "training.codec.train", "--config", str(file), "--data", str(folder), "--out", str(run), "--resume")
    settings = configuration.model_dump(mode="json", exclude={"release"})
    init = () if configuration.init is None else (configuration.init,)
    return Step(
        "train",
        ((*command, "--threads", str(place.threads)),),
        (folder, *init),
        (run / STATE,),
        settings=settings,
        code=(*_CODEC, *_NEURAL),
        duration=f"{configuration.minutes:.0f} min by its clock; goes on where it was stopped",
    )


def _export(photographs: PhotographSet, release: Release, place: Workspace, run: Path, model: Path) -> Step:
    folder = place.data / photographs.folder
    fields = ("licence", "description", "training_data", "experimental")
    card = [
        f"{name}={str(getattr(release, name)).lower() if name == 'experimental' else getattr(release, name)}" for name in fields
    ]
    weights = ("--weights", str(run / STATE), "--id", release.model, "--data", str(folder), "--out", str(model.parent))
    return Step(
        "export",
        (("-m", "training.codec.export", *weights, "--card", *card),),
        (run / STATE, folder),
        (model,),
        code=(*_CODEC, *_NEURAL),
        duration="half a minute",
    )


def _detector(photographs: PhotographSet, release: Release, place: Workspace, model: Path) -> Step:
    out = artefacts.DETECTORS / release.detector
    where = ("--data", str(place.data), "--train", photographs.folder, "--out", str(out))
    machine = ("--cache", str(place.work / "embeddings"), "--jobs", str(place.jobs))
    return Step(
        "detector",
        (_named(release), ("-m", "training.detector.fit", *where, *machine)),
        (place.data / photographs.folder, place.data / "dev", artefacts.BACKBONES, model),
        (out,),
        code=(_TRAINING / "detector", _ROUTER / "detector"),
        duration="20 min on one core; from the cache half a minute",
    )


def _guard(release: Release, place: Workspace, model: Path) -> Step:
    out = artefacts.GUARDS / release.model
    where = ("--data", str(place.data), "--model", release.model, "--out", str(out))
    machine = ("--cache", str(place.work / "guard"), "--jobs", str(place.jobs))
    return Step(
        "guard",
        (_named(release), ("-m", "training.guard.fit", *where, *machine)),
        (place.data / "dev" / "natural", model),
        (out,),
        code=(_TRAINING / "guard", _ROUTER / "quality" / "guard", *_MEASURE, *_NEURAL),
        duration="10 min on one core for 150 photographs",
    )


def _search(photographs: PhotographSet, release: Release, place: Workspace, model: Path) -> Step:
    where = ("--data", str(place.data), "--train", photographs.folder, "--cache", str(place.work / "search"), "--only", "ncr")
    whole, small = (artefacts.SEARCH_MODELS / f"{release.model}{end}" for end in ("", "-small"))
    fit = ("-m", "training.search.fit", *where)
    return Step(
        "search",
        (_named(release), (*fit, "--out", str(whole)), (*fit, "--out", str(small), "--thumbnails")),
        (place.data / "dev", place.data / photographs.folder, model),
        (whole, small),
        code=(_TRAINING / "search", _ROUTER / "quality" / "search_model", *_MEASURE, *_NEURAL),
        duration="15 min on one core; the classical codecs' curves stay",
    )


def _savings(release: Release, place: Workspace, model: Path) -> Step:
    out = artefacts.SAVINGS_MODELS / release.model
    where = ("--data", str(place.data), "--out", str(out))
    machine = ("--cache", str(place.work / "points"), "--jobs", str(place.jobs))
    return Step(
        "savings",
        (_named(release), ("-m", "training.savings.fit", *where, *machine)),
        (place.data / "dev", model, artefacts.SEARCH_MODELS / release.model),
        (out,),
        code=(_TRAINING / "savings", _ROUTER / "prediction" / "savings", *_MEASURE, *_NEURAL),
        duration="8 min on one core once the classical codecs are measured, an hour before",
    )


def _bundle() -> Step:
    kinds = (
        artefacts.MODELS,
        artefacts.DETECTORS,
        artefacts.GUARDS,
        artefacts.SEARCH_MODELS,
        artefacts.SAVINGS_MODELS,
        artefacts.BACKBONES,
    )
    return Step(
        "bundle",
        (("-m", "training.bundle"),),
        kinds,
        (artefacts.BUNDLE,),
        code=(_TRAINING / "bundle.py",),
        duration="seconds",
    )


def _named(release: Release) -> tuple[str, ...]:
    """What ships is compared with the bundle when it is loaded: the bundle has to name what the steps before have made."""
    return ("-m", "training.bundle", "--partial", "--newest", release.model)
