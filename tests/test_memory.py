"""Memory: the documented bound of every lane, what happens where it does not fit, and where it runs out all the same."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import router
from router.codecs import registry
from router.errors import CodecError, LimitError, NoLaneError
from router.images.read import read
from router.limits import NO_LIMITS, Limits
from router.prediction.costs.picture import picture
from router.process.memory import is_out_of_memory, machine_memory
from router.reasons import ReasonCode

PHOTO = picture(0.4, 3, busy=True)
MEGABYTE = 1 << 20


def _jpeg(pixels: NDArray[np.uint8], quality: int = 85) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return out.getvalue()


JPEG = _jpeg(PHOTO)


def _policy(*lanes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"schema_version": 1, "name": "test", "otherwise": {"reason": "test", "lanes": list(lanes), **more}}


_LANES = {
    "ncr": {"rate": 39_000},
    "avif": {"quality": 60, "speed": 10},
    "webp": {"quality": 75, "method": 0},
    "jpeg": {"quality": 80},
    "jxl": {"quality": 80, "effort": 3},
    "png": {"level": 1},
    "webp-lossless": {"method": 0},
    "jxl-lossless": {"effort": 1},
    "jxl-transcode": {"effort": 1},
}
_MEASURE = """
import ctypes, io, json, sys
import numpy as np
from PIL import Image
import router
from router.codecs import registry
from router.prediction.costs.picture import picture
from router.images.read import read

def resident(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name))

def source(megapixels, alpha):
    pixels, out = picture(megapixels, 1, busy=False), io.BytesIO()
    if alpha:
        ramp = np.linspace(0, 511, pixels.shape[1]).clip(0, 255).astype(np.uint8)
        Image.fromarray(np.dstack([pixels, np.broadcast_to(ramp, pixels.shape[:2])])).save(out, "PNG", compress_level=1)
    else:
        Image.fromarray(pixels).save(out, "JPEG", quality=92)
    return out.getvalue()

found = []
for alpha in (False, True):
    small, large = (source(m, alpha) for m in (0.05, 1.0))
    sample = read(large)
    for name, settings in json.loads(sys.argv[1]).items():
        if alpha and name not in ("avif", "png"):
            continue
        router.compress(small, codec=name, settings=settings, on_guard_fail="release")
        ctypes.CDLL(None).malloc_trim(0)
        with open("/proc/self/clear_refs", "w") as reset:
            reset.write("5")
        start = resident("VmRSS")
        router.compress(large, codec=name, settings=settings, on_guard_fail="release")
        found.append([name, alpha, resident("VmHWM") - start, registry.get(name).memory(sample, settings)])
print(json.dumps(found))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
@pytest.mark.slow
def test_no_lane_takes_more_than_its_codec_says() -> None:
    done = subprocess.run([sys.executable, "-c", _MEASURE, json.dumps(_LANES)], capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {name for name, *_ in found} == set(_LANES)
    assert [row for row in found if row[2] > row[3]] == []


@pytest.mark.parametrize("name", registry.ids())
def test_every_codec_states_at_most_40_bytes_a_pixel_beside_the_source(name: str) -> None:
    codec = registry.get(name)
    assert codec.working_bytes <= 40
    sample = read(np.zeros((2000, 3000, 3), np.uint8), limits=NO_LIMITS)
    assert codec.memory(sample, codec.settled(sample, {})) <= codec.working_base + 43 * 6_000_000


def test_a_forced_codec_that_does_not_fit_is_refused_before_anything_is_decoded() -> None:
    damaged = JPEG[: len(JPEG) // 2]  # decoding it would be another error
    engine = router.Router(limits=Limits(memory=64 * MEGABYTE))
    with pytest.raises(CodecError) as caught:
        engine.compress(damaged, codec="avif")
    assert caught.value.code is ReasonCode.MEMORY_LIMIT
    assert "memory" in caught.value.hint


def test_where_one_codec_does_not_fit_the_next_one_writes() -> None:
    needs = {name: registry.get(name).memory(read(JPEG), {}) for name in ("ncr", "jpeg")}
    assert needs["ncr"] > needs["jpeg"]
    policy = _policy({"lane": "neural", "codecs": ["ncr"]}, {"lane": "classical", "codecs": ["jpeg"]})
    engine = router.Router(policy, limits=Limits(memory=needs["jpeg"]))
    encoded = engine.compress(JPEG, receiver="self", quality=60)
    assert encoded.record.codec == "jpeg"
    assert [(r.code, r.codec) for r in encoded.record.reasons if r.codec == "ncr"] == [(ReasonCode.MEMORY_LIMIT, "ncr")]


def test_where_no_codec_fits_a_file_passes_through_or_the_error_says_why() -> None:
    limits = Limits(memory=80 * MEGABYTE)
    classical = {"lane": "classical", "codecs": ["avif", "webp", "jpeg"]}
    kept = router.Router(_policy(classical, {"lane": "passthrough"}), limits=limits).compress(JPEG)
    assert kept.data == JPEG
    with pytest.raises(NoLaneError) as caught:
        router.Router(_policy(classical), limits=limits).compress(JPEG)
    assert {attempt.outcome for attempt in caught.value.attempts} == {ReasonCode.MEMORY_LIMIT}
    assert "memory" in caught.value.hint


def test_a_file_that_is_too_large_to_be_looked_at_is_kept_and_that_is_said() -> None:
    policy = _policy({"lane": "classical", "codecs": ["jpeg"]}, {"lane": "passthrough"})
    encoded = router.Router(policy, limits=Limits(memory=4 * MEGABYTE)).compress(JPEG)
    assert encoded.data == JPEG
    assert {"MEMORY_LIMIT", "NOT_VERIFIED"} <= {r.code for r in encoded.record.reasons}


def test_pixels_that_do_not_fit_are_not_decoded() -> None:
    sample = read(JPEG, limits=Limits(memory=4 * MEGABYTE))
    assert (sample.width, sample.height) == PHOTO.shape[1::-1]
    with pytest.raises(LimitError) as caught:
        _ = sample.pixels
    assert caught.value.code is ReasonCode.MEMORY_LIMIT
    ncr = router.compress(PHOTO[:128, :128].copy(), codec="ncr", settings={"rate": 20_000}, on_guard_fail="release").data
    with pytest.raises(LimitError) as caught:
        router.decompress(ncr, limits=Limits(memory=MEGABYTE))
    assert caught.value.code is ReasonCode.MEMORY_LIMIT


def test_a_lossy_file_never_grows_into_a_lossless_one_for_want_of_memory() -> None:
    limits = Limits(memory=registry.get("png").memory(read(JPEG), {}))
    policy = _policy({"lane": "neural", "codecs": ["ncr"]}, {"lane": "lossless", "codecs": ["png"]})
    encoded = router.Router(policy, limits=limits).compress(JPEG, receiver="self")
    assert encoded.data == JPEG
    assert encoded.record.lane == "passthrough"
    assert {"MEMORY_LIMIT", "NOT_SMALLER_THAN_SOURCE"} <= {r.code for r in encoded.record.reasons}
    with pytest.raises(NoLaneError):  # the metadata choice keeps the file from going out
        router.Router(policy, limits=limits).compress(_with_comment(JPEG), receiver="self", metadata="strip")


def test_nor_for_want_of_time() -> None:
    policy = _policy(
        {"lane": "classical", "codecs": ["avif"]},
        {"lane": "lossless", "codecs": ["png"]},
        budgets={"max_megapixels": {"avif": 0.1}},
    )
    encoded = router.Router(policy).compress(JPEG)
    assert encoded.data == JPEG
    assert {"BUDGET_EXCEEDED", "NOT_SMALLER_THAN_SOURCE"} <= {r.code for r in encoded.record.reasons}


def test_a_lossless_source_still_falls_back_to_lossless() -> None:
    out = io.BytesIO()
    Image.fromarray(PHOTO).save(out, "PNG", compress_level=0)
    limits = Limits(memory=registry.get("png").memory(read(JPEG), {}))
    policy = _policy({"lane": "neural", "codecs": ["ncr"]}, {"lane": "lossless", "codecs": ["png"]})
    encoded = router.Router(policy, limits=limits).compress(out.getvalue(), receiver="self")
    assert encoded.record.codec == "png"
    assert np.array_equal(router.decompress(encoded.data, as_array=True), PHOTO)


def _with_comment(jpeg: bytes) -> bytes:
    return jpeg[:2] + b"\xff\xfe\x00\x07hello" + jpeg[2:]


_RUNS_OUT = """
import io, json, resource, sys
import router
from router.codecs import registry
data = sys.stdin.buffer.read()
policy = json.loads(sys.argv[1])
engine = router.Router(policy, limits=router.Limits(memory=None))
for codec in ("webp", "png"):
    engine.compress(data[:0] + open(sys.argv[2], "rb").read(), codec=codec)  # libraries and tables are there
with open("/proc/self/status") as status:
    size = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmSize"))
resource.setrlimit(resource.RLIMIT_AS, (size + int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    encoded = engine.compress(data)
except router.RouterError as error:
    print(json.dumps([str(error.code), [a.outcome for a in getattr(error, "attempts", ())]]))
else:
    print(json.dumps([encoded.record.lane, [r.code for r in encoded.record.reasons], len(encoded.data) <= len(data)]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on the address space")
def test_memory_that_runs_out_is_a_typed_reason_and_never_a_larger_file(tmp_path: Any) -> None:
    small, large = tmp_path / "small.jpg", _jpeg(picture(2.0, 1, busy=True))
    small.write_bytes(_jpeg(PHOTO[:64, :64]))
    policy = _policy({"lane": "classical", "codecs": ["webp"]}, {"lane": "lossless", "codecs": ["png"]})
    seen = set()
    for room in (3, 18, 45):
        arguments = [sys.executable, "-c", _RUNS_OUT, json.dumps(policy), str(small), str(room * 1_000_000)]
        done = subprocess.run(arguments, input=large, capture_output=True, timeout=300)
        assert done.returncode == 0, done.stderr.decode()
        lane, codes, *smaller = json.loads(done.stdout)
        assert "INTERNAL_ERROR" not in codes
        assert smaller in ([], [True]), (room, lane, codes)
        seen.add(lane)
        if lane not in ("classical", "OUT_OF_MEMORY"):
            assert "OUT_OF_MEMORY" in codes, (room, lane, codes)
    assert "OUT_OF_MEMORY" in seen | set(codes)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        np._core._exceptions._ArrayMemoryError((1 << 40,), np.dtype(np.uint8)),
        RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8"),
        ValueError("Failed to encode image: Out of memory"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_libraries_words_for_it_are_known(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert not is_out_of_memory(ValueError("broken data stream"))


def test_the_default_is_a_share_of_the_machine() -> None:
    memory = machine_memory()
    assert memory is not None
    assert Limits().memory == memory
    assert NO_LIMITS.memory is None
