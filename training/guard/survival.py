"""What is left of planted structures at matched quality: always-AVIF, always-neural, neural with the guard, and the router.

For comparison: WebP (how much less of a structure a second classical codec keeps, where nobody would fear invention), and AVIF
at another speed (how much of a difference between two results at one target is chance).

    python -m training.guard.survival --data DIR [--domains radiograph line_art ...] [--images 2] [--targets 50 70]

DIR holds one folder a domain. Spots, hairlines, dot grids and small text are planted into the middle of each image; what AVIF
keeps of a structure is the measure for all others: "kept" is at least 80 % of AVIF's contrast, of structures that AVIF shows at
all (a quarter of their contrast). "Found" is, of the images in which the unguarded neural codec lost a structure, the share
that the guard stopped, by level; and the same of lost structures. Tables, and JSON in --out.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import router
from router.errors import RouterError
from router.evaluation.measure.to_target import coded_to_target
from router.evaluation.page.survival import LEVELS, kept
from router.images.arrays import from_pixels
from router.quality.guard import DEFAULT_QUANTILE
from router.quality.guard.structures import SHOWN, Planted
from training.guard.pictures import image_files
from training.guard.structures import Pixels, plant, remains

DOMAINS = ("radiograph", "line_art", "satellite_aerial", "natural")
SIDE = 512


def main(arguments: Sequence[str] | None = None) -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--domains", nargs="+", default=list(DOMAINS))
    ap.add_argument("--images", type=int, default=2, help="images a domain")
    ap.add_argument("--structures", type=int, default=32, help="structures an image")
    ap.add_argument("--targets", type=float, nargs="+", default=[50.0, 70.0])
    ap.add_argument("--quantile", type=float, default=DEFAULT_QUANTILE)
    ap.add_argument("--policy", default="balanced")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--cache", type=Path, default=Path("build/guard"))
    ap.add_argument("--out", type=Path, default=Path("build/guard-survival.json"))
    args = ap.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    for domain in args.domains:
        files = image_files(args.data / domain)
        for number in np.unique(np.linspace(0, len(files) - 1, min(args.images, len(files))).astype(int)):
            rng = np.random.default_rng([args.seed, int(number)])
            before = _middle(files[number])
            picture, planted = plant(before, rng, args.structures)
            for target in args.targets:
                found = one(picture, before, planted, target, args.quantile, args.policy, args.cache)
                rows += [{"domain": domain, "image": int(number), "target": target, **row} for row in found]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({"quantile": args.quantile, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    for target in args.targets:
        print(f"\ntarget {target:g}\n")
        print("\n".join(table([r for r in rows if r["target"] == target], args.domains)))


def one(
    picture: Pixels, before: Pixels, planted: list[Planted], target: float, quantile: float, policy: str, cache: Path
) -> list[dict[str, Any]]:
    """One row a structure; empty where AVIF or the neural codec cannot reach the target."""
    avif, neural, webp = (coded_to_target(from_pixels(picture), codec, target, cache) for codec in ("avif", "ncr", "webp"))
    if avif is None or neural is None:
        return []
    stopped = _stopped(picture, target, quantile)
    routed, lane = _routed(picture, target, policy)
    left = {"avif": avif.pixels, "neural": neural.pixels, "webp": None if webp is None else webp.pixels, "router": routed}
    left["again"] = _again(picture, target)
    rows = []
    for structure in planted:
        row: dict[str, Any] = {
            "kind": structure.kind,
            "size": structure.size,
            "contrast": structure.contrast,
            "stopped": stopped,
            "lane": lane,
            "bytes": {"avif": avif.size, "neural": neural.size},
        }
        for way, pixels in left.items():
            row[way] = None if pixels is None else vars(remains(structure, before, pixels))
        row["source"] = vars(remains(structure, before, picture))
        rows.append(row)
    return rows


def _again(picture: Pixels, target: float) -> Pixels | None:
    try:
        encoded = router.compress(picture, codec="avif", settings={"speed": 8}, quality=target)
    except RouterError:
        return None
    return router.decompress(encoded.data, as_array=True).reshape(picture.shape)


def _stopped(picture: Pixels, target: float, quantile: float) -> dict[str, str]:
    """By level, why the guard stops the neural result where a policy asks for nothing else; "" where it is released."""
    found = {}
    for level in LEVELS:
        policy = {
            "schema_version": 1,
            "name": "neural-first",
            "defaults": {"guard": {"level": level, "quantile": quantile}},
            "otherwise": {
                "reason": "neural where the guard lets it pass",
                "lanes": [
                    {"lane": "neural", "codecs": ["ncr"]},
                    {"lane": "classical", "codecs": ["avif"]},
                    {"lane": "lossless", "codecs": ["png"]},  # strict looks at AVIF's tiles too
                ],
            },
        }
        record = router.compress(picture, policy=policy, quality=target, receiver="self").record
        why = [f"{reason.code} {reason.detail}" for reason in record.reasons if reason.codec == "ncr"]
        found[level] = "" if record.lane == "neural" else "; ".join(why) or "not tried"
    return found


def table(rows: list[dict[str, Any]], domains: Iterable[str]) -> list[str]:
    """Markdown, a line a domain and one for all."""
    titles = ["domain", "AVIF again: kept", "WebP: kept", "neural: kept"]
    titles += [f"{level}: {what}" for level in LEVELS for what in ("kept", "images released", "lost structures found")]
    titles += ["router: kept", "of these neural", "correlation AVIF / neural", "moved >= 1 px AVIF / neural"]
    titles += ["text read source / AVIF / neural"]
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    groups = [(d, [r for r in rows if r["domain"] == d]) for d in domains]
    for name, group in [*groups, ("all", rows)]:
        shown = [r for r in group if r["avif"]["contrast"] >= SHOWN]
        if not shown:
            continue
        lost = [r for r in shown if not kept(r, "neural")]
        images = {(r["domain"], r["image"]): r for r in group}
        cells = [_share(kept(r, way) for r in shown if r[way] is not None) for way in ("again", "webp", "neural")]
        for level in LEVELS:
            cells += [
                _share(kept(r, "neural") for r in shown if not r["stopped"][level]),
                f"{sum(not r['stopped'][level] for r in images.values())} of {len(images)}",
                _share(bool(r["stopped"][level]) for r in lost),
            ]
        cells += [
            _share(kept(r, "router") for r in shown if r["router"] is not None),
            f"{sum(r['lane'] == 'neural' for r in images.values())} of {len(images)} images",
            " / ".join(f"{np.mean([r[way]['correlation'] for r in shown]):.2f}" for way in ("avif", "neural")),
            " / ".join(f"{np.mean([r[way]['displacement'] >= 1 for r in shown]):.0%}" for way in ("avif", "neural")),
            " / ".join(_text(group, way) for way in ("source", "avif", "neural")),
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _share(truths: Iterable[bool]) -> str:
    values = list(truths)
    return f"{np.mean(values):.1%} of {len(values)}" if values else "none"


def _text(rows: list[dict[str, Any]], way: str) -> str:
    read = [r[way]["read"] for r in rows if r[way] is not None and r[way]["read"] is not None]
    return f"{np.mean(read):.0%}" if read else "-"


def _routed(picture: Pixels, target: float, policy: str) -> tuple[Pixels | None, str]:
    try:
        encoded = router.compress(picture, policy=policy, quality=target, receiver="self")
    except RouterError as error:
        return None, str(error.code)
    return router.decompress(encoded.data, as_array=True).reshape(picture.shape), encoded.record.lane


def _middle(path: Path) -> Pixels:
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("L" if image.mode in ("1", "L", "LA") else "RGB"))
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    top, left = (max(0, (length - SIDE) // 2) for length in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + SIDE, left : left + SIDE])


if __name__ == "__main__":
    main()
