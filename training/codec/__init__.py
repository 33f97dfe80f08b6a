"""Training of the neural codec: `python -m training.codec.train --data DIR`."""
