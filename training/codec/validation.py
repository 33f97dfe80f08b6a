"""Figures of the averaged weights on the held-out photographs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from training.codec import ssimulacra2_loss
from training.codec.objective import RateModel

POSITIONS = (0.5, 2.0, 3.5, 5.0, 6.5)
_BATCH = 4


@torch.compiler.set_stance("force_eager")  # compiling anew for no gradients takes longer than it saves
@torch.no_grad()
def validate(model: RateModel, average: Mapping[str, Tensor], held: Tensor) -> list[float]:
    """Loss, bpp, MSE, distance and score of the averaged weights, in fp32, over the fixed rate positions."""
    live = {k: v.detach().clone() for k, v in model.state_dict().items()}
    model.load_state_dict(average)
    model.eval()
    rows = []
    for p in POSITIONS:
        for x in held.split(_BATCH):
            position = torch.full((len(x),), p, device=x.device)
            terms = model(x, position)
            s = ssimulacra2_loss.score(x, terms.reconstruction)
            rows.append(
                [model.loss(terms, position).item(), *(t.mean().item() for t in (terms.bpp, terms.mse, terms.ssimulacra2, s))]
            )
    model.train()
    model.load_state_dict(live)
    return [float(v) for v in np.mean(rows, 0)]
