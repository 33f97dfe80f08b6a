"""The tree in the docstring of router/errors.py is the tree of the classes."""

from __future__ import annotations

import inspect
import re

import pytest

from router import errors
from router.errors import RouterError

CLASSES = {name: c for name, c in vars(errors).items() if inspect.isclass(c) and issubclass(c, RouterError)}
DRAWN = {
    name: (len(indent) // 4, int(code))
    for indent, name, code in re.findall(r"^([│├└─ ]*)(\w+Error)\s+(\d)", errors.__doc__ or "", re.MULTILINE)
}


def test_every_class_is_drawn_and_nothing_else() -> None:
    assert set(DRAWN) == set(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_place_and_exit_code(name: str) -> None:
    depth, code = DRAWN[name]
    assert len(CLASSES[name].mro()) - len(RouterError.mro()) == depth
    assert CLASSES[name].exit_code == code
