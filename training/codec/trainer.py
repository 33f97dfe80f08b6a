"""A run: photographs, model, optimisers, schedule, state and curve put together."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from training.codec import checkpoint
from training.codec.average import Average
from training.codec.bounded import observe, units
from training.codec.configuration import Configuration
from training.codec.curve_log import CurveLog
from training.codec.data import Photographs, batches, centre_crops, split
from training.codec.extremes import extremes
from training.codec.objective import Objective, RateModel, start_from_pca
from training.codec.optimisers import Optimisers
from training.codec.run_folder import CURVE, SETTINGS, STABLE, STATE
from training.codec.schedule import Schedule
from training.codec.validation import validate

_HELD_OUT = 24
_PCA_PATCHES = 4000
_VALIDATE_EVERY = 1000
_OBSERVED = 128
"""Photographs that the units of integers are taken from."""
_MARGIN = 2.0
"""Of their bounds over these photographs, since the weights still move."""


class Trainer:
    """One run in one folder."""

    def __init__(
        self,
        configuration: Configuration,
        photographs: Path,
        out: Path,
        *,
        save_minutes: float = 10,
        compiled: bool = False,
        workers: int = 0,
    ) -> None:
        """Prepare a run; nothing is trained yet.

        Args:
            configuration: what decides the run.
            photographs: folder of photographs, searched recursively.
            out: folder for the state, the curve and the settings.
            save_minutes: how often the state is saved.
            compiled: `torch.compile` what takes the time.
            workers: processes that make the crops; 0 makes them between the steps.

        Raises ValueError if the photographs are not those of the configuration, or too few.
        """
        c = self.configuration = configuration
        self.out = out
        self._save_seconds = 60 * save_minutes
        self._workers = workers
        if c.photographs is not None:
            c.photographs.check(photographs)
        torch.manual_seed(c.seed)
        torch.backends.cudnn.allow_tf32 = False  # the metric subtracts nearly equal blurs; integers need 24 bits
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        train_files, held_files = split(photographs)
        self._photographs = Photographs(train_files, c.crop, c.seed, c.planted, c.extreme)
        self._held = centre_crops(held_files, c.crop, _HELD_OUT).to(self._device)
        objective = Objective(c.mse, c.ssimulacra2, c.unmasked, c.lambda_min, c.lambda_max)
        self._model = RateModel(c.model, objective).to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if compiled:
            self._model.compile_parts()
        self._optimisers = Optimisers(self._model, c.lr, c.muon)
        self._average = Average(self._model)
        self.step, self.seconds = 0, 0.0
        self._decaying = False  # whether STABLE holds what was before the decay
        out.mkdir(parents=True, exist_ok=True)
        print(
            f"{len(self._photographs.images)} images, {self._photographs.megapixels:.0f} MP, {len(self._held)} held out, "
            f"{self._device}",
            flush=True,
        )

    def start(self) -> None:
        """From the weights of the configuration, or from a PCA of the photographs."""
        init = self.configuration.init
        if init is not None:
            self._model.load(load_file(init))
        else:
            start_from_pca(self._model, self._photographs.small_patches(_PCA_PATCHES).to(self._device))
        self._average = Average(self._model)

    def resume(self, file: Path) -> None:
        """From a state of this run. Crops and rates that follow are others than those at its start."""
        weights, average, progress = checkpoint.load(file, self._optimisers.all)
        self._model.load(weights)
        self._average.restore(average)
        self.step, self.seconds = progress["step"], progress["seconds"]
        self._decaying = progress.get("decaying", False)
        torch.manual_seed(self.configuration.seed + self.step)
        print(f"resumed at step {self.step}, {self.seconds:.0f} s", flush=True)

    def run(self, *, restart_schedule: bool = False) -> None:
        """To the end of the schedule, which begins now if `restart_schedule`, else at the first step of all."""
        c = self.configuration
        began = (self.step, self.seconds) if restart_schedule else (0, 0.0)
        schedule = Schedule(60 * c.minutes, c.steps, c.decay_from, *began)
        crops = batches(self._photographs, c.batch, (c.seed, self.step), self._device, self._workers)
        if restart_schedule:
            self._decaying = False
        clock, saved = time.monotonic() - self.seconds, self.seconds
        self._write_settings()
        with CurveLog(self.out / CURVE, append=self.step > 0) as curve:
            while (share := schedule.share(self.step, self.seconds)) < 1:
                if not self._decaying and schedule.decays(share):
                    self.save(STABLE)
                    self._decaying = True
                    if self._model.rounding is not None and self._model.rounding.on:
                        self._round(crops)  # weights have grown since the first time
                if c.rounding_from is not None and share >= c.rounding_from:
                    self._begin_rounding(crops)
                self._optimisers.set_factor(schedule.factor(self.step, share))
                self._one_step(next(crops), curve, clock)
                if self.seconds - saved >= self._save_seconds:
                    self.save()
                    saved = self.seconds
                if self.step % _VALIDATE_EVERY == 0:
                    self._validate(curve)
                    self.save()
            self._validate(curve)
        self.save()

    def save(self, name: str = STATE) -> None:
        """Write a state into the folder of the run."""
        checkpoint.save(
            self.out / name,
            model=self._model.state_dict(),
            average=self._average.weights,
            optimisers=self._optimisers.all,
            progress={"step": self.step, "seconds": self.seconds, "decaying": self._decaying},
        )

    def _one_step(self, x: Tensor, curve: CurveLog, clock: float) -> None:
        c = self.configuration
        position = torch.rand(c.batch, device=self._device) ** c.rate_exponent * (c.model.rates - 1)
        with torch.autocast(self._device.type, dtype=torch.bfloat16):
            terms = self._model(x, position)
        loss = self._model.loss(terms, position)
        self._optimisers.step(loss, self.step)
        self._average.update(self.step)
        self.step += 1
        self.seconds = time.monotonic() - clock
        curve.step(self.step, self.seconds, loss, terms)

    def _begin_rounding(self, crops: Iterator[Tensor]) -> None:
        if self._model.rounding is not None and not self._model.rounding.on:
            self._round(crops)

    @torch.compiler.set_stance("force_eager")
    @torch.no_grad()
    def _round(self, crops: Iterator[Tensor]) -> None:
        """Round the synthesis to integers from here on, in units taken from photographs."""
        model = self._model
        assert model.rounding is not None
        model.codec.eval()

        def coded(x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
            for rate in range(self.configuration.model.rates):
                position = torch.full((len(x),), float(rate), device=self._device)
                gain = torch.exp(model.codec.at(model.codec.qe, position))
                yield (model.codec.analyse(x) * gain).round(), position

        extreme = torch.from_numpy(extremes()).permute(2, 0, 1)[None].float().div(255).to(self._device)
        seen = observe(
            model.codec, (pair for _ in range(_OBSERVED // self.configuration.batch + 1) for pair in coded(next(crops)))
        )
        model.rounding.use(units(model.codec, seen, observe(model.codec, coded(extreme)), _MARGIN))
        model.codec.train()
        self._average.take(model, "rounding.")
        print(f"rounding to integers from step {self.step}", flush=True)

    def _validate(self, curve: CurveLog) -> None:
        curve.held_out(self.step, self.seconds, validate(self._model, self._average.weights, self._held))

    def _write_settings(self) -> None:
        settings = self.configuration.model_dump(mode="json") | {
            "model": self.configuration.model.to_dict(),
            "images": len(self._photographs.images),
            "megapixels": round(self._photographs.megapixels),
            "torch": torch.__version__,
            "device": str(self._device),
        }
        (self.out / SETTINGS).write_text(json.dumps(settings, indent=1) + "\n")
