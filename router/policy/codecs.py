"""What a policy says of codecs, held against what the codecs say of themselves: their lane, and the settings that they take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from router.codecs import registry
from router.codecs.base import Codec
from router.codecs.options import checked
from router.errors import CodecUnavailableError, UsageError
from router.policy.builtin import codec_name
from router.policy.schema import Action, Policy
from router.policy.yaml_source import FieldPath

_DECLARES_NONE = "The codec declares no settings (`Codec.options`): policies can set its quality knob only"


def codec_problems(policy: Policy) -> Iterator[tuple[FieldPath, str, str]]:
    """(field, problem, hint) for every codec in a lane that is not its own, and every setting that a codec does not take.

    A codec that is not installed here, or does not load, cannot be asked: it is left out when an image is decided.
    """
    for path, action in _actions(policy):
        for index, lane in enumerate(action.lanes):
            at: FieldPath = (*path, "lanes", index)
            for number, written in enumerate(lane.codecs):
                codec = _installed(codec_name(written))
                if codec is not None and codec.lane != lane.lane:
                    problem = f"{written} belongs to the {codec.lane} lane, not to {lane.lane}"
                    yield (*at, "codecs", number), problem, ""
            for written, settings in lane.settings.items():
                codec = _installed(codec_name(written))
                if codec is not None:
                    yield from _settings_problems((*at, "settings", written), codec, settings)


def _settings_problems(path: FieldPath, codec: type[Codec], settings: dict[str, Any]) -> Iterator[tuple[FieldPath, str, str]]:
    accepted = codec.accepted()
    for name, value in settings.items():
        try:
            checked(codec.codec_id, accepted, {name: value})
        except UsageError as error:
            undeclared = codec.options is None and name not in accepted
            yield (*path, name), error.message, _DECLARES_NONE if undeclared else error.hint


def _actions(policy: Policy) -> Iterator[tuple[FieldPath, Action]]:
    for index, rule in enumerate(policy.rules):
        yield ("rules", index, "then"), rule.then
    yield ("otherwise",), policy.otherwise
    if policy.on_error is not None:
        yield ("on_error",), policy.on_error


def _installed(codec_id: str) -> type[Codec] | None:
    try:
        return registry.get_class(codec_id)
    except CodecUnavailableError:
        return None
