"""The search model's artefact: a folder with `prior.safetensors` (arrays) and `prior.json` (everything else)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from router.artefacts.manifest import ArtefactType, HashedManifest
from router.codecs.base import Codec, Knob, Lane
from router.errors import ArtefactError, RouterError
from router.quality.search_model.curve_posterior import CurvePosterior
from router.quality.search_model.curves import Array, CurveSet, KnobCurve, generic, loosened
from router.quality.search_model.features import FEATURES_VERSION, NAMES
from router.quality.search_model.scales import SCALES
from router.reasons import ReasonCode

SCHEMA_VERSION = 1
ARRAYS_FILE = "prior.safetensors"
MANIFEST_FILE = "prior.json"
_TYPE = ArtefactType("search prior", MANIFEST_FILE, SCHEMA_VERSION, "fit it again: python -m training.search.fit", ARRAYS_FILE)
_STRICT = ConfigDict(extra="forbid", frozen=True)


class KnobRange(BaseModel):
    """As in `Codec.knob`."""

    model_config = _STRICT
    name: str
    low: int
    high: int


class CurveSetManifest(BaseModel):
    """One codec configuration that was measured.

    Attributes:
        name: prefix of its arrays.
        codec: id.
        settings: those of the configuration that change the file; see `versions.matters`.
        version: of the library underneath; for the neural codec the SHA-256 of the weights.
    """

    model_config = _STRICT
    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
    codec: str
    settings: dict[str, str | int]
    version: str
    knob: KnobRange


class SearchModelManifest(HashedManifest):
    """`prior.json`.

    Attributes:
        model, model_sha256: of the neural model that the `ncr` curve set was measured with; None without one.
        features_version: of `features.FEATURES_VERSION`.
    """

    schema_version: Literal[1]
    prior_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]
    features_version: int
    features: tuple[str, ...]
    families: Annotated[tuple[CurveSetManifest, ...], Field(min_length=1)]
    model: str | None
    model_sha256: str | None
    provenance: dict[str, Any]
    arrays_sha256: str = ""


@dataclass(frozen=True, eq=False)
class SearchModel:
    """What was read: `manifest`, and arrays by name (see `needed`)."""

    manifest: SearchModelManifest
    arrays: dict[str, Array]

    @property
    def search_model_id(self) -> str:
        """The folder's name."""
        return self.manifest.prior_id

    @property
    def sha256(self) -> str:
        """Hash of the whole."""
        return self.manifest.sha256

    @property
    def model(self) -> str | None:
        """Id of the neural model that it was made with."""
        return self.manifest.model

    @property
    def model_sha256(self) -> str | None:
        """SHA-256 of that model's weights."""
        return self.manifest.model_sha256

    @property
    def most_pixels(self) -> int | None:
        """The largest picture that it is for; None for all that no other search model is for."""
        bound = self.arrays.get("most_pixels")
        return None if bound is None else int(bound[0])

    @property
    def rank(self) -> int:
        """How many numbers say what kind of image it is."""
        return len(self.arrays["mean"])

    def posterior(self, features: Array | None) -> CurvePosterior:
        """For one image; without features (len(NAMES),) the average image, and how images vary."""
        if features is None:
            return CurvePosterior(self.arrays["mean"], self.arrays["covariance"])
        a = self.arrays
        x = inputs(features[None], *(a[f"feature_{name}"] for name in ("mean", "scale", "low", "high")))
        return CurvePosterior(x[0] @ a["weights"], a["residual"])

    def curve_set(self, codec: Codec, settings: dict[str, Any]) -> CurveSet:
        """Curves of `codec` with `settings` beside its knob.

        Each call gives a new object: to a posterior, equal curves that were asked for twice are two curves.

        The fitted ones where knob, settings and library are those that were measured. Loosened ones where the settings or the
        library differ. Generic ones where the knob's range differs, for other neural weights, and for unknown codecs.
        """
        assert codec.knob is not None
        config = {**codec.get_config(), **settings}
        wanted, version = byte_settings(codec, config), _version(codec)
        alike = [f for f in self.manifest.families if f.codec == codec.codec_id and _same_knob(f.knob, codec.knob)]
        if codec.lane is Lane.NEURAL:  # other weights are another codec
            alike = [f for f in alike if f.version == version]
        if not alike:
            return generic(codec.knob, self.rank)
        best = max(alike, key=lambda f: (sum(wanted.get(k) == v for k, v in f.settings.items()), f.version == version))
        curve_set = self.fitted(best.name)
        if best.version != version:
            return loosened(CurveSet(curve_set.curves))  # which settings give the same file may have changed
        return curve_set if best.settings == wanted else loosened(curve_set)

    def fitted(self, name: str) -> CurveSet:
        """The curves of a curve set of the manifest, by name. Raises KeyError for an unknown one."""
        a = self.arrays
        curves = {
            scale: KnobCurve(
                scale,
                a[f"{name}.knots"],
                a[f"{name}.{scale}.mean"],
                a[f"{name}.{scale}.loadings"],
                a[f"{name}.{scale}.roughness"],
            )
            for scale in SCALES
        }
        distinct = a.get(f"{name}.distinct")
        return CurveSet(curves, None if distinct is None else distinct.astype(np.int64))


def byte_settings(codec: Codec, config: Mapping[str, Any]) -> dict[str, str | int]:
    """The part of a configuration with settings that changes the codec's files."""
    return {name: value for name, value in config.items() if name != "id" and name not in codec.byte_neutral}


def _version(codec: Codec) -> str:
    try:
        return codec.version()
    except RouterError:  # weights that are not here
        return ""


def inputs(features: Array, centre: Array, scale: Array, low: Array, high: Array) -> Array:
    """(N, 2 F + 1) of features (N, F): one, standardised, and their squares. What the regression takes.

    `low` and `high` (F,): what was seen, standardised; further out features are cut.
    """
    x = np.clip((features - centre) / scale, low, high)
    return np.column_stack([np.ones(len(x)), x, np.square(x)])


def assembled(manifest: SearchModelManifest, arrays: dict[str, Array]) -> SearchModel:
    """A search model that lies nowhere yet. Raises ArtefactError if manifest and arrays do not fit together."""
    return _checked(Path(manifest.prior_id), manifest, {name: np.asarray(array, np.float32) for name, array in arrays.items()})


def write(folder: Path, manifest: SearchModelManifest, arrays: dict[str, Array]) -> SearchModel:
    """Write both files into `folder` (made if missing). Raises ArtefactError if they do not fit together."""
    small = {name: np.asarray(array, np.float32) for name, array in arrays.items()}
    _checked(folder, manifest, small)
    return _checked(folder, _TYPE.write(folder, manifest, small), small)


def read(folder: Path) -> SearchModel:
    """Read and verify both files.

    Raises ArtefactError (ARTEFACT_DAMAGED; UNSUPPORTED_VERSION for a newer schema, and for other features than this build's).
    """
    manifest = _TYPE.read_manifest(folder, SearchModelManifest)
    if manifest.features_version != FEATURES_VERSION or manifest.features != NAMES:
        raise ArtefactError(
            f"search prior {folder.name} was fitted on other features than this build's",
            code=ReasonCode.UNSUPPORTED_VERSION,
            hint="Reinstall codec-router, or fit the prior again",
        )
    return _checked(folder, manifest, _TYPE.read_arrays(folder, manifest.arrays_sha256))


def needed(manifest: SearchModelManifest, arrays: dict[str, NDArray[Any]]) -> dict[str, tuple[int, ...]]:
    """Shapes of all arrays that must be there, given the sizes of `mean` and of each curve set's `knots`.

    `feature_mean`, `feature_scale`, `feature_low`, `feature_high`: see `inputs`. `weights`: regression of the numbers that say
    what kind of image it is; `residual`: covariance of what it leaves. `mean`, `covariance`: of these numbers over all images.
    For each curve set `<name>.knots`, and for each scale `<name>.<scale>.mean`, `.loadings`, `.roughness`; `<name>.distinct` is
    optional, as is `most_pixels` (1,), see `SearchModel`.
    """
    rank, count = _length(arrays, "mean"), len(NAMES)
    shapes: dict[str, tuple[int, ...]] = {
        "feature_mean": (count,),
        "feature_scale": (count,),
        "feature_low": (count,),
        "feature_high": (count,),
        "weights": (2 * count + 1, rank),
        "residual": (rank, rank),
        "mean": (rank,),
        "covariance": (rank, rank),
    }
    for curve_set in manifest.families:
        knots = _length(arrays, f"{curve_set.name}.knots")
        shapes[f"{curve_set.name}.knots"] = (knots,)
        for scale in SCALES:
            shapes |= {
                f"{curve_set.name}.{scale}.mean": (knots,),
                f"{curve_set.name}.{scale}.loadings": (knots, rank),
                f"{curve_set.name}.{scale}.roughness": (knots,),
            }
    return shapes


def _length(arrays: dict[str, NDArray[Any]], name: str) -> int:
    return len(arrays[name]) if name in arrays and arrays[name].ndim else 0


def _checked(folder: Path, manifest: SearchModelManifest, arrays: dict[str, NDArray[Any]]) -> SearchModel:
    for name, shape in needed(manifest, arrays).items():
        if name not in arrays or arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
            raise _TYPE.damaged(folder, f"array {name} is missing, of another shape, or not finite")
    if len({curve_set.name for curve_set in manifest.families}) < len(manifest.families):
        raise _TYPE.damaged(folder, "two families of one name")
    for curve_set in manifest.families:
        knots, distinct = arrays[f"{curve_set.name}.knots"], arrays.get(f"{curve_set.name}.distinct")
        if len(knots) < 2 or (np.diff(knots) <= 0).any() or (knots[0], knots[-1]) != (curve_set.knob.low, curve_set.knob.high):
            raise _TYPE.damaged(folder, f"knots of {curve_set.name} do not rise over its knob")
        if distinct is not None and (
            distinct.ndim != 1
            or not len(distinct)
            or (np.diff(distinct) <= 0).any()
            or distinct[0] != curve_set.knob.low
            or distinct[-1] > curve_set.knob.high
            or (distinct != np.rint(distinct)).any()
        ):
            raise _TYPE.damaged(folder, f"distinct settings of {curve_set.name}")
        if any((arrays[f"{curve_set.name}.{scale}.roughness"] <= 0).any() for scale in SCALES):
            raise _TYPE.damaged(folder, f"roughness of {curve_set.name}")
    bound = arrays.get("most_pixels")
    if bound is not None and (bound.shape != (1,) or not 1 <= bound[0] < 2**31):
        raise _TYPE.damaged(folder, "most_pixels")
    if (arrays["feature_scale"] <= 0).any():
        raise _TYPE.damaged(folder, "feature_scale")
    if any(np.linalg.eigvalsh(arrays[name].astype(np.float64)).min() < -1e-4 for name in ("residual", "covariance")):
        raise _TYPE.damaged(folder, "a covariance is none")
    return SearchModel(manifest, {name: array.astype(np.float64) for name, array in arrays.items()})


def _same_knob(a: KnobRange, b: Knob) -> bool:
    return (a.name, a.low, a.high) == (b.name, b.low, b.high)
