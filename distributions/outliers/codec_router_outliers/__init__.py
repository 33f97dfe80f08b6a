"""Features of images that are no photographs, for `codec-router fit` (outlier exposure); no pixels, and no code."""
