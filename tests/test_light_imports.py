"""Start-up stays light: heavy libraries are imported when they are needed and not before."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from sample_set import Samples

HEAVY = ("torch", "sklearn", "compressai", "scipy", "constriction", "imagecodecs", "tifffile")


def _loaded(code: str) -> list[str]:
    """Heavy modules in sys.modules of a fresh interpreter after `code`."""
    probe = f"import sys, json\n{code}\nprint(json.dumps([m for m in {HEAVY!r} if m in sys.modules]), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    loaded: list[str] = json.loads(done.stderr.strip().splitlines()[-1])
    return loaded


def test_import_router() -> None:
    assert _loaded("import router; router.Limits; router.ReasonCode") == []


def test_help() -> None:
    code = "sys.argv = ['codec-router', '--help']\nfrom router.cli.main import main\ntry: main()\nexcept SystemExit: pass"
    assert _loaded(code) == []


@pytest.mark.parametrize("codec", ["png", "avif", "ncr", "jxl"])
def test_inspect(samples: Samples, tmp_path, codec: str) -> None:  # type: ignore[no-untyped-def]
    import router

    path = router.compress(samples["microscopy_cell"], codec=codec, quality=40, metadata="icc").save(tmp_path / "x")
    code = (
        f"sys.argv = ['codec-router', 'inspect', {str(path)!r}, '--json']\n"
        "from router.cli.main import main\ntry: main()\nexcept SystemExit as e: assert not e.code"
    )
    assert _loaded(code) == []


@pytest.mark.parametrize("policy", ["archival", "medical"])
@pytest.mark.parametrize("name", ["photo_cat", "photo_astronaut", "depth16_phantom", "alpha_logo"])
def test_lossless_policies_decide_without_torch(samples: Samples, policy: str, name: str) -> None:
    code = (
        f"import router\nd = router.decide({str(samples[name])!r}, policy={policy!r}, receiver='self')\nassert d.lane != 'neural'"
    )
    assert _loaded(code) == []


def test_a_policy_that_never_asks_the_detector_needs_no_torch(samples: Samples) -> None:
    code = f"import router\nassert router.decide({str(samples['photo_cat'])!r}, policy='web').lane != 'neural'"
    assert _loaded(code) == []


def test_scoring_needs_no_scikit_learn_nor_compressai(samples: Samples) -> None:
    assert _loaded(f"import router\nrouter.score({str(samples['photo_cat'])!r})") == ["torch"]
