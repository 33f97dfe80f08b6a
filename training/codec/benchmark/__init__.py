"""Rate-distortion benchmark of the neural codec beside classical codecs: `python -m training.codec.benchmark --data DIR`."""
