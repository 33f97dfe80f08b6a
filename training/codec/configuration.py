"""What decides a run, as a file that is committed: `training/configurations/*.json`.

Every field is an option of `training.codec.train` as well, where what is given wins. What a machine decides (threads, how often
the state is saved) is no part of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from router.codecs.neural.config import LightShape, ModelConfig
from training.codec.photograph_set import PhotographSet
from training.codec.release import Release

LIGHT_OPTION = ("CHANNELS", "BLOCKS", "DEEP_CHANNELS", "DEEP_BLOCKS")


class Configuration(BaseModel):
    """Architecture, data, objective, optimisers, schedule and seed of one run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: int = Field(192, ge=1, description="width of the transforms at 1/8 scale")
    latents: int = Field(320, ge=1, description="latent channels")
    blocks: int = Field(3, ge=1, description="blocks at 1/8 scale on either side")
    deep_blocks: int = Field(1, ge=1, description="blocks at 1/16 scale on either side")
    prior: int = Field(128, ge=1, description="width of the prior network")
    light: tuple[int, int, int, int] | None = Field(None, description="the light synthesis, of this shape")

    batch: int = Field(4, ge=1, description="crops a step")
    crop: int = Field(256, ge=64, multiple_of=64, description="side of a crop in px")
    planted: float = Field(0.0, ge=0, le=1, description="share of crops that get faint structures")
    extreme: float = Field(0.0, ge=0, le=1, description="share of crops that are no photographs: flat colours, stripes, noise")
    rate_exponent: float = Field(
        0.75, gt=0, description="rate positions are drawn as u ** this, u uniform: below 1 the upper rates are seen more often"
    )

    mse: float = Field(0.7, ge=0, description="weight of the squared error")
    ssimulacra2: float = Field(10.0, ge=0, description="weight of the SSIMULACRA2 distance")
    unmasked: float = Field(0.0, ge=0, description="weight of the squared error where nothing hides it")
    lambda_min: float = Field(0.0002, gt=0, description="trade-off at the first anchor rate")
    lambda_max: float = Field(0.2, gt=0, description="trade-off at the last anchor rate")

    lr: float = Field(3e-4, gt=0, description="AdamW: biases, depthwise, gains, entropy model")
    muon: float = Field(4e-3, gt=0, description="Muon: dense convolutions")

    minutes: float = Field(90.0, gt=0, description="length of the schedule")
    steps: int | None = Field(None, ge=1, description="end the schedule after this many steps, if that comes first")
    decay_from: float = Field(0.5, ge=0, le=1, description="share of the schedule after which the rates fall linearly to zero")

    rounding_from: float | None = Field(
        None,
        ge=0,
        le=1,
        description="share of the schedule after which a light synthesis is rounded to its integers; none: never",
    )

    seed: int = Field(0, ge=0, description="of crops, rate positions and the first weights")
    init: Path | None = Field(None, description="safetensors of a whole training model to start from")

    photographs: PhotographSet | None = None
    release: Release | None = None

    @property
    def model(self) -> ModelConfig:
        """Shape of the network."""
        return ModelConfig(
            channels=self.channels,
            latents=self.latents,
            analysis_blocks=self.blocks,
            synthesis_blocks=self.blocks,
            deep_blocks=self.deep_blocks,
            prior=self.prior,
            light=LightShape(*self.light) if self.light else None,
        )

    @classmethod
    def read(cls, file: Path, changes: Mapping[str, Any] | None = None) -> Configuration:
        """From a JSON file, with some fields changed. Raises ValidationError, OSError."""
        stored = cls.model_validate_json(file.read_bytes()).model_dump(exclude_unset=True)
        return cls.model_validate(stored | dict(changes or {}))


def add_options(parser: argparse.ArgumentParser) -> None:
    """One option a field; what is not given is not set, so that the file decides."""
    group = parser.add_argument_group("configuration")
    group.add_argument("--config", type=Path, help="JSON file of the fields below; options that are given win")
    for name, field in Configuration.model_fields.items():
        if field.description is not None:
            many: dict[str, Any] = {"nargs": 4, "metavar": LIGHT_OPTION} if name == "light" else {"metavar": name.upper()}
            usual = "" if field.default is None else f" (default {field.default})"
            group.add_argument(f"--{name.replace('_', '-')}", default=argparse.SUPPRESS, help=field.description + usual, **many)


def from_options(parser: argparse.ArgumentParser, args: argparse.Namespace) -> Configuration:
    """The configuration that the options state; ends the program with what is wrong with it."""
    given = {k: v for k, v in vars(args).items() if k in Configuration.model_fields}
    try:
        return Configuration.model_validate(given) if args.config is None else Configuration.read(args.config, given)
    except (ValidationError, OSError) as error:
        parser.error(str(error))
