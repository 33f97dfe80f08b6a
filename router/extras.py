"""What to type to install what is missing: the same extra is named otherwise for a checkout, a wheel's file and an index."""

from __future__ import annotations

import json
import shlex
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

NAME = "codec-router"


def install_hint(extra: str) -> str:
    """The command that adds an extra to this installation, quoted for a shell.

    From a checkout it is to be typed there; where a wheel's file was installed, where that lies. Names no folder.
    """
    name, where = _origin()
    return f"pip install {shlex.quote(f'{name}[{extra}]{where}')}"


def from_checkout() -> bool:
    """Whether this package runs from a source tree."""
    return _origin()[0] == "."


@cache
def _origin() -> tuple[str, str]:
    """What pip was given, by PEP 610: "." for a source tree, the file's name for a wheel, else our name; and where that is."""
    try:
        told = distribution(NAME).read_text("direct_url.json")
    except PackageNotFoundError:  # run from a source tree without being installed
        return ".", ""
    if told is None:
        return NAME, ""
    direct = json.loads(told)
    if "dir_info" in direct:
        return ".", ""
    if "vcs_info" in direct:
        return NAME, f" @ {direct['vcs_info']['vcs']}+{direct['url']}"
    return PurePosixPath(unquote(urlsplit(direct["url"]).path)).name, ""
