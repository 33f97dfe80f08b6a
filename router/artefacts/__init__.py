"""What ships as data, by kind and id: arrays in safetensors, settings in JSON, never code. `bundle.json` names all hashes.

A kind's reader lives beside the code that uses it; here is only where things lie.
"""

from pathlib import Path

_HERE = Path(__file__).parent

MODELS = _HERE / "models"
"""Weights of the neural codec, and their licence."""
DETECTORS = _HERE / "detectors"
BACKBONES = _HERE / "backbones"
"""Networks that detectors take features from."""
GUARDS = _HERE / "guards"
"""Calibrations of the guard, one for each model."""
SEARCH_MODELS = _HERE / "priors"
"""What the quality search knows beforehand, one for each model."""
SAVINGS_MODELS = _HERE / "gains"
"""Models of the predicted gain, one for each neural model."""
BUNDLE = _HERE / "bundle.json"
