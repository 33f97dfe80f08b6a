"""Rate-distortion points: encoding, decoding, scoring, keeping and fingerprinting, for evaluation, training and search alike.

`point` says what is kept of one encoding, `coding` makes it, `scoring` has the metrics, `cache` and `fingerprint` decide what
need not be measured again, `sweep` chooses settings, `image` and `folder` do this for images and folders.
"""
