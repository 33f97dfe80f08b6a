"""Extras: whether one is there, and what to type to install it, from a checkout, a wheel's file or an index."""

from __future__ import annotations

import json
import shlex
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from router.errors import CodecUnavailableError
from router.reasons import ReasonCode

NAME = "codec-router"


def require(extra: str, purpose: str, *modules: str) -> None:
    """Raise CodecUnavailableError (MISSING_EXTRA), which names all that is missing, unless the modules are installed.

    Args:
        extra: that brings them.
        purpose: what they are for, as the subject of a sentence.
        modules: names for `import`; none of them is imported, but for packages that others lie in.
    """
    missing = [name for name in modules if _is_missing(name)]
    if missing:
        what = f"{purpose} needs {', '.join(missing)}"
        raise CodecUnavailableError(what, code=ReasonCode.MISSING_EXTRA, hint=install_hint(extra))


def install_hint(extra: str) -> str:
    """The command that adds an extra to this installation, quoted for a shell.

    From a checkout it is to be typed there; where a wheel's file was installed, where that lies. Names no folder.
    """
    name, where = _origin()
    return f"pip install {shlex.quote(f'{name}[{extra}]{where}')}"


def from_checkout() -> bool:
    """Whether this package runs from a source tree."""
    return _origin()[0] == "."


def _is_missing(name: str) -> bool:
    try:
        return find_spec(name) is None
    except ModuleNotFoundError:  # of a package within a package that is not there
        return True


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
