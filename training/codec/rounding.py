"""The light synthesis with the rounding of its integers in the loop.

What `bounded.py` writes into a file after training is computed here while training: activations, weights and biases are rounded
to the integers that they will be, and clipped where those are, in every forward pass; gradients pass the rounding as if it were
not there (straight through; Bengio, Léonard and Courville, 2013) and stop at what is clipped (Jacob et al., "Quantization and
training of neural networks for efficient integer-arithmetic-only inference", CVPR 2018). So the network learns to live with
weights of few bits, and what is far from photographs is clipped rather than squared from gate to gate.

Units are measured once, on photographs, and stay as they are from then on.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from router.codecs.neural.block import Block
from router.codecs.neural.bounded import ACTIVATION_BOUND, EXACT, LARGEST_WEIGHT
from router.codecs.neural.bounded_synthesis import PIXEL_BITS
from router.codecs.neural.config import ModelConfig
from router.codecs.neural.transform import Transform
from training.codec.bounded import Units, places

_PIXEL = 1 / 255 / (1 << PIXEL_BITS)


class Rounding(nn.Module):
    """Units of a light synthesis, and the synthesis in them. Until `use` is called it has no units and is not `on`."""

    def __init__(self, config: ModelConfig) -> None:
        """`config`: with a light synthesis."""
        super().__init__()
        self.register_buffer("_input", torch.zeros(config.latents))
        self.register_buffer("_input_bound", torch.zeros(config.latents))
        self._places = places(config)
        for name, channels in self._places.items():
            self.register_buffer(_buffer(name), torch.zeros(channels))
        self._on: bool | None = None

    @property
    def on(self) -> bool:
        """Whether there are units."""
        if self._on is None:
            self._on = bool(self._input_bound.abs().max() > 0)
        return self._on

    def use(self, units: Units) -> None:
        """Round to these from now on."""
        for name, values in (("_input", units.input), ("_input_bound", units.input_bound)):
            self.get_buffer(name).copy_(torch.from_numpy(values))
        for name, values in units.places.items():
            self.get_buffer(_buffer(name)).copy_(torch.from_numpy(values))
        self._on = True

    def units(self) -> Units:
        """The units in use."""
        found = {name: values.double().cpu().numpy() for name, values in self.named_buffers()}
        return Units(found["_input"], found["_input_bound"], {name: found[_buffer(name)] for name in self._places})

    def _load_from_state_dict(self, *args: object) -> None:
        super()._load_from_state_dict(*args)  # type: ignore[arg-type]
        self._on = None

    def synthesise(self, codec: Transform, y_hat: Tensor, position: Tensor) -> Tensor:
        """As `Transform.synthesise`, in integers: (B, M, h, w) -> (B, 3, 16h, 16w), fp32, not clipped to [0, 1]."""
        gain = torch.exp(codec.at(codec.qd, position))
        scale = 1 + codec.at(codec.film_scale, position)
        shift = codec.at(codec.film_shift, position)
        return self(codec.g_s, y_hat * gain, scale, shift) + 0.5

    def forward(self, s: nn.Module, y: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Latents over their gain (B, M, h, w), scale and shift (B, C, 1, 1) of the rate -> (B, 3, 16h, 16w), about +-0.5."""
        x = (y.permute(0, 2, 3, 1) / self._input).float()
        x = torch.maximum(torch.minimum(_rounded(x), self._input_bound), -self._input_bound)
        deep, blocks = self._unit("deep"), self._unit("blocks")
        plain = self._dense(s.linear, x, self._input, None, self._input_bound)
        h = _clipped(self._dense(s.enter, x, self._input, deep, self._input_bound))
        for i, block in enumerate(s.deep):
            h = self._block(block, h, f"deep.{i}", deep)
        h = _clipped(self._dense(s.up, h, deep, blocks.repeat_interleave(4)))
        h = _nhwc(F.pixel_shuffle(_nchw(h), 2))
        h = _clipped(_rounded(h * _nhwc(scale) + _nhwc(shift) / blocks))
        for i, block in enumerate(s.blocks):
            h = self._block(block, h, f"blocks.{i}", blocks)
        fine = self._dense(s.leave, h, blocks, None)
        return (F.pixel_shuffle(_nchw(plain), 16) + F.pixel_shuffle(_nchw(fine), 8)) * _PIXEL

    def _block(self, block: Block, x: Tensor, name: str, stream: Tensor) -> Tensor:
        a, dw, f1, gated = (self._unit(f"{name}.{part}") for part in ("a", "dw", "f1", "gated"))
        h = _clipped(_rounded(F.leaky_relu(self._dense(block.a, x, stream, a), block.slope)))
        h = _clipped(self._depthwise(block.dw, h, a, dw))
        x = _clipped(x + self._dense(block.b, h, dw, stream))
        u, v = _clipped(self._dense(block.f1, x, stream, f1)).chunk(2, -1)
        unit_u, unit_v = f1.chunk(2)
        g = _clipped(_rounded(u * v.clamp_min(0) * (0.5 * unit_u * unit_v / gated)))
        return _clipped(x + self._dense(block.f2, g, gated, stream))

    def _unit(self, place: str) -> Tensor:
        return self.get_buffer(_buffer(place))

    def _dense(
        self, conv: nn.Conv2d, x: Tensor, unit: Tensor, output: Tensor | None, bound: Tensor | float = ACTIVATION_BOUND
    ) -> Tensor:
        """A 1x1 convolution of (B, h, w, in): integers in units of `output`, or of the pixels. Not clipped."""
        weight = conv.weight[:, :, 0, 0] * unit
        output = torch.full((len(weight),), _PIXEL, device=x.device) if output is None else output
        weight, bias, multiplier = _integers(weight, conv.bias, output, bound)
        return _rounded(F.linear(x, weight, bias) * multiplier)

    def _depthwise(self, conv: nn.Conv2d, x: Tensor, unit: Tensor, output: Tensor) -> Tensor:
        channels = len(unit)
        weight, bias, multiplier = _integers(
            conv.weight.reshape(channels, 9) * unit[:, None], conv.bias, output, ACTIVATION_BOUND
        )
        h = F.conv2d(_nchw(x), weight.view(channels, 1, 3, 3), bias, padding=1, groups=channels)
        return _rounded(_nhwc(h) * multiplier)


def _integers(weight: Tensor, bias: Tensor, output: Tensor, bound: Tensor | float) -> tuple[Tensor, Tensor, Tensor]:
    """What `bounded.quantise` makes of scaled rows (out, n): weights, biases and multipliers, with gradients."""
    with torch.no_grad():
        bounds = torch.as_tensor(bound, dtype=torch.float32, device=weight.device).expand(weight.shape[1])
        reach = weight.abs() @ bounds + bias.abs()
        room = EXACT - 1 - bounds.sum() / 2 - 0.5
        step = torch.maximum(reach / room, weight.abs().amax(1) / LARGEST_WEIGHT)
        step = torch.where(step > 0, step, output)
    return _rounded(weight / step[:, None]), _rounded(bias / step), step / output


def _rounded(x: Tensor) -> Tensor:
    return x + (x.round() - x).detach()


def _clipped(x: Tensor) -> Tensor:
    return x.clamp(-ACTIVATION_BOUND, ACTIVATION_BOUND)


def _nchw(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


def _nhwc(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


def _buffer(place: str) -> str:
    return "_" + place.replace(".", "_")
