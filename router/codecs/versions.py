"""Versions of what codecs are built on: packages, libraries inside Pillow, and the package that a plug-in comes from."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, entry_points, version

GROUP = "codec_router.codecs"
"""The entry-point group through which packages add codecs."""


@cache
def package(name: str) -> str:
    """The installed version of a package, "" where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


@cache
def pillow_library(feature: str) -> str:
    """The version of a library inside Pillow, as `PIL.features` names it; "" where this build does not have it."""
    from PIL import features

    return str(features.version(feature) or "")


def plugin(codec_id: str) -> dict[str, str]:
    """Name and version of the package whose entry point this codec is, empty for codecs that no package declares."""
    for entry in entry_points(group=GROUP, name=codec_id):
        if entry.dist is not None:
            return {entry.dist.name: entry.dist.version}
    return {}
