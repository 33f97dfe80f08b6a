"""A running mean over the weights of the last steps: what is validated and exported."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

_EARLY, _LATE, _FROM = 0.01, 0.002, 1000


class Average:
    """The average of a model's state; integers are those of the last step."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self.weights = {k: v.detach().clone() for k, v in model.state_dict().items()}

    def restore(self, weights: Mapping[str, Tensor]) -> None:
        """From a checkpoint, to where the model is."""
        live = self._model.state_dict()
        self.weights = {k: weights[k].to(v.device) if k in weights else v.detach().clone() for k, v in live.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """After a step."""
        weight = _LATE if step > _FROM else _EARLY
        means, values = [], []
        for key, value in self._model.state_dict().items():
            if value.is_floating_point() and self.weights[key].shape == value.shape:
                means.append(self.weights[key])
                values.append(value)
            else:
                self.weights[key] = value.clone()
        torch._foreach_lerp_(means, values, weight)

    def take(self, model: nn.Module, prefix: str) -> None:
        """Set what begins with `prefix` to what it is now."""
        self.weights |= {k: v.detach().clone() for k, v in model.state_dict().items() if k.startswith(prefix)}
