"""What an image looks like, as numbers: one class a family of features, behind `base.Embedding`.

A new family is a file here and a line in `load`.
"""

from __future__ import annotations

from router.detector.embeddings.backbone import Backbone
from router.detector.embeddings.base import Embedding
from router.detector.embeddings.codec import PREFIX, CodecFeatures
from router.detector.embeddings.scene import Scene
from router.errors import ArtefactError
from router.reasons import ReasonCode

DEFAULT = (Scene.id, Backbone.id)


def load(name: str, detector: str = "") -> Embedding:
    """The embedding with this id.

    Raises ArtefactError (UNSUPPORTED_VERSION) if this build has none: features that differ make every score meaningless;
    CodecUnavailableError (MISSING_EXTRA) if it needs an extra that is not installed.
    """
    if name == Scene.id:
        return Scene()
    if name == Backbone.id:
        return Backbone.load()
    if name.startswith(PREFIX):
        return CodecFeatures.load(name)
    raise ArtefactError(
        f"detector {detector} was fitted on the embedding {name}, which this build does not compute",
        code=ReasonCode.UNSUPPORTED_VERSION,
        hint="Fit it again with `codec-router fit`, or install the build that it was made with",
    )
