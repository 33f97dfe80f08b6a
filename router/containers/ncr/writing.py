"""Writing `.ncr` files, and replacing the metadata of one."""

from __future__ import annotations

import io
from collections.abc import Mapping

from router.containers.ncr.chunks import chunk, iter_chunks
from router.containers.ncr.layout import ANCILLARY, MAX_CHUNK, MINOR, SIGNATURE, Container, validate
from router.containers.ncr.payloads import BIND, TILE, pack_grid, pack_head, pack_model
from router.containers.ncr.reading import Pieces, Reader
from router.errors import StreamError, UsageError
from router.limits import NO_LIMITS
from router.reasons import ReasonCode


def write(container: Container) -> bytes:
    """The file. Raises UsageError (BAD_ARGUMENT) for a container that a reader would refuse."""
    c = container
    try:
        validate(c)
    except StreamError as error:
        raise UsageError(f"cannot be written: {error.message}", code=ReasonCode.BAD_ARGUMENT) from error
    pieces = Pieces()
    parts = [SIGNATURE]

    def add(kind: bytes, payload: bytes) -> None:
        pieces.add(kind, payload)
        parts.append(chunk(kind, payload))

    add(b"HEAD", pack_head(c.header))
    add(b"MODL", pack_model(c.model))
    add(b"GRID", pack_grid(c.grid))
    parts += _metadata({name: getattr(c, name) for name in ANCILLARY.values()})
    parts += [chunk(u.type, u.payload) for u in c.unknown]
    for i, t in enumerate(c.tiles):
        add(b"TILE", TILE.pack(i, t.checksum) + t.data)
    if c.alpha is not None:
        add(b"ALPH", c.alpha)
    parts.append(chunk(b"bind", BIND.pack(MINOR, pieces.digest()[: BIND.size - 2])))
    parts.append(chunk(b"ENDS", b""))
    return b"".join(parts)


def replace(data: bytes, **changes: bytes | None) -> bytes:
    """`data` with `record`, `icc`, `exif` or `xmp` set (None removes); every other chunk stays byte for byte.

    What was replaced or set stands, with the rest of these four, in front of the first tile. A file of minor 0 stays one: nothing
    here knows that its pieces belong together.

    Raises StreamError as `parse`. Image size limits do not apply: no pixel is touched.
    """
    if unknown := changes.keys() - set(ANCILLARY.values()):
        raise TypeError(f"not an ancillary chunk: {', '.join(sorted(unknown))}")
    if any(payload is not None and len(payload) > MAX_CHUNK for payload in changes.values()):
        raise UsageError("cannot be written: a chunk is too long", code=ReasonCode.BAD_ARGUMENT)
    reader = Reader(NO_LIMITS, keep=False)
    front, at = 0, len(SIGNATURE)
    kept: list[tuple[int, int]] = []
    for kind, payload in iter_chunks(io.BytesIO(data)):
        reader.take(kind, payload)
        start, at = at, at + len(payload) + 12
        if kind in (b"HEAD", b"MODL", b"GRID"):
            front = at
        if kind in ANCILLARY:
            continue
        if kept and kept[-1][1] == start and start != front:
            kept[-1] = kept[-1][0], at
        else:
            kept.append((start, at))
    reader.finish()
    view = memoryview(data)
    before = [view[start:end] for start, end in kept if end <= front]
    after = [view[start:end] for start, end in kept if end > front]
    return b"".join([SIGNATURE, *before, *_metadata({**reader.ancillary, **changes}), *after])


def _metadata(payloads: Mapping[str, bytes | None]) -> list[bytes]:
    """The chunks that hold these, in the order of the format's table."""
    found = ((kind, payloads.get(name)) for kind, name in ANCILLARY.items())
    return [chunk(kind, payload) for kind, payload in found if payload is not None]
