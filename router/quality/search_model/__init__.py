"""What is known of a codec's rate-distortion curves before an image is encoded, so that the search needs few encodings."""

from router.quality.search_model.artefact import SearchModel, read
from router.quality.search_model.features import features
from router.quality.search_model.predictor import CurvePredictor, generic_predictor
from router.quality.search_model.search_state import SearchState
from router.quality.search_model.shipped import search_model_for, shipped_search_model, usable_search_model

__all__ = [
    "CurvePredictor",
    "SearchModel",
    "SearchState",
    "features",
    "generic_predictor",
    "read",
    "search_model_for",
    "shipped_search_model",
    "usable_search_model",
]
