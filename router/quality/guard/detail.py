"""Detail kept and detail added: a band-pass pyramid of source and decoded image, compared place by place.

The filter is a difference of Gaussians (Marr and Hildreth 1980; Lowe 2004 for blobs): at octave k it answers most to spots and
lines of about 3 * 2^k px. A loss is judged against what hides it: the usual response of its surroundings (masking), its own
strength, and the usual error of its surroundings, so that one missing spot stands out where all else is well kept.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from router.quality.guard.planes import TILE, Plane, block_maxima, block_means

OCTAVES = 4
_AROUND = (4, 4, 2, 2)
"""By octave: side of the blocks that are the surroundings, in px of the octave; the median of 5 x 5 of them counts, which neither
a spot nor a line within them moves."""
_FLOOR, _MASKING, _ERROR = 0.5, 0.5, 1.5
_OWN = (0.5, 0.3, 0.2, 0.2)
"""Weights of what hides a loss, by octave for the root of its strength; chosen on planted damage (docs/internals/guard.md)."""
_CONTRAST, _CONTRAST_FLOOR = 3.0, 1.5
"""A local detail is where the response is this many times the usual one around it, and this many 8-bit steps more."""
_BLOCK = 8
_ADDED_FLOOR, _ADDED_MASKING = 0.5, 0.5


def band(plane: Plane) -> Plane:
    """The band-pass response."""
    import cv2

    return np.asarray(cv2.GaussianBlur(plane, (5, 5), 0.8) - cv2.GaussianBlur(plane, (9, 9), 1.6), np.float32)


def octaves(source: Plane, decoded: Plane, count: int) -> Iterator[tuple[Plane, Plane]]:
    """`source` and `decoded` at full size, half, a quarter and so on."""
    import cv2

    for octave in range(count):
        if octave:
            source, decoded = np.asarray(cv2.pyrDown(source), np.float32), np.asarray(cv2.pyrDown(decoded), np.float32)
        yield source, decoded


def lost(source: Plane, decoded: Plane, octave: int) -> tuple[Plane, Plane, Plane]:
    """The detail that is lost, per tile, from the band-pass responses of source and decoded image at one octave.

    Returns three planes with one value a tile: the worst loss where the source has a response, divided by what hides it;
    the sum over local details on quieter ground of the shares of their response that are lost, in [-1, 1]; and the area of
    these details in px of the octave.
    """
    import cv2

    strength = np.abs(source)
    loss = source - decoded
    size = (source.shape[1], source.shape[0])
    usual = surroundings(strength, octave)
    details = stands_out(strength, usual)
    around = np.sqrt(usual)
    around *= _MASKING
    around += _ERROR * surroundings(np.abs(loss), octave)
    around += _FLOOR
    hidden = np.asarray(cv2.resize(around, size, interpolation=cv2.INTER_NEAREST), np.float32)
    np.multiply(loss, np.copysign(np.float32(1), source), out=loss)
    shares = np.asarray(loss / np.maximum(strength, np.float32(_CONTRAST_FLOOR)), np.float32)
    np.clip(shares, -1, 1, out=shares)
    shares *= details
    np.sqrt(strength, out=strength)
    strength *= _OWN[octave]
    hidden += strength
    loss /= hidden
    area = np.float32((TILE >> octave) ** 2)
    sums = block_means(shares, TILE >> octave) * area, block_means(details, TILE >> octave) * area
    return block_maxima(loss, TILE >> octave), *sums


def added(source: Plane, decoded: Plane, octave: int) -> Plane:
    """Per tile, the most response in an 8 px block beyond what the source has there and in the blocks around it."""
    import cv2

    there = np.sqrt(np.asarray(cv2.dilate(block_means(source * source, _BLOCK), np.ones((3, 3), np.uint8)), np.float32))
    excess = np.sqrt(block_means(decoded * decoded, _BLOCK)) - there
    hidden = _ADDED_FLOOR + _ADDED_MASKING * there
    return block_maxima(np.asarray(excess / hidden, np.float32), TILE // _BLOCK >> octave)


def stands_out(strength: Plane, usual: Plane) -> Plane:
    """1 where a local detail stands on quieter ground, else 0; `usual`: `surroundings` of `strength`."""
    import cv2

    size = (strength.shape[1], strength.shape[0])
    ground = np.asarray(cv2.resize(_CONTRAST * usual + _CONTRAST_FLOOR, size, interpolation=cv2.INTER_NEAREST), np.float32)
    return (strength > ground).astype(np.float32)


def surroundings(plane: Plane, octave: int) -> Plane:
    """What is usual around every block."""
    import cv2

    return np.asarray(cv2.medianBlur(block_means(plane, _AROUND[octave]), 5), np.float32)
