"""From photographs to a bundle: `python -m training.pipeline --config FILE --data DIR`; see training/README.md."""
