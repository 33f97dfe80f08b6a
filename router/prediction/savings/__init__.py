"""Predicted gain: the share of bytes that the neural codec will save, before anything is encoded. docs/internals/savings.md."""
