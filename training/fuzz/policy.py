"""Policy files, from bytes to a decision."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from router.errors import RouterError
from router.policy.compiled import compile_policy, validate
from router.policy.engine import decide
from router.policy.inputs import inputs_of, unavailable
from router.policy.lint import warnings
from router.policy.load import policy_file, shipped_names
from router.policy.receiver import Receiver
from router.policy.yaml_source import parse_policy_bytes
from training.fuzz.target import FuzzTarget

_EXAMPLES = {"bool": True, "int": 8, "double": 0.5, "string": "png", "list<string>": []}


def _resolve(group: str) -> Mapping[str, Any]:
    if group in ("ood", "gain", "cost"):
        return unavailable(group)
    return {entry.name: _EXAMPLES[entry.type] for entry in inputs_of(group)}


def run(data: bytes) -> None:
    """Load it, or find all that is wrong; decide by it without consent: the neural lane must stay closed."""
    with suppress(RouterError):
        source = parse_policy_bytes(data, "policy.yaml")
        policy = compile_policy(validate(source), source)
        warnings(policy, source)
        decision = decide(policy, _resolve, Receiver.parse("image/jpeg, image/png"))
        assert all(lane.lane != "neural" for lane in decision.lanes)
        decision.to_dict()


def _seeds() -> tuple[bytes, ...]:
    return tuple(Path(policy_file(name)).read_bytes() for name in shipped_names())


_SMALL = b"""schema_version: 1
name: small
context: {years: {type: int, default: 3, record: true}}
defaults: {quality: 70, guard: {level: full, quantile: 0.9}, alpha: 0.05}
rules:
  - name: first
    when: image.width > 10 && context.years > 2
    then:
      budgets: {max_megapixels: {avif: 8.0}, encode_ms: 100}
      lanes: [{lane: classical, codecs: [avif, webp], settings: {avif: {speed: 7}}, choose: smallest}]
otherwise: {lanes: [{lane: lossless, codecs: [png]}, {lane: passthrough}]}
"""
TARGET = FuzzTarget(
    run,
    (_SMALL, _SMALL, _SMALL, *_seeds()),
    (
        b"1e999",
        b"&a ",
        b"*a",
        b"!!python/object:os.system",
        b"[" * 30,
        b"{" * 30,
        b"- ",
        b"? ",
        b": ",
        b"|\n",
        b">-\n",
        b"---\n",
        b"\t",
        b"lane: neural",
        b"codecs: [ncr]",
        b"plugin:x",
        b"settings: {avif: {speeed: 3}}",
        b"quality: 80",
        b"target: {metric: psnr}",
        b"'",
        b'"\\ud800"',
        b"\xef\xbb\xbf",
        b"\x85",
        b"\xe2\x80\xa8",
        b"<<: ",
        b"when: 'true'",
        b"on_error: ",
        b"null",
        b"~",
        b".inf",
    ),
    longest=140_000,
)
