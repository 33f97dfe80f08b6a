"""Muon (K. Jordan, 2024): momentum whose update is orthogonalised by Newton-Schulz steps; for dense convolutions."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(update: Tensor, steps: int = 5) -> Tensor:
    """Push the singular values of a matrix (rows, columns) towards 1; quintic Newton-Schulz iteration."""
    a, b, c = _COEFFICIENTS
    x = update / (update.norm() + 1e-7)
    tall = x.size(0) > x.size(1)
    if tall:
        x = x.T
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Optimiser for weights of two or more dimensions, taken as (out, everything else) matrices."""

    def __init__(self, params: Iterable[Tensor], lr: float = 4e-3, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update from the gradients in place."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(p.grad)
                buffer = state["momentum_buffer"]
                buffer.lerp_(p.grad, 1 - group["momentum"])
                matrix = p.grad.lerp(buffer, group["momentum"]).reshape(p.size(0), -1).float()
                # bf16 halves the time of large matrices and costs nothing measurable in the direction.
                update = orthogonalise(matrix.bfloat16() if matrix.numel() > 1e5 else matrix).float()
                scale = max(1.0, matrix.size(0) / matrix.size(1)) ** 0.5
                p.add_(update.view(p.shape), alpha=-group["lr"] * scale)
