"""One image coded to a target by the product's own search, and kept by content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import router
from router.codecs import registry
from router.errors import CarryError, CodecError
from router.evaluation.measure import fingerprint
from router.evaluation.measure.cache import PointCache, key_of
from router.images.sample import ImageSample, Pixels
from router.quality import search
from router.quality.search_model import usable_search_model
from router.reasons import ReasonCode


@dataclass(frozen=True)
class Coded:
    """`pixels`, (H, W, C), as decoded from the released bytes; their `size`; `score`: SSIMULACRA2."""

    pixels: Pixels
    size: int
    score: float


def coded_to_target(sample: ImageSample, codec_id: str, target: float, cache: Path) -> Coded | None:
    """`sample` by one codec in its default configuration at a SSIMULACRA2 target, whatever the guard says.

    None where the codec cannot write the image or reach the target. What the folder `cache` holds is decoded, not encoded again.
    Raises CodecError, CodecUnavailableError.
    """
    search_model = usable_search_model(sample.width * sample.height)[0]
    depends = (fingerprint.of_codec(registry.get(codec_id)), fingerprint.code(Path(str(search.__file__))))
    key = key_of("to target", target, *depends, fingerprint.of_metrics(), None if search_model is None else search_model.sha256)
    stored = PointCache(cache, sample.pixels_sha256)
    known, data = stored.get(key), stored.encoded(key)
    if not known or (known["score"] is not None and data is None):
        known, data = _coded(sample, codec_id, target)
        if data is not None:
            stored.keep(key, data)
        stored.add(key, known)
    if data is None:
        return None
    assert known["score"] is not None
    return Coded(router.decompress(data, as_array=True).reshape(sample.pixels.shape), len(data), float(known["score"]))


def _coded(sample: ImageSample, codec_id: str, target: float) -> tuple[dict[str, float | None], bytes | None]:
    try:
        encoded = router.compress(sample, codec=codec_id, quality=target, on_guard_fail="release")
    except CarryError:
        return {"score": None}, None
    except CodecError as error:
        if error.code is not ReasonCode.TARGET_UNREACHABLE:
            raise  # or it would stand in the cache as a target that is out of reach
        return {"score": None}, None
    assert encoded.record.target is not None
    return {"score": encoded.record.target.achieved}, encoded.data
