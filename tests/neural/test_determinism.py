"""What one machine wrote, another reads: the most different ways to run the codec here, each in a process of its own."""

from __future__ import annotations

import numpy as np
import pytest
from sample_set import Samples

from router.codecs.neural.codec import NeuralCodec
from router.images.read import read
from training.codec.determinism.__main__ import table
from training.codec.determinism.configurations import CAPABILITIES, DecodingConfiguration, best_capability, possible
from training.codec.determinism.matrix import EXACT_TO_ITSELF, Matrix, measure

ASKED = (
    DecodingConfiguration(threads=1, capability="avx512", onednn=True, batch=1, blas="SkylakeX"),
    DecodingConfiguration(threads=1, capability="default", onednn=False, batch=1, blas="Nehalem"),
    DecodingConfiguration(threads=2, capability="avx2", onednn=True, batch=4, blas="Haswell"),
)
WAYS = [possible(way) for way in ASKED]


@pytest.fixture(scope="module")
def matrix(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    pixels = np.ascontiguousarray(read(samples["photo_cat"]).pixels[:256, :256])
    return measure({"cat": pixels}, [20_000, 60_000], NeuralCodec().model, WAYS, WAYS, tmp_path_factory.mktemp("ways"), ["exact"])


@pytest.mark.slow
def test_every_way_runs_as_told_or_as_far_as_the_processor_goes(matrix: Matrix) -> None:
    for asked, told, encoder, decoder in zip(ASKED, WAYS, matrix.encoders, matrix.decoders, strict=True):
        assert told.capability == min(asked.capability, best_capability(), key=CAPABILITIES.index)
        assert encoder.facts == decoder.facts
        for fact in ("threads", "capability", "onednn"):
            assert decoder.facts[fact] == getattr(told, fact)
    assert len({str(decoder.facts) for decoder in matrix.decoders}) == len(WAYS)


def test_every_decoder_reads_the_latents_that_every_encoder_wrote(matrix: Matrix) -> None:
    for encoder in matrix.encoders:
        for decoder in matrix.decoders:
            assert matrix.latents(encoder, decoder) == (8, 8), table(matrix)  # two rates, four tiles
    assert matrix.latents_agree()


def test_pixels_are_those_of_the_reference_but_for_a_rounding(matrix: Matrix) -> None:
    for decoder in matrix.decoders:
        pixels = decoder.pixels["fp32"]
        assert pixels.samples == len(decoder.latents) * 256 * 256 * 3
        assert pixels.within_one >= 0.999 * pixels.samples
        assert pixels.largest <= 2


def test_exact_pixels_are_equal_everywhere(matrix: Matrix) -> None:
    found = [decoder.pixels[EXACT_TO_ITSELF] for decoder in matrix.decoders if decoder.configuration.batch == 1]
    assert len(found) == 2
    for pixels in found:
        assert pixels.samples == pixels.equal == 2 * 256 * 256 * 3
