"""Muon (K. Jordan, 2024): momentum whose update is orthogonalised by Newton-Schulz steps; for dense convolutions."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(update: Tensor, steps: int = 4) -> Tensor:
    """Push the singular values of matrices (n, rows, columns) towards 1; quintic Newton-Schulz iteration.

    Four steps leave them within about 0.7 to 1.2 unless badly conditioned, and save a fifth of the time of the usual five.
    """
    a, b, c = _COEFFICIENTS
    x = update / (update.norm(dim=(1, 2), keepdim=True) + 1e-7)
    tall = x.size(1) > x.size(2)
    if tall:
        x = x.mT.contiguous()
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Optimiser for weights of two or more dimensions, taken as (out, everything else) matrices; equal shapes go together."""

    def __init__(self, params: Iterable[Tensor], lr: float = 4e-3, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update from the gradients in place."""
        for group in self.param_groups:
            alike: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = {}
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(p.grad)
                buffer = state["momentum_buffer"]
                buffer.lerp_(p.grad, 1 - group["momentum"])
                matrix = p.grad.lerp(buffer, group["momentum"]).reshape(p.size(0), -1)
                alike.setdefault((matrix.size(0), matrix.size(1)), []).append((p, matrix))
            for (rows, columns), members in alike.items():
                # bf16 halves the time and costs nothing measurable in the direction.
                update = orthogonalise(torch.stack([matrix for _, matrix in members]).bfloat16()).float()
                rate = -group["lr"] * max(1.0, rows / columns) ** 0.5
                for (p, _), direction in zip(members, update, strict=True):
                    p.add_(direction.reshape(p.shape), alpha=rate)
