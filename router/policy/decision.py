"""What the policy decided and why. Plain immutable values; `Decision.to_dict()` is JSON-able."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from router.artefacts.bundle import Used
from router.codecs.base import Lane
from router.errors import ArtefactError
from router.quality.target import MAX_STEPS, Target
from router.reasons import ReasonCode
from router.record import RecordForm

if TYPE_CHECKING:
    from router.quality.guard import GuardLevel

MetadataChoice = Literal["keep", "icc", "strip"]
"""What of the metadata goes into the output: all, the colour profile only, nothing."""
FORCED_RULE = "forced by the caller"
"""In place of a rule's name, where the caller named the codec."""


@dataclass(frozen=True)
class Reason:
    """One step of the reasoning: a stable code, free text, and the lane or codec that it is about."""

    code: ReasonCode
    detail: str = ""
    lane: str | None = None
    codec: str | None = None

    @classmethod
    def done_without(cls, error: ArtefactError) -> Reason:
        """An artefact could not be used, and the image is treated as if it were not there."""
        named = error.message.partition(": ")[0]  # what follows may be a library's words
        return cls(error.code, f"{named}; done without it")

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; empty fields left out."""
        pairs = {"code": str(self.code), "detail": self.detail, "lane": self.lane, "codec": self.codec}
        return {key: None if value is None else str(value) for key, value in pairs.items() if value}


@dataclass(frozen=True)
class RuleTrace:
    """What became of one rule.

    Attributes:
        rule: its name.
        outcome: "matched", "not matched", "error", or "not reached" (an earlier rule matched or erred).
        condition: the expression as written.
        inputs: values of the inputs that were looked at to tell; those that could not change the result were not.
        error: what went wrong, for outcome "error".
        failed: for outcome "not matched", the first false condition with its value: "image.megapixels is 12.2, needs <= 12".
        words: the policy's own words for it, "" where it has none; for outcome "matched", those for what made it true.
    """

    rule: str
    outcome: Literal["matched", "not matched", "error", "not reached"]
    condition: str
    inputs: Mapping[str, Any]
    error: str = ""
    failed: str = ""
    words: str = ""

    @property
    def detail(self) -> str:
        """The values, and the error if any, in one line."""
        text = ", ".join(f"{name} = {_show(value)}" for name, value in self.inputs.items())
        return "; ".join(part for part in (text, self.error) if part)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "rule": self.rule,
            "outcome": self.outcome,
            "condition": self.condition,
            "inputs": dict(self.inputs),
            "detail": self.detail,
            **({"failed": self.failed} if self.failed else {}),
            **({"words": self.words} if self.words else {}),
        }


@dataclass(frozen=True)
class EncodingBudgets:
    """What an encoding may cost; None where nothing is set. For whoever encodes: pixel budgets are applied already.

    Attributes:
        encode_ms: wall-clock time in ms for the whole image, decision included.
        when_late: what happens where no codec can make it in that time: "encode" once all the same, or "refuse".
        max_bytes: largest output; a larger one fails its lane.
        max_search_steps: encodings that a quality search may try.
    """

    encode_ms: float | None = None
    max_bytes: int | None = None
    max_search_steps: int | None = None
    when_late: Literal["encode", "refuse"] = "encode"

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; what is not set is left out, and so is `when_late` as it is by default."""
        return {name: value for name, value in vars(self).items() if value not in (None, "encode")}


@dataclass(frozen=True)
class LanePlan:
    """One lane to try.

    Attributes:
        lane: a `Lane` value.
        codecs: registered codec ids in order of preference; empty for passthrough.
        settings: fixed encoder settings by codec id.
        choose: "first" codec that succeeds, or the "smallest" output of all that do.
        must_save: in [0, 1), share of bytes that a neural result must save beside the first classical codec of the plan, which is
            encoded too; None where it need not.
    """

    lane: str
    codecs: tuple[str, ...]
    settings: Mapping[str, Mapping[str, Any]]
    choose: Literal["first", "smallest"] = "first"
    must_save: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; `must_save` is left out where nothing is asked."""
        data: dict[str, Any] = {
            "lane": str(self.lane),
            "codecs": list(self.codecs),
            "settings": {codec: dict(values) for codec, values in self.settings.items()},
            "choose": self.choose,
        }
        return data if self.must_save is None else data | {"must_save": self.must_save}


@dataclass(frozen=True)
class Decision:
    """The lanes to try, in order, and the evidence.

    Attributes:
        policy, policy_sha256: name and content hash of the policy; "" where the caller named the codec.
        rule: name of the rule that matched, "otherwise", "on_error" or `FORCED_RULE`.
        lanes: at least one.
        target: what the encoder aims at.
        guard: a `GuardLevel` value: "off", "fast", "full" or "strict".
        guard_quantile: share of photographs that the guard lets pass.
        metadata: "keep", "icc" or "strip".
        record: how much of the decision record travels in the file: "full", "short" or "none".
        metadata_loss: "name" or "refuse": what happens where a codec would leave some of the metadata behind.
        budgets: what the encoding may cost.
        reasons: why this action, then why codecs were removed from it.
        trace: every rule in order.
        inputs: by group, then by name: every input that was computed. Context values that may not be recorded are left out.
        context_recorded: the context values that may go into a record.
        artefacts: what had a part in the inputs: detector, gain model.

    In a notebook it shows the lanes in order, why, and what each rule saw.
    """

    policy: str
    policy_sha256: str
    rule: str
    lanes: tuple[LanePlan, ...]
    target: Target
    guard: Literal["off", "fast", "full", "strict"]
    guard_quantile: float
    metadata: MetadataChoice
    budgets: EncodingBudgets
    reasons: tuple[Reason, ...]
    trace: tuple[RuleTrace, ...]
    inputs: Mapping[str, Mapping[str, Any]]
    context_recorded: Mapping[str, Any]
    metadata_loss: Literal["name", "refuse"] = "name"
    record: RecordForm = "full"
    artefacts: tuple[Used, ...] = ()

    @property
    def lane(self) -> str:
        """The first candidate's lane."""
        return self.lanes[0].lane

    @property
    def codec(self) -> str | None:
        """The first candidate's codec id; None for passthrough. Where `choose` is "smallest", one of several."""
        return self.lanes[0].codecs[0] if self.lanes[0].codecs else None

    @property
    def forced(self) -> bool:
        """Whether the caller named the codec: then nothing takes its place when it fails."""
        return self.rule == FORCED_RULE

    @property
    def level(self) -> GuardLevel:
        """What the guard looks at."""
        from router.quality.guard import GuardLevel

        return GuardLevel(self.guard)

    @property
    def loses_nothing(self) -> bool:
        """Whether a codec that would leave some of the metadata behind is passed over."""
        return self.metadata == "keep" and self.metadata_loss == "refuse"

    @property
    def max_steps(self) -> int:
        """Encodings that a quality search may try."""
        return self.budgets.max_search_steps or MAX_STEPS

    def compares(self, lane: LanePlan) -> bool:
        """Whether a result of this lane is held against a classical one before it may go."""
        return lane.lane == Lane.NEURAL and (lane.must_save is not None or self.guard == "strict")

    @property
    def baselines(self) -> Iterator[tuple[LanePlan, str]]:
        """Classical codecs with their lanes, in order: the first that can write the image is the one to compare with."""
        return ((lane, codec_id) for lane in self.lanes if lane.lane == Lane.CLASSICAL for codec_id in lane.codecs)

    def __repr__(self) -> str:
        lanes = ", ".join("/".join((str(plan.lane), *plan.codecs)) for plan in self.lanes)
        aim = f"{self.target.metric} {self.target.value:g}"
        return f"Decision(policy={self.policy!r}, rule={self.rule!r}, lanes=[{lanes}], target={aim!r}, guard={self.guard!r})"

    def _repr_html_(self) -> str:
        from router.display import decision, fragment

        return fragment.html_of(decision.html, self)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, in a fixed order."""
        return {
            "policy": self.policy,
            "policy_sha256": self.policy_sha256,
            "rule": self.rule,
            "lane": str(self.lane),
            "codec": self.codec,
            "lanes": [plan.to_dict() for plan in self.lanes],
            "target": {"metric": self.target.metric, "value": self.target.value},
            "guard": self.guard,
            "guard_quantile": self.guard_quantile,
            "metadata": self.metadata,
            "metadata_loss": self.metadata_loss,
            "record": self.record,
            "budgets": self.budgets.to_dict(),
            "reasons": [reason.to_dict() for reason in self.reasons],
            "trace": [trace.to_dict() for trace in self.trace],
            "inputs": {group: dict(values) for group, values in self.inputs.items()},
            "context": dict(self.context_recorded),
        }


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
