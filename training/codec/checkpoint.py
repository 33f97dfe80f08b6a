"""Resumable training state as safetensors + JSON: nothing that executes code is read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor


def save(
    path: Path,
    *,
    model: Mapping[str, Tensor],
    average: Mapping[str, Tensor],
    optimisers: list[torch.optim.Optimizer],
    progress: dict[str, Any],
) -> None:
    """Write `path` (tensors) and `path` with suffix .json (progress), each under a temporary name first."""
    tensors = {f"model.{k}": v for k, v in model.items()} | {f"average.{k}": v for k, v in average.items()}
    for i, optimiser in enumerate(optimisers):
        for j, state in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{i}.{j}.{k}": torch.as_tensor(v) for k, v in state.items()}
    flat = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    temporary = path.with_suffix(".tmp")
    save_file(flat, temporary)
    temporary.replace(path)
    temporary.write_text(json.dumps(progress, indent=1))
    temporary.replace(path.with_suffix(".json"))


def load(path: Path, optimisers: list[torch.optim.Optimizer]) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Any]]:
    """(model, average, progress); optimiser states are restored in place."""
    tensors = load_file(path)
    states: list[dict[int, dict[str, Tensor]]] = [{} for _ in optimisers]
    model: dict[str, Tensor] = {}
    average: dict[str, Tensor] = {}
    for key, value in tensors.items():
        kind, rest = key.split(".", 1)
        if kind == "model":
            model[rest] = value
        elif kind == "average":
            average[rest] = value
        else:
            i, j, name = rest.split(".", 2)
            states[int(i)].setdefault(int(j), {})[name] = value
    for optimiser, state in zip(optimisers, states, strict=True):
        optimiser.load_state_dict(optimiser.state_dict() | {"state": state})
    return model, average, json.loads(path.with_suffix(".json").read_text())
