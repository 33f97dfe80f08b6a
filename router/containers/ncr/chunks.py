"""Chunks of an `.ncr` file: u32 length, 4-letter type, payload, CRC-32 over type and payload, all little-endian.

A capital first letter marks a chunk that a reader must understand.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from router.containers.ncr.layout import MAX_CHUNK, SIGNATURE, damaged, type_name
from router.errors import StreamError
from router.reasons import ReasonCode


def chunk(kind: bytes, payload: bytes) -> bytes:
    """A whole chunk."""
    crc = zlib.crc32(payload, zlib.crc32(kind))
    return b"".join((len(payload).to_bytes(4, "little"), kind, payload, crc.to_bytes(4, "little")))


def _check_signature(head: bytes) -> None:
    if head == SIGNATURE:
        return
    if SIGNATURE.startswith(head):
        raise StreamError("the signature is cut off", code=ReasonCode.TRUNCATED, hint="Fetch the file again")
    if head[1:4] == SIGNATURE[1:4]:
        raise damaged("the signature was altered in transfer (line endings or a 7-bit channel)")
    raise StreamError("not an .ncr file", code=ReasonCode.UNKNOWN_STREAM)


def iter_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """(type, payload) of every chunk up to ENDS, signature, each length and CRC checked first; one payload is held at a time."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    _check_signature(file.read(len(SIGNATURE)))
    position = len(SIGNATURE)
    while position < size:
        if size - position < 8:
            raise StreamError(f"chunk header cut off at byte {position}", code=ReasonCode.TRUNCATED, hint="Fetch the file again")
        head = file.read(8)
        length, kind = int.from_bytes(head[:4], "little"), head[4:]
        if not (kind.isalpha() and kind.isascii()):
            raise damaged(f"{kind!r} at byte {position} is no chunk type")
        if length > MAX_CHUNK:
            raise damaged(f"{type_name(kind)} chunk claims {length} bytes, more than the {MAX_CHUNK} of any chunk")
        end = position + 8 + length
        if end + 4 > size:
            raise StreamError(
                f"{type_name(kind)} chunk at byte {position} is cut off: {end + 4 - size} bytes are missing",
                code=ReasonCode.TRUNCATED,
                hint="Fetch the file again",
                chunk=type_name(kind),
            )
        payload = file.read(length)
        if int.from_bytes(file.read(4), "little") != zlib.crc32(payload, zlib.crc32(kind)):
            raise StreamError(
                f"CRC of the {type_name(kind)} chunk at byte {position} does not match",
                code=ReasonCode.CHECKSUM_MISMATCH,
                hint="The file is damaged: fetch it again",
                chunk=type_name(kind),
            )
        yield kind, payload
        position = end + 4
        if kind == b"ENDS":
            break
    if position < size:
        raise damaged(f"{size - position} bytes after the ENDS chunk")
