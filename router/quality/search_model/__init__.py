"""What is known of a codec's rate-distortion curves before an image is encoded, so that the search needs few encodings."""

from router.quality.search_model.artefact import Prior, read
from router.quality.search_model.features import features
from router.quality.search_model.guide import Guide, unguided
from router.quality.search_model.search_state import Memory
from router.quality.search_model.shipped import prior_for, shipped_prior, usable_prior

__all__ = ["Guide", "Memory", "Prior", "features", "prior_for", "read", "shipped_prior", "unguided", "usable_prior"]
