"""How the pixels of a neural file are computed. The latents are the same integers in every case."""

from __future__ import annotations

from enum import StrEnum

from router.errors import UsageError
from router.reasons import ReasonCode


class Decoding(StrEnum):
    """Arithmetic of the synthesis transform. A light synthesis has one alone, its integers, and these make no difference."""

    FP32 = "fp32"
    """The reference, which the guard sees: machines agree within 1 of 255 almost everywhere, and never differ by more than 2."""
    BF16 = "bf16"
    """Half the time where the processor has bf16; one rounding of a pixel near white alone is worth +-0.5."""
    EXACT = "exact"
    """Integers: the same pixels on every machine, for several times the time. Within 1 of the reference."""

    @classmethod
    def parse(cls, name: str) -> Decoding:
        """The decoding of that name. Raises UsageError (BAD_ARGUMENT)."""
        try:
            return cls(name)
        except ValueError:
            raise UsageError(
                f"there is no decoding {name!r}", code=ReasonCode.BAD_ARGUMENT, hint=f"Choose from {', '.join(cls)}"
            ) from None
