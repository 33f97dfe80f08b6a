"""The decision where the caller names the codec, and what of a policy's decision a caller may choose otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from router.codecs import registry
from router.policy.decision import FORCED_RULE, Decision, EncodingBudgets, LanePlan, MetadataChoice, Reason
from router.quality.guard import DEFAULT_QUANTILE
from router.quality.target import Target
from router.reasons import ReasonCode
from router.record import RecordForm


def forced_decision(codec_id: str, target: Target, settings: Mapping[str, Any] | None) -> Decision:
    """One codec, no fallback. Raises CodecUnavailableError (UNKNOWN_CODEC)."""
    lane = registry.get(codec_id).lane.value
    return Decision(
        policy="",
        policy_sha256="",
        rule=FORCED_RULE,
        lanes=(LanePlan(lane, (codec_id,), {codec_id: dict(settings or {})}),),
        target=target,
        guard="full",
        guard_quantile=DEFAULT_QUANTILE,
        metadata="keep",
        budgets=EncodingBudgets(),
        reasons=(Reason(ReasonCode.FORCED_CODEC, lane=lane, codec=codec_id),),
        trace=(),
        inputs={},
        context_recorded={},
    )


def with_choices(decision: Decision, metadata: MetadataChoice | None, record: RecordForm | None) -> Decision:
    """The decision with what the caller chose of metadata and record; a stripped file tells nothing, of the policy neither."""
    kept = metadata or decision.metadata
    return replace(decision, metadata=kept, record=record or ("none" if kept == "strip" else decision.record))
