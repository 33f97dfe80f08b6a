"""Names of the files in a run's folder."""

STATE = "state.safetensors"
STABLE = "stable.safetensors"
"""The state before the decay, from which a longer run goes on: it takes a new schedule better."""
CURVE = "curve.csv"
SETTINGS = "settings.json"
"""The configuration as it was run."""
