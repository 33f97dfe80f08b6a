"""What a policy says of codecs, held against what the codecs say of themselves: their lane, and the settings that they take."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from router.codecs import registry
from router.codecs.base import Codec
from router.codecs.options import checked
from router.errors import CodecUnavailableError, UsageError
from router.policy.builtin import codec_name
from router.policy.consistency import LANES, Found
from router.policy.problems import FieldPath, ProblemCode

_DECLARES_NONE = "The codec declares no settings (`Codec.options`): policies can set its quality knob only"


def codec_problems(lane: Mapping[str, Any]) -> Iterator[Found]:
    """For every codec in a lane that is not its own, and every setting that a codec does not take, of one lane's plain data.

    A codec that is not installed here, or does not load, cannot be asked: it is left out when an image is decided.
    """
    kind, codecs, settings = lane.get("lane"), lane.get("codecs", ()), lane.get("settings", {})
    for number, written in enumerate(codecs if isinstance(codecs, list | tuple) else ()):
        codec = installed(written)
        if codec is not None and kind in LANES and codec.lane != kind and kind != "passthrough":
            message = f"{written} belongs to the {codec.lane} lane, not to {kind}"
            yield (
                ("codecs", number),
                ProblemCode.WRONG_LANE,
                message,
                f"Write it in a lane of its own: {{lane: {codec.lane}, ...}}",
            )
    for written, values in settings.items() if isinstance(settings, Mapping) else ():
        codec = installed(written)
        if codec is not None and isinstance(values, Mapping):
            yield from _settings_problems(("settings", written), codec, values)


def installed(written: Any) -> type[Codec] | None:
    """The codec of an id as a policy writes it, None if there is none here."""
    if not isinstance(written, str):
        return None
    try:
        return registry.get_class(codec_name(written))
    except CodecUnavailableError:
        return None


def _settings_problems(path: FieldPath, codec: type[Codec], settings: Mapping[str, Any]) -> Iterator[Found]:
    accepted = codec.accepted()
    for name, value in settings.items():
        try:
            checked(codec.codec_id, accepted, {name: value})
        except UsageError as error:
            if name in accepted:
                yield (*path, name), ProblemCode.BAD_SETTING, error.message, error.hint
                continue
            close = difflib.get_close_matches(name.lower()[:64], accepted, n=1)
            guess = f"Did you mean {close[0]}? " if close else ""
            hint = _DECLARES_NONE if codec.options is None else guess + error.hint
            yield (*path, name), ProblemCode.UNKNOWN_SETTING, error.message, hint
