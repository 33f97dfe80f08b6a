"""Run the whole flow over a folder of domains and check every output: `python -m training.flow --data DIR [--policy balanced]`.

DIR holds one folder per domain. Each image is compressed, decoded from the released bytes and compared with its source:
lossless lanes bit for bit, 16 bit kept, the record read back. Prints lanes, bytes and scores per domain, and writes one JSON
line per image.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import joblib
import numpy as np

import router
from router.errors import InputError
from router.images.read import read

LANES = ("neural", "classical", "lossless", "transcode", "passthrough")


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--policy", default="balanced")
    ap.add_argument("--receiver", default="self")
    ap.add_argument("--quality", type=float, default=70)
    ap.add_argument("--every", type=int, default=1, help="take every n-th image of a domain")
    ap.add_argument("--jobs", type=int, default=1)
    ap.add_argument("--out", type=Path, default=Path("build/flow.jsonl"))
    args = ap.parse_args()
    files = [
        f
        for d in sorted(args.data.iterdir())
        if d.is_dir()
        for f in sorted(p for p in d.rglob("*") if p.is_file())[:: args.every]
    ]
    began = time.monotonic()
    work = joblib.delayed(check_one)
    rows = joblib.Parallel(n_jobs=args.jobs, return_as="generator")(
        work(f, args.data, args.policy, args.receiver, args.quality) for f in files
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    done = []
    with args.out.open("w") as log:
        for row in rows:
            log.write(json.dumps(row) + "\n")
            log.flush()
            done.append(row)
    _print(done, time.monotonic() - began)


def check_one(path: Path, root: Path, policy: str, receiver: str, quality: float) -> dict[str, Any]:
    """One image through the flow; `problem` is empty when everything held."""
    row: dict[str, Any] = {"file": str(path.relative_to(root)), "domain": path.relative_to(root).parts[0]}
    began = time.monotonic()
    try:
        encoded = router.compress(path, policy=policy, receiver=receiver, quality=quality)
    except InputError as error:
        return row | {"lane": "refused", "code": str(error.code), "problem": ""}
    except Exception as error:  # the point of this script is to find these
        return row | {"lane": "crashed", "problem": f"{type(error).__name__}: {error}"}
    record = encoded.record
    return row | {
        "lane": record.lane,
        "codec": record.codec,
        "rule": record.policy.rule if record.policy else "",
        "source_bytes": encoded.run.source_bytes,
        "bytes": len(encoded.data),
        "score": record.target.achieved if record.target else None,
        "p_value": record.scores.p_value if record.scores else None,
        "passed_over": [f"{r.codec} {r.code}" for r in record.reasons if r.codec],
        "guard": record.guard.measured if record.guard else {},
        "record_bytes": len(record.to_json()),
        "seconds": round(time.monotonic() - began, 2),
        "problem": _problem(path, encoded),
    }


def _problem(path: Path, encoded: router.EncodedImage) -> str:
    if encoded.record.lane == "passthrough":
        return "" if encoded.data == path.read_bytes() else "passed-through bytes differ"
    if router.inspect(encoded.data) != encoded.record:
        return "the record does not read back"
    source = read(path).pixels
    decoded = router.decompress(encoded.data, as_array=True)
    decoded = decoded[..., None] if decoded.ndim == 2 else decoded
    if decoded.dtype != source.dtype:
        return f"{source.dtype} became {decoded.dtype}"
    if encoded.record.lane in ("lossless", "transcode"):
        return "" if np.array_equal(source, decoded) else "not identical"
    opaque = source.shape[2] - decoded.shape[2] == 1  # an alpha channel that hides nothing may be left out
    if source.shape[:2] != decoded.shape[:2] or not (source.shape == decoded.shape or opaque):
        return f"{source.shape} became {decoded.shape}"
    return ""


def _print(rows: list[dict[str, Any]], seconds: float) -> None:
    by_domain: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_domain[row["domain"]].append(row)
    print(
        f"{'domain':26s}{'n':>4s} "
        + "".join(f"{lane:>12s}" for lane in LANES)
        + f"{'refused':>9s}{'kB in':>9s}{'kB out':>9s}{'score':>7s}"
    )
    for domain, group in by_domain.items():
        lanes = Counter(r["lane"] for r in group)
        scores = [r["score"] for r in group if r.get("score") is not None]
        kept = [r for r in group if "bytes" in r]
        print(
            f"{domain:26s}{len(group):4d} "
            + "".join(f"{lanes[lane]:12d}" for lane in LANES)
            + f"{lanes['refused']:9d}{sum(r['source_bytes'] for r in kept) / 1e3:9.0f}{sum(r['bytes'] for r in kept) / 1e3:9.0f}"
            + (f"{np.mean(scores):7.1f}" if scores else "      -")
        )
    problems = [r for r in rows if r["problem"]]
    print(f"{len(rows)} files, {len(problems)} problems, {seconds:.0f} s")
    for row in problems:
        print(f"  {row['file']}: {row['problem']}")
    fallen = Counter(entry for r in rows for entry in r.get("passed_over", []))
    print("passed over:", ", ".join(f"{k} x{v}" for k, v in fallen.most_common(12)))


if __name__ == "__main__":
    main()
