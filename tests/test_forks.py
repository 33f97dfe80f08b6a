"""Worker processes: fork after anything, also while other threads compress; forkserver and spawn; what goes there as a pickle."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from router import Router
from router.codecs import registry
from router.detector.detector import Detector
from router.errors import UsageError
from router.limits import Limits
from router.policy.load import load, shipped_names
from router.process.forks import Lock
from router.sinks import JsonLines

PROGRAM = """
import hashlib, json, multiprocessing as mp, sys, threading
import numpy as np

a = np.add.outer(np.arange(96), np.arange(80))[..., None] * np.array([2, 1, 3]) % 256
PICTURE = a.astype(np.uint8)


def work(router):
    e = router.compress(PICTURE, codec="ncr", settings={"rate": 30000}, on_guard_fail="release")
    score = router.score(PICTURE).ood_score
    return hashlib.sha256(e.data).hexdigest(), score


def inherited(_):
    return work(ROUTER)


if __name__ == "__main__":
    import torch

    torch.set_num_threads(2)
    from router import Router
    from router.limits import Limits
    from router.sinks import JsonLines

    log = sys.argv[1]
    ROUTER = Router("balanced", detector="photo-3", log=JsonLines(log), limits=Limits(max_pixels=10**6))
    torch.ones(300, 300) @ torch.ones(300, 300)  # the caller's own threads
    found = {"parent": [work(ROUTER)]}
    with mp.get_context("fork").Pool(2) as pool:
        found["fork"] = pool.map_async(inherited, range(2)).get(200)
    for way in ("forkserver", "spawn"):
        with mp.get_context(way).Pool(1) as pool:
            found[way] = pool.map_async(work, [ROUTER]).get(200)

    # Every fork happens while two other threads compress, at another moment.
    going = True

    def keep_busy():
        while going:
            work(ROUTER)

    others = [threading.Thread(target=keep_busy) for _ in range(2)]
    for other in others:
        other.start()
    found["threads"] = []
    for _ in range(3):
        with mp.get_context("fork").Pool(1) as pool:
            found["threads"] += pool.map_async(inherited, [0]).get(200)
    going = False
    for other in others:
        other.join()
    print(json.dumps(found))
"""


@pytest.mark.slow
def test_children_work_and_write_the_same(tmp_path: Path) -> None:
    """The parent has used the neural lane, the detector and torch itself with two threads."""
    program, log = tmp_path / "program.py", tmp_path / "log.jsonl"
    program.write_text(PROGRAM)
    done = subprocess.run([sys.executable, program, log], capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert {way: len(results) for way, results in found.items()} == {
        "parent": 1,
        "fork": 2,
        "forkserver": 1,
        "spawn": 1,
        "threads": 3,
    }
    assert {tuple(result) for results in found.values() for result in results} == {tuple(found["parent"][0])}
    assert len(log.read_text().splitlines()) >= 8


def test_a_lock_that_another_thread_holds_is_free_in_a_child() -> None:
    lock, held, done = Lock(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            done.wait(30)

    other = threading.Thread(target=hold)
    other.start()
    held.wait()
    child = os.fork()
    if child == 0:
        with lock:
            os._exit(7)
    _, status = os.waitpid(child, 0)
    done.set()
    other.join()
    assert os.waitstatus_to_exitcode(status) == 7


def test_routers_are_pickled_as_they_were_made(tmp_path: Path) -> None:
    picture = np.add.outer(np.arange(40), np.arange(50)).astype(np.uint8)
    log = tmp_path / "log.jsonl"
    router = Router("web", detector="photo-3", log=JsonLines(log), limits=Limits(max_side=60))
    expected = router.compress(picture)
    copy = pickle.loads(pickle.dumps(router))
    assert copy.compress(picture).data == expected.data
    assert copy.limits == router.limits
    assert copy.policy.sha256 == router.policy.sha256
    assert len(log.read_text().splitlines()) == 2
    assert pickle.loads(pickle.dumps(expected)) == expected
    with pytest.raises(UsageError, match="cannot be pickled"):
        pickle.dumps(Router(log=lambda record: None))


def test_parts_are_pickled() -> None:
    for name in shipped_names():
        policy = load(name)
        copy = pickle.loads(pickle.dumps(policy))
        assert (copy.policy, copy.sha256, copy.groups) == (policy.policy, policy.sha256, policy.groups)
    for codec_id in registry.ids():
        codec = registry.get(codec_id)
        assert pickle.loads(pickle.dumps(codec)).get_config() == codec.get_config()
    picture = np.add.outer(np.arange(150), np.arange(130)).astype(np.uint8)
    detector = Detector.load()
    data = pickle.dumps(detector)
    router = Router(detector=pickle.loads(data))
    assert router.score(picture) == Router(detector=detector).score(picture)
