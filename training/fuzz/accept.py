"""HTTP Accept values."""

from __future__ import annotations

from contextlib import suppress

from router.errors import RouterError
from router.policy.receiver import Receiver
from training.fuzz.target import FuzzTarget


def run(data: bytes) -> None:
    """Read it as a header comes in (Latin-1) and as text; consent is never had without the literal type."""
    for text in (data.decode("latin-1"), data.decode("utf-8", "surrogateescape")):
        with suppress(RouterError):
            receiver = Receiver.parse({"accept": text, "models": ["m"]})
            facts = receiver.facts()
            assert facts["known"] is receiver.known
            if receiver.neural_consent("m"):
                plain = [part.strip().lower() for part in text.split(",")]
                assert any(part.startswith("image/x-ncr") for part in plain), text
                assert not any(part.replace(" ", "") in ("image/x-ncr;q=0", "image/x-ncr;q=0.0") for part in plain), text


TARGET = FuzzTarget(
    run,
    (
        b"image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
        b'image/x-ncr;q=0.5, image/webp;note="a,b;q=0" , */*;q=0',
        b"image/x-ncr\t;q=1;q=0\n",
    ),
    (b"image/x-ncr", b";q=0", b";q=1", b"*/*", b"image/*", b',"', b'\\"', b";x=1", b"\n", b"\t", b", ,"),
    longest=9000,
)
