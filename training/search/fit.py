"""Fit the search model of the quality search and write its artefact.

    python -m training.search.fit --data DIR --out router/artefacts/priors/ID --cache CACHE [--points FOLDER] [--only ncr]

DIR holds `train` (photographs by source) and `dev` (folders of domains). Pictures are encoded at a few settings of every codec
(see `settings.py`) and the points kept in CACHE; FOLDER is the cache of an evaluation whose points of `dev` are used too, where
it has any. `--only ncr` keeps the curves of the classical codecs that are in `--base` (default: the newest that ships) and
measures and fits the neural codec alone: what is to be done after new weights. `--thumbnails`: the search model for small
pictures, fitted on thumbnails of `dev` alone; of the two that ship with a model, the picture's size decides.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from router.artefacts import SEARCH_MODELS
from router.codecs.neural.weights import find_model
from router.errors import RouterError
from router.evaluation.measure.coding import ImageCoder
from router.evaluation.measure.point import CURVE, Point
from router.evaluation.measure.variants import VARIANTS, CodecVariant
from router.quality.search_model import artefact
from router.quality.search_model.artefact import CurveSetManifest, KnobRange, SearchModel, SearchModelManifest, byte_settings
from router.quality.search_model.features import FEATURES_VERSION, NAMES, features
from router.quality.search_model.scales import SCALES, to_level
from training.search import model
from training.search.distinct import distinct_settings
from training.search.model import CurveSamples, FittedCurves, Key
from training.search.pictures import THUMBNAILS, Chosen, chosen, thumbnails
from training.search.settings import CLASSICAL, EDGES, KNOTS, NEURAL, WHOLE

Array = NDArray[np.float64]
RANK = 10
"""Numbers that say what kind of image it is, for the classical codecs; and more for the neural one."""
NEURAL_RANK = 2
ROUNDS = 25
PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
ENOUGH = 5
"""A codec with as many points from an evaluation is measured at the edges only."""


@dataclass(frozen=True)
class MeasuredCurves:
    """One picture: how many pixels, its features, and its points by family."""

    pixels: int
    features: Array
    points: dict[str, list[Point]]


def main(arguments: Sequence[str] | None = None) -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--train", default="train", help="folder of photographs below --data, by source (default train)")
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--cache", type=Path, default=Path("build/search"))
    ap.add_argument("--points", type=Path, default=None, help="an evaluation's cache")
    ap.add_argument("--only", choices=[NEURAL], default=None)
    ap.add_argument("--base", type=Path, default=None, help="whose classical curves are kept with --only")
    ap.add_argument("--thumbnails", action="store_true")
    ap.add_argument("--photographs", type=int, default=3, help="of each source of train")
    ap.add_argument("--hold-out", type=int, default=None, help="leave out each n-th picture of dev, for the benchmark")
    ap.add_argument("--cached", action="store_true", help="encode nothing: use the points that are there")
    args = ap.parse_args(arguments)
    cv2.setNumThreads(1)
    began = time.monotonic()
    pictures = list(thumbnails(args.data) if args.thumbnails else chosen(args.data, args.photographs, args.hold_out, args.train))
    most_pixels = max(THUMBNAILS) ** 2 if args.thumbnails else None
    if args.only is None:
        classical = measure_all(pictures, CLASSICAL, args.cache, args.points, () if args.cached else CLASSICAL)
        base = fit_classical(classical, args.out.name, most_pixels)
    else:
        base = artefact.read(args.base or newest(most_pixels))
        classical = []
    new = () if args.cached else (*CLASSICAL, NEURAL)
    neural = measure_all(neural_pictures(pictures), (*CLASSICAL, NEURAL), args.cache, args.points, new)
    search_model = fit_neural(base, neural, args.out)
    seconds = time.monotonic() - began
    print(f"{search_model.search_model_id} {search_model.sha256} {len(classical)} and {len(neural)} pictures, {seconds:.0f} s")


def newest(most_pixels: int | None = None) -> Path:
    """The last shipped search model for pictures of up to that size, of any by default. Raises SystemExit where there is none."""
    folders = sorted(file.parent for file in SEARCH_MODELS.glob(f"*/{artefact.MANIFEST_FILE}"))
    folders = [folder for folder in folders if artefact.read(folder).most_pixels == most_pixels]
    if not folders:
        raise SystemExit("no search model ships: fit all codecs, without --only")
    return folders[-1]


def neural_pictures(pictures: Sequence[Chosen]) -> list[Chosen]:
    """The pictures for the neural codec, which is slow: a fifth of dev (of its thumbnails a third), and the small photographs."""
    if any(one.thumbnail for one in pictures):
        return list(pictures[::3])
    dev = [one for one in pictures if not one.whole_range]
    return [one for one in pictures if one.whole_range and one.side <= 512] + dev[::5]


def measure_all(
    pictures: Sequence[Chosen], families: Sequence[str], cache: Path, measured: Path | None, new: Sequence[str]
) -> list[MeasuredCurves]:
    """Points of pictures of 8 bits. `new`: families that may be encoded; of the others what `cache` and `measured` hold."""
    return [
        found
        for one in track(pictures, description="measuring", transient=True)
        if (found := measure(one, families, cache, measured, new)) is not None
    ]


def measure(
    one: Chosen, families: Sequence[str], cache: Path, measured: Path | None, new: Sequence[str]
) -> MeasuredCurves | None:
    try:
        sample = one.open()
    except RouterError:
        return None
    if sample.bits != 8:
        return None
    coder, points = ImageCoder(sample, cache), {}
    for name in families:
        family = VARIANTS[name]
        if coder.refusal(family) is not None:
            continue
        given = (
            known(ImageCoder(sample, measured), family) if measured is not None and not (one.whole_range or one.thumbnail) else []
        )
        settings = EDGES[name] if len(given) >= ENOUGH else WHOLE[name]
        take = coder.point if name in new else coder.known
        points_now = [point for setting in settings if (point := take(family, setting, CURVE)) is not None]
        if found := {int(p.setting or 0): p for p in (*given, *points_now)}:
            points[name] = [found[setting] for setting in sorted(found)]
    if not points:
        return None
    return MeasuredCurves(sample.width * sample.height, features(sample.pixels), points)


def known(coder: ImageCoder, family: CodecVariant) -> list[Point]:
    """The points that an evaluation has left, of codecs with at most 1000 settings; nothing is encoded."""
    knob = family.codec().knob
    assert knob is not None
    settings = range(knob.low, knob.high + 1) if knob.high - knob.low <= 1000 else ()
    return [point for setting in settings if (point := coder.known(family, setting, CURVE)) is not None]


def fit_classical(measured: Sequence[MeasuredCurves], prior_id: str, most_pixels: int | None = None) -> SearchModel:
    """Curves of all classical codecs, and the regression on features; nothing is written. `most_pixels`: see `SearchModel`."""
    knots = {(family, scale): KNOTS[family] for family in CLASSICAL for scale in SCALES}
    images = [seen(one, CLASSICAL) for one in measured]
    raw = np.array([one.features for one in measured])
    centre, scale = raw.mean(axis=0), raw.std(axis=0) + 1e-3
    low, high = (bound((raw - centre) / scale, axis=0) for bound in (np.min, np.max))
    inputs = artefact.inputs(raw, centre, scale, low, high)
    left, _, _ = np.linalg.svd(inputs[:, 1:] - inputs[:, 1:].mean(axis=0), full_matrices=False)
    found, means, covariances = model.fit(images, knots, left[:, :RANK] * len(left) ** 0.5, ROUNDS)
    weights, residual, penalty = model.regress(inputs, means, covariances, PENALTIES)
    arrays = {
        "feature_mean": centre,
        "feature_scale": scale,
        "feature_low": low,
        "feature_high": high,
        "weights": weights,
        "residual": residual,
        "mean": means.mean(axis=0),
        "covariance": np.cov(means.T, bias=True) + covariances.mean(axis=0),
    }
    if most_pixels is not None:
        arrays["most_pixels"] = np.array([float(most_pixels)])
    for family in CLASSICAL:
        arrays |= arrays_of(family, found)
        distinct = distinct_settings(VARIANTS[family].codec())
        if distinct is not None:
            arrays[f"{family}.distinct"] = distinct.astype(np.float64)
    provenance = {
        "fitted": datetime.now(UTC).date().isoformat(),
        "pictures": len(measured),
        "points": {name: sum(len(one.points.get(name, ())) for one in measured) for name in CLASSICAL},
        "penalty": penalty,
    }
    manifest = SearchModelManifest(
        schema_version=1,
        prior_id=prior_id,
        features_version=FEATURES_VERSION,
        features=NAMES,
        families=tuple(family_manifest(name) for name in CLASSICAL),
        model=None,
        model_sha256=None,
        provenance=provenance,
    )
    return artefact.assembled(manifest, arrays)


def fit_neural(base: SearchModel, measured: Sequence[MeasuredCurves], out: Path) -> SearchModel:
    """The search model `base` with curves of the neural codec (in place of those that it has), written to `out`.

    What kind of image each is, is known from its classical curves. The neural codec's curves follow from that, and from
    NEURAL_RANK numbers of their own.
    """
    rank = int(base.manifest.provenance.get("classical_rank", base.rank))
    names = [family.name for family in base.manifest.families if family.codec != "ncr"]
    arrays = {name: array for name, array in base.arrays.items() if not name.startswith(f"{NEURAL}.")}
    for name in ("weights", "residual", "mean", "covariance"):
        arrays[name] = arrays[name][..., :rank] if arrays[name].ndim < 2 or name == "weights" else arrays[name][:rank, :rank]
    classical = FittedCurves({}, {})
    for family in names:
        for scale in SCALES:
            mean, loadings = arrays[f"{family}.{scale}.mean"], arrays[f"{family}.{scale}.loadings"][:, :rank]
            classical.theta[family, scale] = np.column_stack([mean, loadings])
            classical.noise[family, scale] = arrays[f"{family}.{scale}.roughness"]
    usable = [one for one in measured if NEURAL in one.points]
    known_means, known_covariances = model.place([seen(one, names) for one in usable], classical)
    knots = {(NEURAL, scale): KNOTS[NEURAL] for scale in SCALES}
    images = [seen(one, [NEURAL]) for one in usable]
    found, means, covariances = model.extend(images, knots, known_means, known_covariances, NEURAL_RANK, ROUNDS)
    raw = np.array([one.features for one in usable])
    inputs = artefact.inputs(raw, *(arrays[f"feature_{name}"] for name in ("mean", "scale", "low", "high")))
    weights, residual, _ = model.regress(inputs, means, covariances, PENALTIES)
    more = np.cov(means.T, bias=True).reshape(NEURAL_RANK, -1) + covariances.mean(axis=0)
    arrays |= {
        "weights": np.column_stack([arrays["weights"], weights]),
        "residual": _blocks(arrays["residual"], residual),
        "mean": np.concatenate([arrays["mean"], means.mean(axis=0)]),
        "covariance": _blocks(arrays["covariance"], more),
    }
    for family in names:
        for scale in SCALES:
            loadings = arrays[f"{family}.{scale}.loadings"][:, :rank]
            arrays[f"{family}.{scale}.loadings"] = np.pad(loadings, ((0, 0), (0, NEURAL_RANK)))
    arrays |= arrays_of(NEURAL, found)
    card = find_model(str(VARIANTS[NEURAL].codec().get_config()["model"]))
    manifest = base.manifest.model_copy(
        update={
            "prior_id": out.name,
            "families": (*(f for f in base.manifest.families if f.codec != "ncr"), family_manifest(NEURAL)),
            "model": card.id,
            "model_sha256": card.sha256,
            "provenance": base.manifest.provenance
            | {
                "classical_rank": rank,
                "neural_pictures": len(usable),
                "neural_points": sum(len(one.points[NEURAL]) for one in usable),
                "neural_fitted": datetime.now(UTC).date().isoformat(),
            },
        }
    )
    return artefact.write(out, manifest, arrays)


def seen(one: MeasuredCurves, families: Sequence[str]) -> Mapping[Key, CurveSamples]:
    """A picture's points as the fit takes them."""
    found = {}
    for family in families:
        if family not in one.points:
            continue
        points = one.points[family]
        weights = model.interpolation(KNOTS[family], np.array([p.setting for p in points], np.float64))
        for scale, field in zip(SCALES, ("ssimulacra2", "psnr", "ms_ssim", "bytes"), strict=True):
            level = to_level(scale, np.array([p.row()[field] for p in points], np.float64), one.pixels)
            found[family, scale] = CurveSamples(weights, level)
    return found


def arrays_of(family: str, found: FittedCurves) -> dict[str, Array]:
    """As in the artefact."""
    arrays = {f"{family}.knots": KNOTS[family]}
    for scale in SCALES:
        theta = found.theta[family, scale]
        arrays |= {
            f"{family}.{scale}.mean": theta[:, 0],
            f"{family}.{scale}.loadings": theta[:, 1:],
            f"{family}.{scale}.roughness": found.noise[family, scale],
        }
    return arrays


def family_manifest(name: str) -> CurveSetManifest:
    codec = VARIANTS[name].codec()
    assert codec.knob is not None
    config = codec.get_config()
    return CurveSetManifest(
        name=name,
        codec=codec.codec_id,
        settings=byte_settings(codec, config),
        version=codec.version(),
        knob=KnobRange(name=codec.knob.name, low=codec.knob.low, high=codec.knob.high),
    )


def _blocks(a: Array, b: Array) -> Array:
    return np.block([[a, np.zeros((len(a), len(b)))], [np.zeros((len(b), len(a))), b]])


if __name__ == "__main__":
    main()
