"""A small program of somebody's, as `make types` sees it: the types here are the promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import router
import router.pillow


def handler(body: bytes, accept: str) -> tuple[int, bytes]:
    try:
        encoded = router.compress(body, policy="web", quality=np.float32(70), receiver=accept, metadata="icc")
    except router.RouterError as error:
        return router.http_status(error), str(error).encode()
    assert_type(encoded, router.EncodedImage)
    assert_type(encoded.data, bytes)
    return 200, encoded.data


def shapes(path: Path, whole: bool) -> None:
    assert_type(router.decompress(path), Image.Image)
    array = router.decompress(path, as_array=True)
    assert_type(array, NDArray[np.uint8] | NDArray[np.uint16])
    print(array.shape)
    either = router.decompress(path, as_array=whole)
    assert_type(either, Image.Image | NDArray[np.uint8] | NDArray[np.uint16])


def files(source: Path) -> None:
    encoded = router.compress(source, codec="avif", settings={"quality": 50}, on_guard_fail="release")
    assert_type(encoded.save(source.with_suffix(".x")), Path)
    text = str(encoded.save("memory://shelf/x"))
    written: Path = router.save(source, "out/x", overwrite=True, target={"metric": "psnr", "value": 40})
    router.pillow.save(Image.new("RGB", (8, 8)), written, "balanced", quality=60)
    router.compress(source, colour=True)  # type: ignore[call-arg]
    router.compress(source, metadata="all")  # type: ignore[arg-type]
    router.save(source)  # type: ignore[call-arg]
    print(text, router.__version__)


def evidence(source: Path) -> None:
    record = router.inspect(source)
    assert_type(record.lane, str)
    decision = router.decide(source, policy="medical", context={"study": "x"})
    assert_type(decision, router.Decision)
    report = router.score(source)
    assert_type(report.p_value, float)
    assert_type(router.restore(source), bytes)
    assert_type(router.migrate.migrate(source), router.EncodedImage)
    log: Any = router.JsonLines("runs.jsonl")
    assert_type(router.Router("web", log=log).compress(source), router.EncodedImage)


def caught(source: Path) -> None:
    try:
        router.compress(source)
    except router.InputNotFoundError as missing:
        found: FileNotFoundError = missing
        print(found.filename, missing.code)
    except router.StreamError as damaged:
        value: ValueError = damaged
        print(value, damaged.hint)
