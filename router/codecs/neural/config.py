"""Shape of the network and constants of its geometry. No torch: listing models must stay cheap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

STRIDE = 64
"""Pixels per hyper-latent: sides are padded to a multiple of it."""

LATENT_STRIDE = 16
"""Pixels per latent."""

HYPER_STRIDE = STRIDE // LATENT_STRIDE
"""Latents per hyper-latent."""


@dataclass(frozen=True)
class LightShape:
    """Shape of a synthesis with a small share of the analysis' multiply-accumulates."""

    channels: int = 96
    """Width at 1/8 scale."""
    blocks: int = 2
    """Blocks at 1/8 scale."""
    deep_channels: int = 192
    """Width at 1/16 scale."""
    deep_blocks: int = 1
    """Blocks at 1/16 scale."""


@dataclass(frozen=True)
class ModelConfig:
    """Shape of the network. Stored in the model card, so that weights and code cannot drift apart."""

    channels: int = 192
    """Width at 1/8 scale."""
    latents: int = 320
    """Latent channels at 1/16 scale."""
    hyper: int = 96
    """Hyper-latent channels at 1/64 scale."""
    analysis_blocks: int = 3
    synthesis_blocks: int = 3
    """Blocks of a mirrored synthesis at 1/8 scale; a light one has its own."""
    deep_blocks: int = 1
    """Blocks at 1/16 scale, of the analysis and of a mirrored synthesis."""
    prior: int = 128
    """Width of the prior network at 1/16 scale."""
    rates: int = 8
    """Anchor rates; a rate position lies in [0, rates - 1] and is continuous."""
    light: LightShape | None = None
    """Shape of the light synthesis (`light.py`); None: the synthesis mirrors the analysis."""

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> ModelConfig:
        """From `to_dict`. Raises TypeError or ValueError for anything else."""
        if not isinstance(stored, Mapping):
            raise TypeError("a shape is a mapping")
        light = stored.get("light")
        config = cls(**{**stored, "light": None if light is None else LightShape(**light)})
        numbers = [*vars(config).values(), *([] if config.light is None else vars(config.light).values())]
        if any(type(n) is not int or n < 1 for n in numbers if n is not None and n is not config.light) or config.rates < 2:
            raise ValueError("sizes are positive integers, and rates are two at least")
        return config

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; without `light` where there is none."""
        return {k: v for k, v in asdict(self).items() if v is not None}

    @property
    def halo(self) -> int:
        """Pixels around a region that analysis or synthesis of it can see: a multiple of LATENT_STRIDE.

        Every block reaches one cell of its scale: 8 px, or 16 px for the deep ones.
        """
        reach = 8 * self.analysis_blocks + LATENT_STRIDE * self.deep_blocks
        if self.light is None:
            reach = max(reach, 8 * self.synthesis_blocks + LATENT_STRIDE * self.deep_blocks)
        else:
            reach = max(reach, 8 * self.light.blocks + LATENT_STRIDE * self.light.deep_blocks)
        return -(-reach // LATENT_STRIDE) * LATENT_STRIDE
