"""Write golden files of the current format: `python tests/neural/golden/make_golden.py NAME [MODEL]`.

A golden file is a promise: it is written once and never again. A new format version, a released model or a new feature of the
writer adds files under a new NAME. Without MODEL a small random model is made and kept beside them, so that the promise does
not depend on the weights that ship.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))

from router.codecs.neural import weights  # noqa: E402
from router.codecs.neural.codec import NeuralCodec  # noqa: E402
from router.codecs.neural.config import ModelConfig  # noqa: E402
from router.codecs.neural.encoder import ImageEncoder  # noqa: E402
from router.containers import ncr as container  # noqa: E402
from router.containers.ncr import Grid  # noqa: E402
from router.images.arrays import from_pixels  # noqa: E402
from router.images.read import read  # noqa: E402

CONFIG = ModelConfig(channels=32, latents=24, hyper=8, analysis_blocks=1, synthesis_blocks=1, deep_blocks=1, prior=16, rates=3)


def main(name: str, model: str | None = None) -> None:
    folder = HERE / name
    if folder.exists():
        raise SystemExit(f"{folder} exists: golden files are never written twice")
    folder.mkdir()
    if model is None:
        model = f"golden.{name}"
        _random_model(model, HERE / "models")
        os.environ[weights.ENVIRONMENT] = str(HERE / "models")
    codec, loaded = NeuralCodec(model), weights.load_model(model)
    photo = next(read(f).pixels for f in (HERE.parents[1] / "data" / "samples").iterdir() if f.stem == "photo_cat")
    gray, alpha = photo[..., 1:2], photo[..., 2:3]
    files = {f"rgb-{rate}": codec.encode(from_pixels(photo[:130, :201]), {"rate": rate}) for rate in (0, 20_000, 65_535)}
    files["gray-alpha"] = codec.encode(from_pixels(np.concatenate([gray, alpha], -1)[:65, :1]), {"rate": 50_000})
    files["gray"] = codec.encode(from_pixels(gray[:64, :100]), {"rate": 33_333})
    files["rgba"] = codec.encode(from_pixels(np.concatenate([photo, alpha], -1)[:97, :64]), {"rate": 45_000})
    noise = np.random.default_rng(0).integers(0, 2, (70, 70, 3), np.uint8) * 255
    files["extreme"] = codec.encode(from_pixels(noise), {"rate": 65_535})
    tiled = ImageEncoder(loaded, from_pixels(photo[:250, :190]), Grid(64, 64, min(64, loaded.card.config.halo)))
    files["tiles"] = container.replace(tiled.write(tiled.analyse(), 40_000), record=b'{"lane": "neural"}')

    exact = NeuralCodec(model, decoding="exact")
    expected = {}
    for stem, data in files.items():
        (folder / f"{stem}.ncr").write_bytes(data)
        pixels = exact.decode(data).pixels
        expected[stem] = {"shape": pixels.shape, "sha256": hashlib.sha256(pixels.tobytes()).hexdigest()}
    (folder / "expected.json").write_text(json.dumps({"model": model, "files": expected}, indent=1) + "\n")


@torch.no_grad()
def _random_model(model_id: str, out: Path) -> None:
    import training.torchvision_compat as compat

    compat.declare_missing_operators()
    from training.codec import checkpoint
    from training.codec.export import export
    from training.codec.objective import Objective, RateModel

    torch.manual_seed(0)
    model = RateModel(CONFIG, Objective())
    for name, parameter in model.named_parameters():
        if name.endswith(("b.weight", "f2.weight", "context_head.weight", "context_head.bias")) or "film" in name:
            parameter.add_(0.05 * torch.randn_like(parameter))
    model.codec.g_a_down.weight.mul_(4)
    model.prior.head.bias[: CONFIG.latents] -= 2
    model.entropy_bottleneck.quantiles[:, 0, 1] += torch.randn(CONFIG.hyper)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "state.safetensors"
        checkpoint.save(file, model=model.state_dict(), average=model.state_dict(), optimisers=[], progress={})
        card = {"licence": "CC0-1.0", "description": "Random weights, for golden files.", "training_data": "none"}
        export(file, model_id, out, card)


if __name__ == "__main__":
    main(*sys.argv[1:])
