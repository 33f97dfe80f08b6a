"""Plan: what is left to do once the policy, or the caller, has decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from router.codecs import registry
from router.codecs.base import Lane
from router.policy.decision import Decision, LanePlan, Reason
from router.quality.guard import DEFAULT_QUANTILE, GuardLevel
from router.quality.search import MAX_STEPS
from router.quality.target import Target
from router.reasons import ReasonCode
from router.record import RecordForm
from router.routing.metadata_choice import MetadataChoice

FORCED_RULE = "forced by the caller"


@dataclass(frozen=True)
class Plan:
    """Lanes in order, and the bounds they work within.

    Attributes:
        accepts: whether the receiver takes a media type; asked for passthrough, whose type is the source's.
        quantile: share of photographs that the guard lets pass.
        record: how much of the decision record travels in the file.
        keep_all: a codec that would leave some of the metadata behind is passed over.
        encode_ms: wall time for the whole image, decision included; None for no bound.
        when_late: "encode": where nothing can be written in that time, the last codec that can write the image encodes once all
            the same. "refuse": it does not.
        decision: the policy's decision; None when the caller forced a codec.
    """

    lanes: tuple[LanePlan, ...]
    target: Target
    level: GuardLevel
    metadata: MetadataChoice
    accepts: Callable[[str], bool]
    quantile: float = DEFAULT_QUANTILE
    record: RecordForm = "full"
    keep_all: bool = False
    max_steps: int = MAX_STEPS
    encode_ms: float | None = None
    when_late: Literal["encode", "refuse"] = "encode"
    max_bytes: int | None = None
    decision: Decision | None = None
    reasons: tuple[Reason, ...] = field(default=())

    @property
    def forced(self) -> bool:
        """Whether the caller chose the codec."""
        return self.decision is None

    def compares(self, lane: LanePlan) -> bool:
        """Whether a result of this lane is held against a classical one before it may go."""
        return lane.lane == Lane.NEURAL and (lane.must_save is not None or self.level is GuardLevel.STRICT)

    @property
    def rivals(self) -> Iterator[tuple[LanePlan, str]]:
        """Classical codecs with their lanes, in order: the first that can write the image is the one to compare with."""
        return ((lane, codec_id) for lane in self.lanes if lane.lane == Lane.CLASSICAL for codec_id in lane.codecs)


def forced_plan(
    codec_id: str,
    target: Target,
    settings: Mapping[str, Any] | None,
    metadata: MetadataChoice | None,
    record: RecordForm | None = None,
) -> Plan:
    """One codec, no fallback. Raises CodecUnavailableError (UNKNOWN_CODEC)."""
    codec = registry.get(codec_id)
    lane = LanePlan(lane=codec.lane.value, codecs=(codec_id,), settings={codec_id: dict(settings or {})}, choose="first")
    return Plan(
        lanes=(lane,),
        target=target,
        level=GuardLevel.FULL,
        metadata=metadata or "keep",
        record=record or ("none" if metadata == "strip" else "full"),
        accepts=lambda media_type: True,
        reasons=(Reason(ReasonCode.FORCED_CODEC, lane=codec.lane.value, codec=codec_id),),
    )


def policy_plan(
    decision: Decision, accepts: Callable[[str], bool], metadata: MetadataChoice | None, record: RecordForm | None = None
) -> Plan:
    """The plan of a policy's decision; the caller's choices about metadata and record win over the policy's."""
    budgets, choice = decision.budgets, metadata or decision.metadata
    return Plan(
        lanes=decision.lanes,
        target=decision.target,
        level=GuardLevel(decision.guard),
        quantile=decision.guard_quantile,
        metadata=choice,
        record=record or ("none" if choice == "strip" else decision.record),
        keep_all=choice == "keep" and decision.metadata_loss == "refuse",
        accepts=accepts,
        max_steps=budgets.max_search_steps or MAX_STEPS,
        encode_ms=budgets.encode_ms,
        when_late=budgets.when_late,
        max_bytes=budgets.max_bytes,
        decision=decision,
        reasons=decision.reasons,
    )
