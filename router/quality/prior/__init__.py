"""What is known of a codec's rate-distortion curves before an image is encoded, so that the search needs few encodings."""

from router.quality.prior.artefact import Prior, read
from router.quality.prior.features import features
from router.quality.prior.guide import Guide, unguided
from router.quality.prior.memory import Memory
from router.quality.prior.shipped import prior_for, shipped_prior, usable_prior

__all__ = ["Guide", "Memory", "Prior", "features", "prior_for", "read", "shipped_prior", "unguided", "usable_prior"]
