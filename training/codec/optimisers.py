"""Who moves which weights: Muon the dense convolutions, AdamW the rest, Adam the quantiles of the hyper-latents."""

from __future__ import annotations

import torch
from torch import Tensor

from training.codec.muon import Muon
from training.codec.objective import RateModel

_QUANTILES_RATE, _QUANTILES_EVERY = 1e-3, 4
_LARGEST_GRADIENT = 1.0


class Optimisers:
    """The three, as one."""

    def __init__(self, model: RateModel, lr: float, muon: float) -> None:
        """`lr`, `muon`: rates of AdamW and of Muon before the schedule."""
        self._model = model
        named = [(n, p) for n, p in model.named_parameters() if not n.endswith(".quantiles")]
        dense = [p for n, p in named if n.startswith(("codec.", "prior.")) and p.ndim == 4 and min(p.shape[:2]) >= 32]
        ids = {id(p) for p in dense}
        self._parameters = [p for _, p in named]
        self._adam = torch.optim.AdamW([p for p in self._parameters if id(p) not in ids], lr, betas=(0.9, 0.98), weight_decay=0)
        self._muon = Muon(dense, lr=muon)
        quantiles = [p for n, p in model.named_parameters() if n.endswith(".quantiles")]
        self._quantiles = torch.optim.Adam(quantiles, _QUANTILES_RATE)
        self._rates = ((self._adam, lr), (self._muon, muon))
        self.all: list[torch.optim.Optimizer] = [self._adam, self._muon, self._quantiles]
        """In the order of a checkpoint."""

    def set_factor(self, factor: float) -> None:
        """Set the factor of the learning rates of the coming steps."""
        for optimiser, rate in self._rates:
            for group in optimiser.param_groups:
                group["lr"] = rate * factor

    def step(self, loss: Tensor, step: int) -> None:
        """One step down the gradient of `loss`."""
        for optimiser in (self._adam, self._muon):
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, _LARGEST_GRADIENT)
        self._adam.step()
        self._muon.step()
        if step % _QUANTILES_EVERY == 0:
            self._quantiles.zero_grad()
            self._model.entropy_bottleneck.loss().backward()
            self._quantiles.step()
