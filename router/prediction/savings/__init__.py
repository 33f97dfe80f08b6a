"""Predicted gain: what share of the bytes the neural codec will save on an image, before anything is encoded. docs/GAIN.md."""
