"""Resumable training state as safetensors + JSON: nothing that executes code is read back.

`python -m training.codec.checkpoint STATE OUT` keeps the averaged weights of a state in fp16, a sixth of its size: what another
machine goes on from with `train --init OUT`.
"""

from __future__ import annotations

import argparse
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


def keep_weights(state: Path, out: Path) -> int:
    """Write the averaged weights of a training state, convolutions in fp16 and the rest as it is; bytes written."""
    weights = {k.removeprefix("average."): v for k, v in load_file(state).items() if k.startswith("average.")}
    save_file(
        {k: v.half().contiguous() if v.is_floating_point() and v.ndim == 4 else v.contiguous() for k, v in weights.items()}, out
    )
    return out.stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("state", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    print(f"{args.out}: {keep_weights(args.state, args.out):,} bytes")


if __name__ == "__main__":
    main()
