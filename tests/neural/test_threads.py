"""The number of threads decides nothing: bytes, scores and decisions are those of one thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sample_set import Samples
from threadpoolctl import threadpool_limits

import router
from router.codecs import registry
from router.codecs.jxl import JxlCodec
from router.codecs.neural.arithmetic import Decoding
from router.codecs.neural.codec import NeuralCodec
from router.codecs.neural.prefetch import MOST, ahead
from router.codecs.neural.weights import LoadedModel
from router.images.arrays import from_pixels
from router.images.read import read
from router.prediction.savings.estimate import gain_facts
from router.process.kernels import alone, each
from router.quality.target import Target


@pytest.fixture
def threads() -> Iterator[None]:
    """What was set before is set afterwards."""
    before, vision = torch.get_num_threads(), cv2.getNumThreads()
    yield
    torch.set_num_threads(before)
    cv2.setNumThreads(vision)


def settings() -> Iterator[int]:
    for count in (1, 3):
        torch.set_num_threads(count)
        cv2.setNumThreads(count)
        with threadpool_limits(count):
            yield count


@pytest.mark.usefixtures("threads")
def test_networks(model: LoadedModel, photo: NDArray[np.uint8]) -> None:
    """Latents, hyper-latents and pixels, in shapes that are cut into one band, several, and an uneven last one."""
    network = model.coder.network
    for height, width in ((64, 64), (192, 320), (64, 1024)):
        pixels = np.resize(photo, (height, width, 3))
        seen = set()
        for _ in settings():
            latents = network.analyse(pixels)
            integers = np.rint(latents * 4096).astype(np.int32)
            found = [latents, network.hyper(latents), network.synthesise(integers, 30_000)]
            found.append(network.synthesise(integers, 30_000, Decoding.BF16))
            seen.add(tuple(array.tobytes() for array in found))
        assert len(seen) == 1


@pytest.mark.usefixtures("threads")
def test_bands_are_the_transform(model: LoadedModel, photo: NDArray[np.uint8]) -> None:
    """What is computed in bands is what the whole network computes, but for roundings."""
    network = model.coder.network
    x = torch.from_numpy(photo.copy()).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        whole = network._model.analyse(x)[0].permute(1, 2, 0).numpy()
        position = torch.tensor([3.25])
        back = network._model.synthesise(torch.from_numpy(whole).permute(2, 0, 1)[None], position)[0].permute(1, 2, 0)
    spread = float(np.abs(whole).max())
    assert np.abs(network.analyse(photo) - whole).max() < 0.02 * spread  # bf16 where the processor has it
    rate = round(3.25 / (network.config.rates - 1) * 65_535)
    rgb = network.synthesise(np.rint(whole * 1024).astype(np.int32), rate)
    assert np.abs(rgb - back.clamp(0, 1).numpy()).max() < 0.01


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize(("name", "codecs"), [("photo_coffee", ("ncr", "avif", "webp")), ("gray_camera", ("ncr",))])
def test_outputs_and_decisions(samples: Samples, name: str, codecs: tuple[str, ...]) -> None:
    pixels = read(samples[name]).pixels[60:190, 40:190]
    sample = from_pixels(np.ascontiguousarray(pixels))
    seen = set()
    for _ in settings():
        report = router.score(sample)
        gain = gain_facts(sample, Target("ssimulacra2", 70))
        outputs = [router.compress(sample, receiver="self", quality=60)]
        outputs += [router.compress(sample, codec=codec, quality=60, on_guard_fail="release") for codec in codecs]
        found = (report.ood_score, report.p_value, *sorted(gain.items()))
        seen.add((*found, *(output.data for output in outputs), *(output.record.to_json() for output in outputs)))
    assert len(seen) == 1


def test_a_codec_s_own_threads(photo: NDArray[np.uint8]) -> None:
    sample = from_pixels(photo)
    assert len({JxlCodec(threads=n).encode(sample, {}) for n in (1, 2, 4)}) == 1
    assert registry.get("avif").encode(sample, {}) == registry.get("avif").encode(sample, {})


@pytest.mark.usefixtures("threads")
def test_callers_side_by_side(codec: NeuralCodec, photo: NDArray[np.uint8]) -> None:
    torch.set_num_threads(2)
    pictures = [from_pixels(np.ascontiguousarray(photo[i : i + 100])) for i in range(0, 120, 30)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda picture: codec.encode(picture, {"rate": 30_000}), pictures))
    assert together == [codec.encode(picture, {"rate": 30_000}) for picture in pictures]


@pytest.mark.usefixtures("threads")
def test_torch_s_setting_is_nobody_else_s() -> None:
    """Kernels run on one thread each; the caller's setting, and what new threads begin with, stay as they were."""
    torch.set_num_threads(3)
    assert each(lambda _: torch.get_num_threads(), range(5)) == [1] * 5
    assert alone(lambda: each(lambda _: torch.get_num_threads(), range(3))) == [1] * 3
    with ThreadPoolExecutor(1) as fresh:
        assert fresh.submit(torch.get_num_threads).result() == 3
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("count", [1, 3])
def test_an_error_ends_the_work(count: int) -> None:
    torch.set_num_threads(count)
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 2:
            raise ValueError("two")
        return number

    with pytest.raises(ValueError, match="two"):
        each(work, range(1000))
    assert len(begun) < 1000
    assert each(work, [5, 4, 3]) == [5, 4, 3]


@pytest.mark.parametrize("processors", [1, 2, 64])
def test_tiles_at_work_do_not_grow_with_processors(processors: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(processors)), raising=False)
    lock, inside, seen = threading.Lock(), 0, []

    def work(item: int) -> int:
        nonlocal inside
        with lock:
            inside += 1
            seen.append(inside)
        time.sleep(0.002)
        with lock:
            inside -= 1
        return item * item

    assert list(ahead(work, range(40), 40)) == [i * i for i in range(40)]
    assert max(seen) <= min(processors, MOST)
