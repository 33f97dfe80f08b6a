"""The tree in the docstring of router/errors.py is the tree of the classes."""

from __future__ import annotations

import copy
import errno
import inspect
import io
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import router
from router import errors
from router.errors import NoLaneError, RouterError, StreamError, UsageError
from router.reasons import ReasonCode

CLASSES = {name: c for name, c in vars(errors).items() if inspect.isclass(c) and issubclass(c, RouterError)}
DRAWN = {
    name: (len(indent) // 4, int(code), builtin)
    for indent, name, code, builtin in re.findall(
        r"^([│├└─ ]*)(\w+Error)\s+(\d)(?:\s+(\w+Error)\b)?", errors.__doc__ or "", re.MULTILINE
    )
}


def _example(kind: type[RouterError], code: ReasonCode = ReasonCode.BAD_ARGUMENT) -> RouterError:
    if kind is NoLaneError:
        return NoLaneError("no lane", attempts=("a",), hint="Do this")
    return kind("no way", code=code, hint="Do this", foreign=OSError(2, "gone"), path="/there")


def test_every_class_is_drawn_exported_and_nothing_else() -> None:
    assert set(DRAWN) == set(CLASSES)
    assert all(getattr(router, name) is kind for name, kind in CLASSES.items())
    assert set(CLASSES) <= set(router.__all__)


@pytest.mark.parametrize("name", CLASSES)
def test_place_exit_code_and_built_in_base(name: str) -> None:
    depth, code, builtin = DRAWN[name]
    assert sum(issubclass(base, RouterError) for base in CLASSES[name].mro()) - 1 == depth
    assert CLASSES[name].exit_code == code
    own = {base.__name__ for base in CLASSES[name].__bases__ if not issubclass(base, RouterError)}
    assert own - {"Exception"} == ({builtin} if builtin else set())


@pytest.mark.parametrize("name", CLASSES)
def test_text_and_facts_survive_pickling_and_copying(name: str) -> None:
    error = _example(CLASSES[name])
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is type(error)
        assert (str(again), again.args, vars(again).keys()) == (str(error), error.args, vars(error).keys())
        assert getattr(again, "errno", None) == getattr(error, "errno", None)
        assert getattr(again, "filename", None) == getattr(error, "filename", None)
    assert str(error).endswith(f"[{error.code}]. Do this"), "OSError and ImportError have a text of their own"


@pytest.mark.parametrize(
    ("raised", "code", "caught"),
    [
        (errors.InputError, ReasonCode.NOT_FOUND, FileNotFoundError),
        (errors.InputError, ReasonCode.NOT_A_FILE, OSError),
        (errors.InputError, ReasonCode.TIMED_OUT, TimeoutError),
        (errors.InputError, ReasonCode.DAMAGED_IMAGE, ValueError),
        (errors.LimitError, ReasonCode.MEMORY_LIMIT, MemoryError),
        (errors.CodecError, ReasonCode.OUT_OF_MEMORY, MemoryError),
        (errors.CodecUnavailableError, ReasonCode.UNKNOWN_CODEC, ValueError),
        (errors.CodecUnavailableError, ReasonCode.MISSING_EXTRA, ImportError),
    ],
)
def test_the_code_chooses_the_class(raised: type[RouterError], code: ReasonCode, caught: type[Exception]) -> None:
    error = _example(raised, code)
    assert isinstance(error, raised)
    assert isinstance(error, caught)


def test_a_missing_file_is_no_bad_value() -> None:
    """Handlers that skip bad images must not swallow a missing file or a failing disk."""
    with pytest.raises(FileNotFoundError) as caught:
        router.compress("nowhere.png")
    assert caught.value.errno == errno.ENOENT
    assert not isinstance(caught.value, ValueError)
    with pytest.raises(OSError, match="NOT_A_FILE") as folder:
        router.compress(".")
    assert not isinstance(folder.value, ValueError | FileNotFoundError)


def test_handlers_inside_do_not_take_our_errors_for_a_library_s(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gives text"):
        router.compress(io.StringIO("x"))  # type: ignore[arg-type]
    with pytest.raises(StreamError) as newer:
        router.DecisionRecord.from_json(b'{"schema_version": 99}')
    assert newer.value.code is ReasonCode.UNSUPPORTED_VERSION
    (tmp_path / "notes.txt").write_text("mine\n")
    with pytest.raises(router.OutputExistsError):
        router.JsonLines(tmp_path / "notes.txt").check()


@pytest.mark.parametrize("call", [router.compress, router.decompress])
def test_a_file_object_that_was_read_before_is_told_so(call: Callable[[io.BytesIO], object]) -> None:
    read = io.BytesIO(b"all of it")
    read.read()
    for file, hint in ((read, "seek"), (io.BytesIO(), "has an image")):
        with pytest.raises(RouterError, match=hint) as caught:
            call(file)
        assert caught.value.code is ReasonCode.EMPTY_INPUT
