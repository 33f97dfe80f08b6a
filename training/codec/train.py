"""Train the neural codec: `python -m training.codec.train --data DIR --out RUN_DIR --minutes 90 [--resume]`.

Runs on a CPU (bf16 autocast) or on CUDA. The rate is constant, then falls linearly to zero over the last part of the
time: most of the visible gain comes in the decay, so stop a run by its clock, not by a signal. The state is saved every
few minutes; `--resume` goes on from it. The weights before the decay are kept as well: `--from-stable --restart-schedule
--minutes N` trains on from them, with a new schedule.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from router.codecs.neural.config import LightSynthesis, ModelConfig
from training.codec import checkpoint, ssimulacra2_loss
from training.codec.data import Photographs, centre_crops, split
from training.codec.muon import Muon
from training.codec.objective import Objective, RateModel, start_from_pca

VALIDATION_POSITIONS = (0.5, 2.0, 3.5, 5.0, 6.5)


def main(argv: Sequence[str] | None = None) -> None:
    args = _arguments(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    args.out.mkdir(parents=True, exist_ok=True)
    train_files, held_files = split(args.data)
    photographs = Photographs(train_files, args.crop, args.seed, device, args.planted)
    held = centre_crops(held_files, args.crop, 24).to(device)
    pixels = sum(i[0].numel() for i in photographs.images)
    print(f"{len(photographs.images)} images, {pixels / 1e6:.0f} MP, {len(held)} held out, {device}", flush=True)

    config = ModelConfig(
        channels=args.channels,
        latents=args.latents,
        analysis_blocks=args.blocks,
        synthesis_blocks=args.blocks,
        deep_blocks=args.deep_blocks,
        prior=args.prior,
        light=LightSynthesis(*args.light) if args.light else None,
    )
    objective = Objective(args.mse, args.ssimulacra2, args.unmasked, args.lambda_min, args.lambda_max)
    model = RateModel(config, objective)
    state_file = args.out / "state.safetensors"
    resume_file = args.out / ("stable.safetensors" if args.from_stable else "state.safetensors")
    resume = (args.resume or args.from_stable) and resume_file.exists()
    if not resume:
        if args.init:
            model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in load_file(args.init).items()})
        else:
            start_from_pca(model, photographs.small_patches(4000))
    model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if args.compile:
        model.compile_parts()
    named = [(n, p) for n, p in model.named_parameters() if not n.endswith(".quantiles")]
    dense = [p for n, p in named if n.startswith(("codec.", "prior.")) and p.ndim == 4 and min(p.shape[:2]) >= 32]
    dense_ids = {id(p) for p in dense}
    rest = [p for _, p in named if id(p) not in dense_ids]
    adam = torch.optim.AdamW(rest, args.lr, betas=(0.9, 0.98), weight_decay=0)
    muon = Muon(dense, lr=args.muon)
    quantiles = torch.optim.Adam([p for n, p in model.named_parameters() if n.endswith(".quantiles")], 1e-3)
    optimisers: list[torch.optim.Optimizer] = [adam, muon, quantiles]
    step, spent = 0, 0.0
    average = {k: v.detach().clone() for k, v in model.state_dict().items()}
    if resume:
        weights, average, progress = checkpoint.load(resume_file, optimisers)
        model.load_state_dict(weights)
        average = {k: v.to(device) for k, v in average.items()}
        step, spent = progress["step"], progress["seconds"]
        print(f"resumed at step {step}, {spent:.0f} s", flush=True)

    settings = {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items()}
    (args.out / "settings.json").write_text(
        json.dumps(
            settings | {"model": asdict(config), "images": len(photographs.images), "megapixels": round(pixels / 1e6)}, indent=1
        )
    )
    curve = (args.out / "curve.csv").open("a" if resume else "w", newline="")
    log = csv.writer(curve)
    if not resume:
        log.writerow(["step", "seconds", "split", "loss", "bpp", "mse", "ssimulacra2_distance", "ssimulacra2"])

    def save(file: Path = state_file) -> None:
        checkpoint.save(
            file,
            model=model.state_dict(),
            average=average,
            optimisers=optimisers,
            progress={"step": step, "seconds": spent},
        )

    rows: list[torch.Tensor] = []
    began, base = time.monotonic(), spent
    total = args.minutes * 60
    first_step = step if args.restart_schedule else 0

    def share_done() -> float:
        """Share of the schedule behind us, by the clock or by steps, whichever is further."""
        by_clock = (spent - (base if args.restart_schedule else 0.0)) / total
        return by_clock if args.steps is None else max(by_clock, (step - first_step) / args.steps)

    stable, saved = True, spent
    while (share := share_done()) < 1:
        if stable and share >= args.decay_from:
            # What a longer run goes on from: weights before the decay take a new schedule better than decayed ones.
            save(args.out / "stable.safetensors")
            stable = False
        factor = min(1.0, (step + 1) / 100) * (1 if share < args.decay_from else max(0.005, (1 - share) / (1 - args.decay_from)))
        for optimiser, rate in ((adam, args.lr), (muon, args.muon)):
            for group in optimiser.param_groups:
                group["lr"] = rate * factor
        x = photographs.batch(args.batch)
        position = torch.rand(args.batch, device=device) ** args.rate_exponent * (config.rates - 1)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            terms = model(x, position)
        loss = model.loss(terms, position)
        for optimiser in (adam, muon):
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for _, p in named], 1.0)
        adam.step()
        muon.step()
        if step % 4 == 0:
            quantiles.zero_grad()
            model.entropy_bottleneck.loss().backward()
            quantiles.step()
        _blend(average, model.state_dict(), 0.002 if step > 1000 else 0.01)
        step += 1
        spent = base + time.monotonic() - began
        rows.append(torch.stack([loss, terms.bpp.mean(), terms.mse.mean(), terms.ssimulacra2.mean()]).detach())
        if step % 100 == 0:
            mean = torch.stack(rows).mean(0).tolist()  # the one place where a GPU is waited for
            rows = []
            log.writerow([step, round(spent), "train", *(round(v, 4) for v in mean), ""])
            curve.flush()
            print(
                f"{step} {spent:.0f}s loss {mean[0]:.3f} bpp {mean[1]:.3f} mse {mean[2]:.1f} ssimulacra2 distance {mean[3]:.2f}",
                flush=True,
            )
        if spent - saved >= 60 * args.save_minutes:
            save()
            saved = spent
        if step % 1000 == 0:
            log.writerow([step, round(spent), "held-out", *_validate(model, average, held)])
            save()
    log.writerow([step, round(spent), "held-out", *_validate(model, average, held)])
    curve.close()
    save()


@torch.no_grad()
def _validate(model: RateModel, average: dict[str, torch.Tensor], held: torch.Tensor) -> list[float]:
    """Loss, bpp, MSE, distance and score of the averaged weights, in fp32, over the fixed rate positions."""
    live = {k: v.detach().clone() for k, v in model.state_dict().items()}
    model.load_state_dict(average)
    model.eval()
    rows = []
    for p in VALIDATION_POSITIONS:
        for x in held.split(4):
            position = torch.full((len(x),), p, device=x.device)
            terms = model(x, position)
            s = ssimulacra2_loss.score(x, terms.reconstruction)
            rows.append(
                [model.loss(terms, position).item(), *(t.mean().item() for t in (terms.bpp, terms.mse, terms.ssimulacra2, s))]
            )
    model.train()
    model.load_state_dict(live)
    mean = np.mean(rows, 0)
    loss, bpp, mse, distance, score = (float(v) for v in mean)
    print(f"held-out loss {loss:.4f} bpp {bpp:.4f} mse {mse:.2f} distance {distance:.3f} ssimulacra2 {score:.2f}", flush=True)
    return [float(v) for v in mean.round(4)]


@torch.no_grad()
def _blend(average: dict[str, torch.Tensor], live: dict[str, torch.Tensor], weight: float) -> None:
    for key, value in live.items():
        if value.is_floating_point() and average[key].shape == value.shape:
            average[key].lerp_(value, weight)
        else:
            average[key] = value.clone()


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    ap.add_argument("--config", type=Path, help="JSON file of options, as the run was started with; those given here win")
    ap.add_argument("--data", type=Path, required=True, help="folder of photographs, searched recursively")
    ap.add_argument("--out", type=Path, required=True, help="folder for the state, the curve and the settings")
    ap.add_argument("--minutes", type=float, default=90)
    ap.add_argument("--steps", type=int, help="end the schedule after this many steps, if that comes first")
    ap.add_argument("--resume", action="store_true", help="go on from the state in --out if there is one")
    ap.add_argument(
        "--from-stable",
        action="store_true",
        help="as --resume, from the weights before the last decay; with --restart-schedule the way to train on",
    )
    ap.add_argument("--restart-schedule", action="store_true", help="with --resume: give the schedule --minutes from now")
    ap.add_argument("--init", type=Path, help="safetensors of a whole training model to start from")
    ap.add_argument("--batch", type=int, default=4)
    ap.add_argument("--crop", type=int, default=256)
    ap.add_argument("--channels", type=int, default=192)
    ap.add_argument("--latents", type=int, default=320)
    ap.add_argument("--blocks", type=int, default=3, help="blocks at 1/8 scale on either side")
    ap.add_argument("--deep-blocks", type=int, default=1, help="blocks at 1/16 scale on either side")
    ap.add_argument("--prior", type=int, default=128, help="width of the prior network")
    ap.add_argument(
        "--light",
        type=int,
        nargs=4,
        metavar=("CHANNELS", "BLOCKS", "DEEP_CHANNELS", "DEEP_BLOCKS"),
        help="the light synthesis, of this shape",
    )
    ap.add_argument("--planted", type=float, default=0.0, help="share of crops that get faint structures")
    ap.add_argument("--lr", type=float, default=3e-4, help="AdamW: biases, depthwise, gains, entropy model")
    ap.add_argument("--muon", type=float, default=4e-3, help="Muon: dense convolutions")
    ap.add_argument("--mse", type=float, default=0.7)
    ap.add_argument("--ssimulacra2", type=float, default=10.0)
    ap.add_argument("--unmasked", type=float, default=0.0, help="weight of the squared error where nothing hides it")
    ap.add_argument("--lambda-min", type=float, default=0.0002)
    ap.add_argument("--lambda-max", type=float, default=0.2)
    ap.add_argument(
        "--rate-exponent",
        type=float,
        default=0.75,
        help="rate positions are drawn as u ** this, u uniform: below 1 the upper rates are seen more often",
    )
    ap.add_argument("--decay-from", type=float, default=0.5, help="share of the time after which the rates fall linearly to zero")
    ap.add_argument("--save-minutes", type=float, default=10, help="save the state this often")
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument(
        "--compile", action="store_true", help="torch.compile the transforms and the metric: minutes at the start, for GPUs"
    )
    ap.add_argument("--seed", type=int, default=0)
    known, _ = ap.parse_known_args(argv)
    if known.config is not None:
        settings = json.loads(known.config.read_text())
        if unknown := settings.keys() - vars(known).keys():
            ap.error(f"{known.config}: unknown options {sorted(unknown)}")
        ap.set_defaults(**settings)
    return ap.parse_args(argv)


if __name__ == "__main__":
    main()
