"""Alpha channels that hide nothing: some encoders drop them whatever they are told."""

from __future__ import annotations

from router.images.sample import ImageSample


def without_opaque_alpha(sample: ImageSample) -> ImageSample:
    """The same image as L or RGB if it has an alpha channel that is opaque everywhere, else the sample itself."""
    if not sample.has_alpha or sample.alpha_used:
        return sample
    return sample.replace_pixels(sample.pixels[..., :-1].copy())
