"""Header of a JPEG XL codestream (ISO/IEC 18181-1, annexes C to E), read without a decoder.

The decoder behind the Pillow plugin gives nothing before it has decoded everything, so the size has to be known first.
"""

from __future__ import annotations

from dataclasses import dataclass

from router.errors import StreamError
from router.reasons import ReasonCode

_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_GRAY, _XYB = 1, 2
_D65, _CUSTOM, _SRGB = 1, 2, 1
_SRGB_TRANSFER = 13
_ALPHA, _SPOT, _CFA = 0, 2, 5
_MAX_EXTRA = 16


@dataclass(frozen=True)
class Codestream:
    """What a codestream says of itself.

    Attributes:
        width, height: as stored, before `orientation` (EXIF code) is applied.
        bits: per colour sample; `floating` says whether they are floating point.
        gray: one colour channel.
        extra: types of the extra channels; 0 is alpha.
        premultiplied: the alpha channel is associated.
        alpha_bits: of the alpha channel, 0 without one.
        animated: holds an animation.
        xyb: coded in XYB, hence lossy.
        srgb: the colours are plain sRGB, or gray with its curve.
        cicp: primaries and transfer (H.273 numbers) if they are enumerated.
        modular: coding of the first frame, None where it cannot be told cheaply.
    """

    width: int
    height: int
    orientation: int
    bits: int
    floating: bool
    gray: bool
    extra: tuple[int, ...]
    premultiplied: bool
    alpha_bits: int
    animated: bool
    xyb: bool
    srgb: bool
    cicp: tuple[int, int] | None
    modular: bool | None


@dataclass(frozen=True)
class _Colour:
    gray: bool = False
    srgb: bool = True
    icc: bool = False
    cicp: tuple[int, int] | None = (1, 13)


@dataclass(frozen=True)
class _Extra:
    type: int = _ALPHA
    bits: int = 8
    floating: bool = False
    premultiplied: bool = False


class BitReader:
    """Bits from the least significant one of every byte on (18181-1, B.2). StreamError (TRUNCATED) past the end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")
        self._length = 8 * len(data)
        self.position = 0

    def bits(self, count: int) -> int:
        """Next `count` bits."""
        if self.position + count > self._length:
            raise StreamError("it ends inside its header", code=ReasonCode.TRUNCATED)
        value = self._value >> self.position & ((1 << count) - 1)
        self.position += count
        return value

    def flag(self) -> bool:
        """Next bit."""
        return bool(self.bits(1))

    def u32(self, *choices: tuple[int, int]) -> int:
        """One of four (bits, offset) distributions, chosen by two bits."""
        count, offset = choices[self.bits(2)]
        return offset + self.bits(count)

    def enum(self) -> int:
        """An enumerated value."""
        return self.u32((0, 0), (0, 1), (4, 2), (6, 18))


def read_codestream(data: bytes) -> Codestream:
    """Header of a codestream that starts with FF 0A. Raises StreamError (TRUNCATED, DAMAGED_STREAM)."""
    reader = BitReader(data[2 : 2 + (64 << 10)])
    width, height = _size(reader)
    orientation, animated, preview, extra_fields = 1, False, False, False
    bits, floating, xyb = 8, False, True
    extra: list[_Extra] = []
    colour = _Colour()
    extended = False
    if not reader.flag():  # all_default
        extra_fields = reader.flag()
        if extra_fields:
            orientation = 1 + reader.bits(3)
            if reader.flag():
                _size(reader)  # intrinsic size: how large to show it
            preview = reader.flag()
            if preview:
                _preview(reader)
            animated = reader.flag()
            if animated:
                _animation(reader)
        bits, floating = _bit_depth(reader)
        reader.flag()  # modular_16bit_buffers
        count = reader.u32((0, 0), (0, 1), (4, 2), (12, 1))
        if count > _MAX_EXTRA:
            raise StreamError(f"{count} extra channels", code=ReasonCode.DAMAGED_STREAM)
        extra = [_extra_channel(reader) for _ in range(count)]
        xyb = reader.flag()
        colour = _colour(reader)
        if extra_fields and not reader.flag():
            reader.bits(16 + 16 + 1 + 16)  # tone mapping
        extended = reader.u32((0, 0), (4, 1), (8, 17), (0, 273)) != 0
    simple = not (preview or colour.icc or extended) and _default_transform(reader)
    alpha = next((e for e in extra if e.type == _ALPHA), None)
    return Codestream(
        width,
        height,
        orientation,
        bits,
        floating,
        colour.gray,
        tuple(e.type for e in extra),
        alpha is not None and alpha.premultiplied,
        alpha.bits if alpha is not None else 0,
        animated,
        xyb,
        colour.srgb,
        colour.cicp,
        _modular(reader) if simple else None,
    )


def _size(reader: BitReader) -> tuple[int, int]:
    """SizeHeader: width, height."""
    small = reader.flag()

    def side() -> int:
        return 8 * (1 + reader.bits(5)) if small else reader.u32((9, 1), (13, 1), (18, 1), (30, 1))

    height = side()
    ratio = reader.bits(3)
    if ratio == 0:
        return side(), height
    numerator, denominator = _RATIOS[ratio]
    return height * numerator // denominator, height


def _preview(reader: BitReader) -> None:
    choices = ((0, 16), (0, 32), (5, 1), (9, 33)) if reader.flag() else ((6, 1), (8, 65), (10, 321), (12, 1345))
    reader.u32(*choices)
    if reader.bits(3) == 0:
        reader.u32(*choices)


def _animation(reader: BitReader) -> None:
    reader.u32((0, 100), (0, 1000), (10, 1), (30, 1))
    reader.u32((0, 1), (0, 1001), (8, 1), (10, 1))
    reader.u32((0, 0), (3, 0), (16, 0), (32, 0))
    reader.flag()


def _bit_depth(reader: BitReader) -> tuple[int, bool]:
    if reader.flag():
        bits = reader.u32((0, 32), (0, 16), (0, 24), (6, 1))
        reader.bits(4)
        return bits, True
    return reader.u32((0, 8), (0, 10), (0, 12), (6, 1)), False


def _extra_channel(reader: BitReader) -> _Extra:
    if reader.flag():
        return _Extra()
    kind = reader.enum()
    bits, floating = _bit_depth(reader)
    reader.u32((0, 0), (0, 3), (0, 4), (3, 1))  # dim_shift
    reader.bits(8 * reader.u32((0, 0), (4, 0), (5, 16), (10, 48)))  # name
    premultiplied = reader.flag() if kind == _ALPHA else False
    if kind == _SPOT:
        reader.bits(4 * 16)
    elif kind == _CFA:
        reader.u32((0, 1), (2, 0), (4, 3), (8, 19))
    return _Extra(kind, bits, floating, premultiplied)


def _colour(reader: BitReader) -> _Colour:
    if reader.flag():
        return _Colour()
    icc = reader.flag()
    space = reader.enum()
    gray = space == _GRAY
    if icc:
        return _Colour(gray, srgb=False, icc=True, cicp=None)
    white, primaries, transfer = _D65, _SRGB, _SRGB_TRANSFER
    if space != _XYB:
        white = reader.enum()
        if white == _CUSTOM:
            _xy(reader)
        if not gray:
            primaries = reader.enum()
            if primaries == _CUSTOM:
                for _ in range(3):
                    _xy(reader)
        if reader.flag():
            reader.bits(24)  # a pure power function
            transfer = 0
        else:
            transfer = reader.enum()
    reader.enum()  # rendering intent
    srgb = space <= _GRAY and (white, primaries, transfer) == (_D65, _SRGB, _SRGB_TRANSFER)
    return _Colour(gray, srgb, cicp=(primaries, transfer))


def _xy(reader: BitReader) -> None:
    for _ in range(2):
        reader.u32((19, 0), (19, 1 << 19), (20, 1 << 20), (21, 1 << 21))


def _default_transform(reader: BitReader) -> bool:
    """Whether the upsampling and opsin data that follow are the default ones."""
    return reader.flag()


def _modular(reader: BitReader) -> bool:
    """Encoding bit of the first frame header, which starts at the next byte."""
    reader.position = -(-reader.position // 8) * 8
    if reader.flag():
        return False
    reader.bits(2)  # frame type
    return reader.flag()
