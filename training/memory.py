"""Peak memory of every lane by size and kind of picture, one process a cell.

    python -m training.memory [--megapixels 12 48 100] [--kinds gray colour alpha] [--lanes ncr avif ...] [--limit SECONDS]

A cell is `router.compress` of one file by one forced codec (or by the policy that its name says) at SSIMULACRA2 70. It runs in
a process of its own that has compressed a small picture before, so that libraries, models and tables count as its start. Peak is
the resident set at its highest (Linux); bytes a pixel are what it rose by over the start, without the source's own pixels
(1 to 4 bytes).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CODECS = ("ncr", "avif", "webp", "jpeg", "jxl", "png", "webp-lossless", "jxl-lossless", "jxl-transcode")
POLICIES = ("passthrough", "web", "balanced")
LANES = (*CODECS, *POLICIES)
KINDS = ("gray", "colour", "alpha")
_CHANNELS = {"gray": 1, "colour": 3, "alpha": 4}
_WARM_UP = 0.3
_POLICIES: dict[str, dict[str, Any]] = {
    "passthrough": {
        "policy": {"schema_version": 1, "name": "keep", "otherwise": {"reason": "all", "lanes": [{"lane": "passthrough"}]}},
        "receiver": "self",
    },
    "web": {"policy": "web", "receiver": "image/avif,image/webp,image/jpeg,image/png,*/*;q=0.5"},
    "balanced": {"policy": "balanced", "receiver": "self"},
}


def main(arguments: Sequence[str] | None = None) -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--megapixels", type=float, nargs="+", default=[12, 48, 100])
    ap.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    ap.add_argument("--lanes", nargs="+", choices=LANES, default=list(LANES))
    ap.add_argument("--limit", type=float, default=1800, help="seconds for one cell")
    ap.add_argument("--quality", type=float, default=70)
    ap.add_argument("--cell", nargs=2, help=argparse.SUPPRESS)
    ap.add_argument("--make", nargs=2, help=argparse.SUPPRESS)
    args = ap.parse_args(arguments)
    if args.make:
        _make(args.megapixels[0], args.make[0], Path(args.make[1]))
    elif args.cell:
        print(json.dumps(_cell(args.cell[0], Path(args.cell[1]), args.quality)))
    else:
        _table(args)


def _table(args: argparse.Namespace) -> None:
    print(
        f"{'lane':14} {'kind':7} {'MP':>6} {'peak GB':>8} {'B/px':>6} {'seconds':>8} {'CPU':>7} {'MB out':>7}  result", flush=True
    )
    with tempfile.TemporaryDirectory() as folder:
        for megapixels in args.megapixels:
            for kind in args.kinds:
                file = Path(folder) / f"{kind}{'.png' if kind == 'alpha' else '.jpg'}"
                _child("--megapixels", str(megapixels), "--make", kind, str(file), limit=args.limit)
                for lane in args.lanes:
                    line = _child("--quality", str(args.quality), "--cell", lane, str(file), limit=args.limit)
                    found = json.loads(line) if line.startswith("{") else {"result": line}
                    if "peak" not in found:
                        print(f"{lane:14} {kind:7} {megapixels:6g} {'':39}  {found['result']}", flush=True)
                        continue
                    pixels = found["pixels"]
                    beside = (found["peak"] - found["start"]) / pixels - _CHANNELS[kind]
                    print(
                        f"{lane:14} {kind:7} {megapixels:6g} {found['peak'] / 1e9:8.2f} {beside:6.1f} {found['seconds']:8.1f}"
                        f" {found['cpu']:7.1f} {found['bytes'] / 1e6:7.2f}  {found['result']}",
                        flush=True,
                    )


def _child(*arguments: str, limit: float) -> str:
    """The last line that a fresh process prints, or what became of it."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "training.memory", *arguments], capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return f"more than {limit:g} s"
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return lines[-1] if lines else f"exit status {done.returncode}"


def _make(megapixels: float, kind: str, file: Path) -> None:
    import numpy as np
    from PIL import Image

    from router.prediction.costs.picture import picture

    pixels = picture(megapixels, 1, busy=False)
    if kind == "alpha":
        ramp = np.linspace(0, 511, pixels.shape[1]).clip(0, 255).astype(np.uint8)
        pixels = np.dstack([pixels, np.broadcast_to(ramp, pixels.shape[:2])])
        Image.fromarray(pixels).save(file, compress_level=1)
    else:
        Image.fromarray(pixels[..., 1] if kind == "gray" else pixels).save(file, quality=92)


def _cell(lane: str, file: Path, quality: float) -> dict[str, Any]:
    import router

    options = dict(_POLICIES.get(lane, {"codec": lane}))
    engine = router.Router(options.pop("policy", "balanced"))
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / file.name
        subprocess.run(
            [sys.executable, "-m", "training.memory", "--megapixels", str(_WARM_UP), "--make", file.stem, str(small)], check=True
        )
        width, height = 0, 0
        try:
            engine.compress(small, quality=quality, **options)
        except router.RouterError as error:
            return {"result": str(error.code)}
    from router.images.probe import probe

    header = probe(file.read_bytes())
    width, height = header.width, header.height
    Path("/proc/self/clear_refs").write_text("5")
    start, began, cpu = _resident("VmRSS"), time.perf_counter(), time.process_time()
    found: dict[str, Any] = {"start": start, "pixels": width * height, "bytes": 0}
    try:
        encoded = engine.compress(file, quality=quality, **options)
    except router.RouterError as error:
        found["result"] = str(error.code)
    else:
        failed = [f"{r.code}({r.codec})" for r in encoded.record.reasons if r.lane and not r.code.startswith("RULE")]
        found["bytes"] = len(encoded.data)
        found["result"] = " ".join([f"{encoded.record.codec}", *failed])
    return found | {"peak": _resident("VmHWM"), "seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}


def _resident(name: str) -> int:
    status = Path(f"/proc/{os.getpid()}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
