"""Ways in which a machine can run the codec, each in a process of its own."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from training.codec import child

CAPABILITIES = ("default", "avx2", "avx512")
"""Instruction sets as PyTorch names them, from the oldest."""

CORES: Mapping[str, tuple[str, str]] = {
    "default": ("Nehalem", "Nehalem"),
    "avx2": ("Haswell", "Zen"),
    "avx512": ("SkylakeX", "SkylakeX"),
}
"""Kernels of numpy's BLAS that go with them, for 1 and for 2 threads."""

_ONEDNN = {"default": "SSE41", "avx2": "AVX2", "avx512": "DEFAULT"}
_MKL = {"default": "SSE4_2", "avx2": "AVX2", "avx512": "AVX512"}


@dataclass(frozen=True)
class DecodingConfiguration:
    """One way. `batch`: tiles in a call of the prior and of the transforms; `blas`: core that numpy's BLAS takes this one for."""

    threads: int = 1
    capability: str = "avx512"
    onednn: bool = True
    batch: int = 1
    blas: str = "SkylakeX"
    device: str = "cpu"

    @property
    def name(self) -> str:
        """What tables call it."""
        parts = (
            f"{self.threads}t",
            self.capability,
            "oneDNN" if self.onednn else "native",
            self.blas or "BLAS",
            f"b{self.batch}",
        )
        return " ".join((*parts, *(["cuda"] if self.device == "cuda" else [])))

    def environment(self) -> dict[str, str]:
        """Variables that libraries read when they are loaded."""
        chosen = child.threads_environment(self.threads) | {"ATEN_CPU_CAPABILITY": self.capability}
        if self.blas:
            chosen["OPENBLAS_CORETYPE"] = self.blas
        # Threads that wait in vain for a busy processor would cost minutes.
        chosen |= {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_THREAD_TIMEOUT": "4"}
        return chosen | {"ONEDNN_MAX_CPU_ISA": _ONEDNN[self.capability], "MKL_ENABLE_INSTRUCTIONS": _MKL[self.capability]}

    def run(self, module: str, job: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of `module` to `job` in a process that runs this way."""
        return child.call(module, dict(job) | {"configuration": asdict(self)}, self.environment())


def everything() -> list[DecodingConfiguration]:
    """The whole matrix, first the reference: one thread, all instructions, oneDNN, tile by tile."""
    found = [
        DecodingConfiguration(threads, capability, onednn, batch, CORES[capability][threads - 1])
        for capability, onednn, threads, batch in itertools.product(reversed(CAPABILITIES), (True, False), (1, 2), (1, 4))
    ]
    if torch.cuda.is_available():
        found += [DecodingConfiguration(batch=batch, device="cuda") for batch in (1, 4)]
    return found


def possible(asked: DecodingConfiguration) -> DecodingConfiguration:
    """What this processor can do of it: libraries that are told to use instructions which it lacks would crash."""
    best = best_capability()
    capability = min(asked.capability, best, key=CAPABILITIES.index)
    core = asked.blas if capability == asked.capability else CORES[capability][0]
    return replace(asked, capability=capability, blas=core if _is_x86() else "")


def best_capability() -> str:
    """The newest of CAPABILITIES that this processor has, whatever the environment says."""
    has = torch.cpu.get_capabilities()
    if not (_is_x86() and has.get("avx2") and has.get("fma3")):
        return "default"
    return "avx512" if all(has.get(f"avx512_{part}") for part in ("f", "bw", "dq", "vl")) else "avx2"


def _is_x86() -> bool:
    return torch.cpu.get_capabilities().get("architecture") in {"x86_64", "i386"}
