"""Benchmark of the out-of-distribution detector beside its rivals: `python -m training.detector.benchmark --help`."""
