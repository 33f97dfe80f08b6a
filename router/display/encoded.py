"""An `EncodedImage` in a notebook: the picture it decodes to, what it saves, and why it was written so."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from router.display import fragment as f
from router.display.colours import of_codec
from router.display.inline_images import picture, png
from router.display.svg import tag
from router.display.words import NO_BREAK, number, percent, size
from router.images.thumbnails import thumbnail

if TYPE_CHECKING:
    from router.encoded import EncodedImage
    from router.record import DecisionRecord, RecordedTarget

METRICS = {"ssimulacra2": "SSIMULACRA2", "ms-ssim": "MS-SSIM", "psnr": "PSNR in dB", "bpp": "bits a pixel", "max_bytes": "bytes"}
DIGITS = {"ssimulacra2": 1, "ms-ssim": 4, "psnr": 1, "bpp": 2, "max_bytes": 0}


def html(encoded: EncodedImage) -> Markup:
    """The whole output."""
    record, source = encoded.record, encoded.run.source_bytes
    shown, (width, height) = _decoded(encoded.data)
    worst = None if record.guard is None else record.guard.worst
    outline, caption = [], ""
    if worst is not None:
        place = (worst.x / width, worst.y / height, worst.width / width, worst.height / height)
        caption = f"Outlined: the tile nearest to the guard's limit ({worst.measure} {worst.value:.3g} of {worst.limit:.3g})"
        outline = [f.square(*place, caption)]
    told = [
        f.head(f"{record.lane}: {record.codec}, {size(len(encoded.data))}, {_saved(len(encoded.data), source)}"),
        *([_bars(source, len(encoded.data), record.codec)] if source else []),
        f.facts(
            [
                ("picture", f"{width} × {height} px, {number(8 * len(encoded.data) / (width * height), 2)} bits a pixel"),
                *rows(record),
            ]
        ),
    ]
    return f.fragment(told, [f.shot(picture(shown, "what the file decodes to"), *outline, caption=caption)])


def rows(record: DecisionRecord) -> list[tuple[str, Markup | str | None]]:
    """What a record tells, for a table."""
    policy, scores, guard = record.policy, record.scores, record.guard
    checked = None if guard is None else f"{'passed' if guard.passed else 'failed'} at level {guard.level}"
    detector = None
    if scores is not None:
        detector = tag("div", f.p_text(scores.p_value, scores.in_distribution), f.p_strip(scores.p_value))
    return [
        ("quality", None if record.target is None else _target(record.target)),
        ("decided by", None if policy is None else f"policy {policy.name}, rule {policy.rule}"),
        ("because", f.reasons(record.reasons)),
        ("detector", detector),
        ("guard", checked),
    ]


def png_picture(encoded: EncodedImage) -> bytes:
    """The picture alone."""
    return png(_decoded(encoded.data)[0])


@lru_cache(maxsize=2)
def _decoded(data: bytes) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Thumbnail and size. A notebook asks for HTML and PNG of the same output one after the other."""
    from router.decoding import decode

    found = decode(data)
    return thumbnail(found.pixels, found.metadata.icc), (found.pixels.shape[1], found.pixels.shape[0])


def _saved(written: int, source: int | None) -> str:
    if not source:
        return "source given as pixels"
    if written == source:
        return "the source's own size"
    share = 1 - written / source
    return f"{percent(abs(share))} {'smaller' if share > 0 else 'larger'} than the source"


def _target(target: RecordedTarget) -> str:
    name, digits = METRICS.get(target.metric, target.metric), DIGITS.get(target.metric, 2)
    asked = f"{number(target.value, digits)} asked for"
    return f"{name} {asked}" if target.achieved is None else f"{name} {number(target.achieved, digits)}, {asked}"


def _bars(source: int, written: int, codec: str) -> Markup:
    """Bytes of source and output."""
    left, room, most = 50, 200, max(source, written)
    parts = []
    for row, (name, count, colour) in enumerate((("source", source, "k-oracle"), ("output", written, of_codec(codec)))):
        y, width = 4 + 18 * row, max(1.0, room * count / most)
        parts.append(tag("text", name, x=left - 6, y=y + 10, class_="end"))
        parts.append(tag("rect", x=left, y=y, width=width, height=12, style=f"fill: var(--{colour})"))
        parts.append(tag("text", size(count), x=left + width + 5, y=y + 10))
    label = f"source {size(source)}, output {size(written)}".replace(NO_BREAK, " ")
    return tag("svg", *parts, viewBox="0 0 320 40", width=320, height=40, role="img", aria_label=label)
