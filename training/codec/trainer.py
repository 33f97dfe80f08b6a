"""A run: photographs, model, optimisers, schedule, state and curve put together."""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch
from safetensors.torch import load_file

from training.codec import checkpoint
from training.codec.average import Average
from training.codec.configuration import Configuration
from training.codec.curve_log import CurveLog
from training.codec.data import Photographs, centre_crops, split
from training.codec.objective import Objective, RateModel, start_from_pca
from training.codec.optimisers import Optimisers
from training.codec.run_folder import CURVE, SETTINGS, STABLE, STATE
from training.codec.schedule import Schedule
from training.codec.validation import validate

_HELD_OUT = 24
_PCA_PATCHES = 4000
_VALIDATE_EVERY = 1000


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
    ) -> None:
        """Prepare a run; nothing is trained yet.

        Args:
            configuration: what decides the run.
            photographs: folder of photographs, searched recursively.
            out: folder for the state, the curve and the settings.
            save_minutes: how often the state is saved.
            compiled: `torch.compile` what takes the time.

        Raises ValueError if the photographs are not those of the configuration, or too few.
        """
        c = self.configuration = configuration
        self.out = out
        self._save_seconds = 60 * save_minutes
        if c.photographs is not None:
            c.photographs.check(photographs)
        torch.manual_seed(c.seed)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        train_files, held_files = split(photographs)
        self._photographs = Photographs(train_files, c.crop, c.seed, self._device, c.planted)
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
            self._model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in load_file(init).items()})
        else:
            start_from_pca(self._model, self._photographs.small_patches(_PCA_PATCHES).to(self._device))
        self._average = Average(self._model)

    def resume(self, file: Path) -> None:
        """From a state of this run. Crops and rates that follow are others than those at its start."""
        weights, average, progress = checkpoint.load(file, self._optimisers.all)
        self._model.load_state_dict(weights)
        self._average.restore(average)
        self.step, self.seconds = progress["step"], progress["seconds"]
        self._decaying = progress.get("decaying", False)
        self._photographs.reseed(self.configuration.seed, self.step)
        torch.manual_seed(self.configuration.seed + self.step)
        print(f"resumed at step {self.step}, {self.seconds:.0f} s", flush=True)

    def run(self, *, restart_schedule: bool = False) -> None:
        """To the end of the schedule, which begins now if `restart_schedule`, else at the first step of all."""
        c = self.configuration
        began = (self.step, self.seconds) if restart_schedule else (0, 0.0)
        schedule = Schedule(60 * c.minutes, c.steps, c.decay_from, *began)
        if restart_schedule:
            self._decaying = False
        clock, saved = time.monotonic() - self.seconds, self.seconds
        self._write_settings()
        with CurveLog(self.out / CURVE, append=self.step > 0) as curve:
            while (share := schedule.share(self.step, self.seconds)) < 1:
                if not self._decaying and schedule.decays(share):
                    self.save(STABLE)
                    self._decaying = True
                self._optimisers.set_factor(schedule.factor(self.step, share))
                self._one_step(curve, clock)
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

    def _one_step(self, curve: CurveLog, clock: float) -> None:
        c = self.configuration
        x = self._photographs.batch(c.batch)
        position = torch.rand(c.batch, device=self._device) ** c.rate_exponent * (c.model.rates - 1)
        with torch.autocast(self._device.type, dtype=torch.bfloat16):
            terms = self._model(x, position)
        loss = self._model.loss(terms, position)
        self._optimisers.step(loss, self.step)
        self._average.update(self.step)
        self.step += 1
        self.seconds = time.monotonic() - clock
        curve.step(self.step, self.seconds, loss, terms)

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
