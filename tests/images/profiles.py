"""ICC profiles in every state: sound, sound but hard on some readers, and unusable."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from image_builders import SRGB_PRIMARIES, icc

GAMMA_18 = icc(SRGB_PRIMARIES, 1.8)
GRAY_18 = icc(None, 1.8)
GAMMA = b"curv\0\0\0\0\0\0\0\x01\x01\xcd\0\0"


def tags_of(profile: bytes) -> dict[bytes, bytes]:
    found = {}
    for k in range(struct.unpack_from(">I", profile, 128)[0]):
        name, start, size = struct.unpack_from(">4sII", profile, 132 + 12 * k)
        found[name] = profile[start : start + size]
    return found


def rebuilt(profile: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    table, body = struct.pack(">I", len(tags)), b""
    start = 132 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    return struct.pack(">I", start + len(body)) + profile[4:128] + table + body


def having(**tags: bytes) -> bytes:
    """GAMMA_18 with these tags."""
    return rebuilt(GAMMA_18, tags_of(GAMMA_18) | {name.encode(): content for name, content in tags.items()})


def lacking(profile: bytes, *names: bytes) -> bytes:
    return rebuilt(profile, {name: content for name, content in tags_of(profile).items() if name not in names})


def patched(at: int, content: bytes, profile: bytes = GAMMA_18) -> bytes:
    return profile[:at] + content + profile[at + len(content) :]


def parametric(kind: int, *values: float) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + b"".join(struct.pack(">i", round(v * 65536)) for v in values)


def curves(content: bytes) -> bytes:
    return having(rTRC=content, gTRC=content, bTRC=content)


def table(kind: bytes = b"mft1", grid: int = 2) -> bytes:
    """A lookup table RGB to L*a*b* of two points an axis: darker, and less colourful, than sRGB."""
    corners = bytes(
        v for r in (0, 1) for g in (0, 1) for b in (0, 1) for v in (60 * (r + g + b), 128 + 20 * (r - g), 128 + 20 * (g - b))
    )
    ramp = bytes(range(256)) * 3
    matrix = struct.pack(">9i", *(65536 * (k % 4 == 0) for k in range(9)))
    return kind + bytes(4) + bytes((3, 3, grid, 0)) + matrix + ramp + corners + ramp


LUT = patched(16, b"RGB Lab ", rebuilt(GAMMA_18, {b"desc": tags_of(GAMMA_18)[b"desc"], b"A2B0": table()}))

SOUND = {
    "gamma": GAMMA_18,
    "linear": icc(SRGB_PRIMARIES, 1.0),
    "table": LUT,
    "curve of two": curves(b"curv\0\0\0\0\0\0\0\x02\0\0\xff\xff"),
    "parametric": curves(parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)),
    "scanner": patched(12, b"scnr"),
    "bytes behind": GAMMA_18 + b"behind",
    "no description": lacking(GAMMA_18, b"desc", b"cprt", b"wtpt"),
}
HARD = {
    "identity": curves(b"curv\0\0\0\0\0\0\0\0"),
    "offset curve": curves(parametric(1, 2.2, 0.9, 0.1)),
    "raised curve": curves(parametric(2, 2.2, 0.9, 0.05, 0.05)),
    "version 1": patched(8, b"\1"),
    "illuminant of zeros": patched(68, bytes(12)),
    "cut description": having(desc=b"desc\0\0\0\0\0\0\1\0hi"),
    "texts outside": having(desc=b"mluc\0\0\0\0" + struct.pack(">IIHHII", 1, 12, 0, 0, 900, 900)),
    "bad adaptation": having(chad=b"junk" * 11),
    "bad way back": having(B2A0=b"junk" * 15),
    "bad saturation table": having(A2B2=b"junk" * 15),
    "bad technology": having(tech=b"junk"),
    "short tag": having(junk=b"xx"),
}
"""Their colours are clear, but some browser cannot parse them."""
UNUSABLE = {
    "empty": b"",
    "text": b"not a profile " * 20,
    "gray": GRAY_18,
    "CMYK": patched(16, b"CMYK"),
    "L*a*b*": patched(16, b"Lab "),
    "cut": GAMMA_18[:-40],
    "header only": GAMMA_18[:128],
    "no signature": patched(36, b"\0\0\0\0"),
    "too many tags": patched(128, b"\0\0\xff\xff"),
    "tag outside": patched(132 + 4, b"\0\0\xff\xff"),
    "tag wraps around": patched(132 + 4, b"\xff\xff\xff\xff"),
    "version 5": patched(8, b"\5"),
    "device link": patched(12, b"link"),
    "abstract": patched(12, b"abst"),
    "named colours": patched(12, b"nmcl"),
    "unknown class": patched(12, b"what"),
    "connection space": patched(20, b"Luv "),
    "no curve": lacking(GAMMA_18, b"gTRC"),
    "no colorant": lacking(GAMMA_18, b"bXYZ"),
    "no way": lacking(GAMMA_18, b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"),
    "curve of another type": curves(b"text\0\0\0\0" + bytes(8)),
    "curve too long": curves(b"curv\0\0\0\0\xff\xff\xff\xff"),
    "curve cut": curves(b"curv\0\0\0\0\0\0\0\x09\0\0"),
    "unknown function": curves(parametric(9, 2.2, 1, 0, 0, 0, 0, 0)),
    "colorant of another type": having(rXYZ=b"text" + bytes(16)),
    "colorants of zeros": having(**dict.fromkeys(("rXYZ", "gXYZ", "bXYZ"), b"XYZ " + bytes(16))),
    "bad table": having(A2B0=b"junk" * 15),
    "table cut": rebuilt(LUT, tags_of(LUT) | {b"A2B0": table()[:-30]}),
    "table of one point": rebuilt(LUT, tags_of(LUT) | {b"A2B0": table(grid=1)}),
}
"""With an RGB picture."""
