"""Shape of the network and constants of its geometry. No torch: listing models must stay cheap."""

from __future__ import annotations

from dataclasses import dataclass

STRIDE = 64
"""Pixels per hyper-latent: sides are padded to a multiple of it."""

LATENT_STRIDE = 16
"""Pixels per latent."""

HYPER_STRIDE = STRIDE // LATENT_STRIDE
"""Latents per hyper-latent."""


@dataclass(frozen=True)
class ModelConfig:
    """Shape of the network. Stored in the model card, so that weights and code cannot drift apart."""

    channels: int = 192
    """Width at 1/8 scale."""
    latents: int = 256
    """Latent channels at 1/16 scale."""
    hyper: int = 96
    """Hyper-latent channels at 1/64 scale."""
    analysis_blocks: int = 3
    synthesis_blocks: int = 4
    rates: int = 8
    """Anchor rates; a rate position lies in [0, rates - 1] and is continuous."""

    @property
    def halo(self) -> int:
        """Pixels around a region that analysis or synthesis of it can see, rounded up to a multiple of STRIDE.

        Every block and each of the outer 3x3 convolutions reaches one cell of 8 px; the strided 4x4 convolution of the
        analysis reaches two.
        """
        analysis = 8 * (1 + self.analysis_blocks + 2)
        synthesis = 8 * (1 + self.synthesis_blocks) + LATENT_STRIDE // 2
        return -(-max(analysis, synthesis) // STRIDE) * STRIDE
