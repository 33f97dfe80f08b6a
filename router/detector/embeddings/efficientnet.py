"""EfficientNet-Lite0 for inference, batch normalisation folded into the convolutions.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019; the Lite variants (no squeeze
and excitation, ReLU6) are TensorFlow's, 2020. Only what features need: the classifier is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

STAGES = ((1, 3, 1, 1), (2, 3, 2, 6), (2, 5, 2, 6), (3, 3, 2, 6), (3, 5, 1, 6), (4, 5, 2, 6), (1, 3, 1, 6))
"""Of each stage: blocks, kernel, stride of the first block, expansion."""
CHANNELS = (16, 24, 40, 80, 112, 192, 320)
HEAD = 1280
STEM_STRIDE = 2


class Conv(NamedTuple):
    """Weights (out, in / groups, k, k) and biases (out,) of a convolution with its normalisation folded in."""

    weight: Tensor
    bias: Tensor


@dataclass(frozen=True, eq=False)
class InvertedBottleneck:
    """Inverted bottleneck: 1x1 up (none where the expansion is 1), depthwise, 1x1 down."""

    expand: Conv | None
    depthwise: Conv
    project: Conv
    stride: int
    residual: bool


class EfficientNetLite0:
    """Immutable; shared between threads."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """Build the network from its weights.

        `weights` has the names "stem", "head" and "<stage>.<block>.<expand|depthwise|project>", each ".weight" and ".bias",
        in any float dtype. Raises KeyError for a missing one.
        """

        def conv(name: str) -> Conv:
            weight = weights[f"{name}.weight"].float().contiguous(memory_format=torch.channels_last)
            return Conv(weight, weights[f"{name}.bias"].float())

        self._stem, self._head = conv("stem"), conv("head")
        self._stages = [
            [
                InvertedBottleneck(
                    expand=None if expansion == 1 else conv(f"{s}.{b}.expand"),
                    depthwise=conv(f"{s}.{b}.depthwise"),
                    project=conv(f"{s}.{b}.project"),
                    stride=stride if b == 0 else 1,
                    residual=b > 0,
                )
                for b in range(count)
            ]
            for s, (count, _, stride, expansion) in enumerate(STAGES)
        ]

    def stage(self, x: Tensor, last: int) -> Tensor:
        """RGB (B, 3, h, w) float32 in [0, 255] -> output of stage `last`, (B, CHANNELS[last], ., .)."""
        x = self._start(x)
        for blocks in self._stages[: last + 1]:
            x = _run(x, blocks)
        return x

    def stage_and_head(self, x: Tensor, middle: int) -> tuple[Tensor, Tensor]:
        """As `stage`, with the output of the head, (B, HEAD, ., .), as second."""
        x = self._start(x)
        for i, blocks in enumerate(self._stages):
            x = _run(x, blocks)
            if i == middle:
                kept = x
        return kept, F.relu6(F.conv2d(x, *self._head))

    def _start(self, x: Tensor) -> Tensor:
        scaled = ((x - 127) / 128).contiguous(memory_format=torch.channels_last)
        padded, inside = _same(scaled, 3, STEM_STRIDE)
        return F.relu6(F.conv2d(padded, *self._stem, stride=STEM_STRIDE, padding=inside))


def _run(x: Tensor, blocks: list[InvertedBottleneck]) -> Tensor:
    for block in blocks:
        y = x if block.expand is None else F.relu6(F.conv2d(x, *block.expand))
        y, inside = _same(y, block.depthwise.weight.shape[-1], block.stride)
        y = F.relu6(F.conv2d(y, *block.depthwise, stride=block.stride, padding=inside, groups=y.shape[1]))
        y = F.conv2d(y, *block.project)
        x = x + y if block.residual else y
    return x


def _same(x: Tensor, kernel: int, stride: int) -> tuple[Tensor, int]:
    """TensorFlow's SAME padding: the odd pixel goes to the right and the bottom. Returns what conv2d has to add itself."""
    if stride == 1:
        return x, kernel // 2
    missing = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[-2:]]
    (top, bottom), (left, right) = ((m // 2, m - m // 2) for m in missing)
    return F.pad(x, (left, right, top, bottom)), 0
