"""Fit the detector on DIR/train and calibrate it on DIR/dev/natural.

    python -m training.detector.fit --data DIR --out router/detectors/scene-1

The two sets must not share photographs. Every photograph is seen under random histories (training/detector/histories.py):
DRAWS of them for fitting, exactly one for calibration, drawn from the same mix: one score a photograph keeps the calibration
scores exchangeable with the score of a new photograph that went through one such history. Several draws a photograph would be
dependent and the p-value no longer what it says.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import sklearn
from joblib import Parallel, delayed
from numpy.typing import NDArray

from router.detector import artefact
from router.detector.artefact import Manifest, StratumManifest
from router.detector.calibration import DEFAULT_ALPHA
from router.detector.density import MixtureDensity
from router.detector.embeddings import EMBEDDING_VERSION, Embedding, feature_names, tile_feature_names
from training.detector.corpus import image_files, photograph_embeddings
from training.detector.histories import MIX

DRAWS = 3
SMALLEST_CORPUS = 10
TILES_PER_IMAGE = 8
COMPONENTS, MIXTURES, SHRINK = 64, 8, 0.3
"""Most components and Gaussians; a corpus with fewer than 4 vectors a component or 100 a Gaussian gets fewer."""
TILE_COMPONENTS, TILE_MIXTURES = 24, 4

Embedded = list[tuple[Embedding, str]]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder to write; its name becomes the detector's id")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args(arguments)

    train, held_out = image_files(options.data / "train"), image_files(options.data / "dev" / "natural")
    if len(train) < SMALLEST_CORPUS or not held_out:
        parser.error(f"{options.data} needs at least {SMALLEST_CORPUS} images below train/ and one below dev/natural/")
    fitting = embed_all(train, DRAWS, options.seed, options.jobs)
    calibrating = embed_all(held_out, 1, options.seed, options.jobs)
    manifest = build(options.out, fitting, calibrating, seed=options.seed, sources=sources(train, held_out, options.data))
    print(f"{manifest.detector_id} {manifest.sha256}")
    for name, part in (("colour", manifest.colour), ("gray", manifest.gray)):
        print(f"  {name}: {len(part.features)} features, {len(part.calibration_scores)} calibration scores")


def embed_all(paths: list[Path], draws: int, seed: int, jobs: int) -> Embedded:
    """Embeddings of all photographs under `draws` histories each."""
    nested = Parallel(n_jobs=jobs)(delayed(photograph_embeddings)(path, draws, seed) for path in paths)
    return [item for photograph in nested for item in photograph]


def build(out: Path, fitting: Embedded, calibrating: Embedded, *, seed: int, sources: dict[str, object]) -> Manifest:
    """Fit, calibrate, write the artefact into `out`, return its manifest."""
    arrays: dict[str, NDArray[np.float32]] = {}
    parts: dict[str, StratumManifest] = {}
    for name, gray in (("colour", False), ("gray", True)):
        fit, held = ([e for e, _ in group if e.gray == gray] for group in (fitting, calibrating))
        vectors = np.stack([e.vector for e in fit])
        density = MixtureDensity.fit(
            vectors,
            components=min(COMPONENTS, len(fit) // 4),
            mixtures=max(1, min(MIXTURES, len(fit) // 100)),
            shrink=SHRINK,
            seed=seed,
        )
        tiles = np.concatenate([some_tiles(e) for e in fit])
        tile_density = MixtureDensity.fit(tiles, components=TILE_COMPONENTS, mixtures=TILE_MIXTURES, shrink=SHRINK, seed=seed)
        arrays |= density.arrays(name) | tile_density.arrays(f"{name}_tile")
        tile_scores = tile_density.score(np.concatenate([e.tiles for e in held]))
        parts[name] = StratumManifest(
            features=feature_names(gray),
            tile_features=tile_feature_names(gray),
            calibration_scores=tuple(round(float(s), 6) for s in density.score(np.stack([e.vector for e in held]))),
            tile_median=float(np.quantile(tile_scores, 0.5)),
            tile_upper=float(np.quantile(tile_scores, 0.95)),
        )
    manifest = Manifest(
        schema_version=1,
        detector_id=out.name,
        embedding_version=EMBEDDING_VERSION,
        alpha=DEFAULT_ALPHA,
        colour=parts["colour"],
        gray=parts["gray"],
        estimator={
            "family": "StandardScaler, clip, PCA (whitened), GaussianMixture (full)",
            "components_at_most": COMPONENTS,
            "mixtures_at_most": MIXTURES,
            "tile_components": TILE_COMPONENTS,
            "tile_mixtures": TILE_MIXTURES,
            "shrink": SHRINK,
            "scikit_learn": sklearn.__version__,
        },
        provenance={
            "seed": seed,
            "draws_per_photograph": DRAWS,
            "history_mix": MIX,
            "calibration_histories": dict(sorted(Counter(name for e, name in calibrating if e.gray).items())),
            **sources,
        },
        arrays_sha256="",
    )
    return artefact.write(out, manifest, arrays)


def some_tiles(embedding: Embedding) -> NDArray[np.float64]:
    """At most TILES_PER_IMAGE evenly spaced tiles, so that large photographs do not outweigh small ones."""
    count = min(TILES_PER_IMAGE, len(embedding.tiles))
    return embedding.tiles[np.linspace(0, len(embedding.tiles) - 1, count).astype(int)]


def sources(train: list[Path], held_out: list[Path], data: Path) -> dict[str, object]:
    """How many photographs came from where: counts only, no names."""
    return {
        "fitted_on": dict(sorted(Counter(p.relative_to(data / "train").parts[0] for p in train).items())),
        "calibrated_on": dict(sorted(Counter(p.name.split("__")[0] for p in held_out).items())),
    }


if __name__ == "__main__":
    main()
