"""The model of the predicted gain: fitted and judged. docs/internals/savings.md."""
