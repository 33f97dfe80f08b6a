"""Model folders: what models there are, whether their files are intact, and loading them once.

A model is a folder `<model_id>/` with `model.json` (the card) and `model.safetensors`. Folders are looked for beside the
package (`router/artefacts/models`), then in every folder that the environment variable CODEC_ROUTER_MODELS lists (separated as
PATH is).
Listing and verifying need no torch.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router.artefacts import MODELS
from router.codecs.neural.config import ModelConfig
from router.errors import ArtefactError, ModelError
from router.process.forks import Lock
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from torch import Tensor

    from router.codecs.neural.tile import TileCoder

ENVIRONMENT = "CODEC_ROUTER_MODELS"
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "model.json"


@dataclass(frozen=True)
class ModelCard:
    """What is known about a model without opening its weights.

    Attributes:
        id: e.g. "photo-1"; never changes meaning.
        format: .ncr format version whose streams it decodes.
        config: shape of the network.
        sha256: hash of the weights file, lower-case hex; every stream names it.
        size: bytes of the weights file.
        licence: of the weights.
        description, training_data: one paragraph each.
        lambda_min, lambda_max: rate-distortion trade-off at the first and the last anchor rate.
        released: ISO date; the newest shipped model is the default.
        experimental: True for a preview that may stop shipping; its folder keeps decoding its streams.
        folder: where it was found.
    """

    id: str
    format: int
    config: ModelConfig
    sha256: str
    size: int
    licence: str
    description: str
    training_data: str
    lambda_min: float
    lambda_max: float
    released: str
    experimental: bool
    folder: Path

    @property
    def rates(self) -> int:
        """Anchor rates; the rate index runs over them continuously."""
        return self.config.rates

    @property
    def weights_file(self) -> Path:
        """The safetensors file."""
        return self.folder / WEIGHTS_FILE

    def to_json(self) -> str:
        """Content of `model.json`."""
        fields = {k: v for k, v in asdict(self).items() if k != "folder"} | {"config": self.config.to_dict()}
        return json.dumps(fields, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, folder: Path) -> ModelCard:
        """The card in a model folder. Raises ArtefactError (ARTEFACT_DAMAGED)."""
        try:
            raw: dict[str, Any] = json.loads((folder / CARD_FILE).read_text("utf-8"))
            card = cls(**(raw | {"config": ModelConfig.from_dict(raw["config"])}), folder=folder)
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise _damaged(f"card of model {folder.name}: {_plain(error)}", folder) from error
        for field in fields(cls):
            value, wanted = getattr(card, field.name), _TYPES.get(field.type)
            if wanted is not None and type(value) not in wanted:
                raise _damaged(f"card of model {folder.name}: {field.name} is {value!r}", folder)
        if card.id != folder.name:
            raise _damaged(f"card of model {folder.name} is that of {card.id!r}", folder)
        return card


_TYPES: Mapping[Any, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (float, int), "bool": (bool,)}


@dataclass(frozen=True)
class LoadedModel:
    """A card and what it describes, ready to run."""

    card: ModelCard
    coder: TileCoder


def list_models() -> tuple[ModelCard, ...]:
    """Cards of all models found, shipped ones first; of two with one id the first is listed.

    Raises ArtefactError if a card is damaged.
    """
    cards: dict[str, ModelCard] = {}
    for folder in model_folders():
        cards.setdefault(folder.name, ModelCard.read(folder))
    return tuple(cards.values())


def model_folders() -> tuple[Path, ...]:
    """Every folder with a model card, shipped ones first; nothing is opened."""
    return tuple(file.parent for root in _roots() for file in sorted(root.glob(f"*/{CARD_FILE}")))


def newest_shipped() -> str | None:
    """Id of the newest model that ships with the package, None if none does. Raises ArtefactError."""
    cards = [ModelCard.read(f.parent) for f in MODELS.glob(f"*/{CARD_FILE}")]
    return max(cards, key=lambda c: (c.released, c.id)).id if cards else None


def find_model(model_id: str, sha256: str | None = None) -> ModelCard:
    """The card with this id; with `sha256`, the one whose weights have this hash.

    Raises:
        ModelError: UNKNOWN_MODEL (no such id) or MODEL_MISMATCH (the id is here, with other weights only).
        ArtefactError: its card is damaged.
    """
    found = [ModelCard.read(folder) for folder in _folders(model_id)]
    if not found:
        raise ModelError(
            f"neural model {model_id!r} is not installed",
            code=ReasonCode.UNKNOWN_MODEL,
            hint=f"Put its folder into one that {ENVIRONMENT} lists; `codec-router models list` shows what is here",
            model=model_id,
        )
    for card in found:
        if sha256 is None or card.sha256 == sha256:
            return card
    raise ModelError(
        f"the stream was written with other weights of {model_id!r} (SHA-256 {sha256}) than those here ({found[0].sha256})",
        code=ReasonCode.MODEL_MISMATCH,
        hint=f"Put the model folder with those weights into one that {ENVIRONMENT} lists",
        model=model_id,
    )


def verify_model(card: ModelCard) -> None:
    """Hash the weights file again. Raises ArtefactError (ARTEFACT_DAMAGED) if it is not the one that the card describes."""
    _read_verified(card)


def load_model(model_id: str, sha256: str | None = None) -> LoadedModel:
    """The model, loaded at most once per process; its hash is verified before a tensor is used. Thread-safe.

    Raises ModelError and ArtefactError as `find_model` and `verify_model`.
    """
    card = find_model(model_id, sha256)
    with _LOCK:
        if card not in _LOADED:
            _LOADED[card] = _load_alone(card)
        return _LOADED[card]


_LOCK = Lock()
_LOADED: dict[ModelCard, LoadedModel] = {}


def _load_alone(card: ModelCard) -> LoadedModel:
    from router.process.kernels import alone

    return alone(lambda: _load(card))


def _load(card: ModelCard) -> LoadedModel:
    data = _read_verified(card)

    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return LoadedModel(card, coder_of(card.config, load(data)))
    except (SafetensorError, RuntimeError, KeyError, ValueError) as error:
        raise _damaged(f"model {card.id}: {error}", card.folder) from error


def coder_of(config: ModelConfig, tensors: Mapping[str, Tensor], *, unfinished: bool = False) -> TileCoder:
    """What the tensors of a weights file make.

    `unfinished`: a light synthesis may be without its integers, and then does not decode in them. Raises RuntimeError, KeyError
    or ValueError where the tensors do not fit.
    """
    from router.codecs.neural.bounded_synthesis import BoundedWeights
    from router.codecs.neural.entropy_model import IntegerPrior
    from router.codecs.neural.network import Network
    from router.codecs.neural.tables import EntropyTables
    from router.codecs.neural.tile import TileCoder

    integers = {k: v.numpy().astype("int64") for k, v in tensors.items() if not v.is_floating_point()}
    tables = EntropyTables.from_arrays(integers, config.hyper)
    prior = IntegerPrior(config, _below("prior.", integers), tables.medians)
    bounded = {k: v.numpy() for k, v in _below("bounded.", tensors).items()}
    if config.light is not None and not bounded and not unfinished:
        raise KeyError("bounded")
    network = Network(
        config,
        _below("transform.", {k: v.float() for k, v in tensors.items()}),
        integers["gain.log2"],
        BoundedWeights(bounded) if bounded else None,
    )
    return TileCoder(network, prior, tables, integers["gain.log2"])


def _below(prefix: str, tensors: Mapping[str, Any]) -> dict[str, Any]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _read_verified(card: ModelCard) -> bytes:
    try:
        data = card.weights_file.read_bytes()
    except OSError as error:
        raise _damaged(f"model {card.id}: {_plain(error)}", card.folder) from error
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise _damaged(f"model {card.id}: {WEIGHTS_FILE} is not the file that its card describes", card.folder)
    return data


def _roots() -> Iterator[Path]:
    yield MODELS
    yield from (Path(p) for p in os.environ.get(ENVIRONMENT, "").split(os.pathsep) if p)


def _folders(model_id: str) -> Iterator[Path]:
    # Ids come from files: one that is not a plain folder name must not reach the file system.
    if not model_id or not all(c.isascii() and (c.isalnum() or c in "._-") for c in model_id) or model_id.startswith("."):
        return
    for root in _roots():
        if (root / model_id / CARD_FILE).is_file():
            yield root / model_id


def _plain(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)


def _damaged(message: str, folder: Path) -> ArtefactError:
    # The message may end in a record, where no path belongs; `details` do not.
    return ArtefactError(message, code=ReasonCode.ARTEFACT_DAMAGED, hint="Install the model again", folder=str(folder))
