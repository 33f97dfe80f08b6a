"""What the installed package must do anywhere, without pytest: `python tests/smoke.py SAMPLES` prints a line for each step."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import router

CODECS = ("avif", "webp", "jpeg", "jxl", "png", "webp-lossless", "jxl-lossless")
POLICIES = ("balanced", "web", "archival", "medical", "realtime")


def main(samples: Path) -> None:
    photo = next(samples.glob("photo_cat.*"))
    pixels = router.decompress(photo, as_array=True)
    for codec in CODECS:
        lossless = codec in ("png", "webp-lossless", "jxl-lossless")
        encoded = router.compress(photo, codec=codec, metadata="strip", quality=None if lossless else 60)
        decoded = router.decompress(encoded.data, as_array=True)
        assert decoded.shape == pixels.shape, codec
        print(f"{codec}: {len(encoded.data)} bytes")
    for policy in POLICIES:
        encoded = router.compress(photo, policy=policy, receiver="image/avif,image/webp,*/*")
        assert np.array_equal(np.shape(router.decompress(encoded.data)), np.shape(router.decompress(photo))), policy
        print(f"{policy}: {encoded.record.lane}, {encoded.record.codec}, {len(encoded.data)} bytes")
    with tempfile.TemporaryDirectory() as out:
        command = (sys.executable, "-m", "router")
        Path(out, "there").mkdir()
        Path(out, "back").mkdir()
        subprocess.run([*command, "compress", photo, "-o", f"{out}/there", "--policy", "web"], check=True)
        written = next(Path(out, "there").iterdir())
        subprocess.run([*command, "inspect", written], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([*command, "decompress", written, "-o", f"{out}/back"], check=True)
        assert len(list(Path(out, "back").iterdir())) == 1
    try:
        import torch  # noqa: F401
    except ImportError:
        print("no torch: the neural lane is closed")
    else:
        encoded = router.compress(photo, codec="ncr", quality=60, metadata="strip")
        assert np.shape(router.decompress(encoded.data)) == pixels.shape
        print(f"ncr: {len(encoded.data)} bytes")
    print(f"codec-router {router.__version__} on Python {sys.version.split()[0]}: all right")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
