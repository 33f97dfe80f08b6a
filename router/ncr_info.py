"""What `.ncr` files say of themselves beside the pixels, under the names that Pillow gives such things."""

from __future__ import annotations

from typing import Any

from router.containers import ncr as container


def info(file: container.Container) -> dict[str, Any]:
    """`icc_profile`, `exif` and `xmp` (bytes), `record` (the decision, JSON bytes) where the file has them; `model`, an id."""
    exif = None if file.exif is None else b"Exif\x00\x00" + file.exif
    entries = {"icc_profile": file.icc, "exif": exif, "xmp": file.xmp, "record": file.record}
    return {key: value for key, value in entries.items() if value is not None} | {"model": file.model.model_id}
