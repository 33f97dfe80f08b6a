"""The child: peak of memory of encoding or decoding one picture in a process that does nothing else. Linux only.

The kernel's own high-water mark of the process is read (VmHWM): unlike that of getrusage it does not begin with the parent's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from router.images.arrays import from_pixels
from training.codec import child

_STATUS = Path("/proc/self/status")


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Bytes resident.

    `total`: the peak; `before`: before torch or the codec were loaded, with the input in memory; `loaded`: with torch and the
    model; `pixels`: the picture; `codec`: the peak less `before` and, for decoding, less the pixels that were made.
    """
    child.pin(job["threads"])
    source: Any = from_pixels(np.load(job["input"])) if job["task"] == "encode" else Path(job["input"]).read_bytes()
    before = _resident("VmRSS")

    import torch

    from router.codecs.neural.codec import NeuralCodec
    from router.codecs.neural.weights import load_model
    from router.limits import NO_LIMITS

    torch.set_num_threads(job["threads"])
    codec = NeuralCodec(job["model"])
    load_model(codec.model)
    loaded = _resident("VmRSS")
    if job["task"] == "encode":
        Path(job["output"]).write_bytes(codec.encode(source, {"rate": job["rate"]}))
        pixels, made = source.pixels.nbytes, 0
    else:
        pixels = made = codec.decode(source, NO_LIMITS).pixels.nbytes
    total = _resident("VmHWM")
    return {"total": total, "before": before, "loaded": loaded, "pixels": pixels, "codec": total - before - made}


def available() -> bool:
    """Whether this system tells."""
    return _STATUS.exists()


def _resident(field: str) -> int:
    (line,) = (line for line in _STATUS.read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    child.serve(work)
