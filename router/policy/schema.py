"""The shape of a policy: pydantic models that accept nothing they do not know. Meaning is in docs/reference/policy.md."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    Tag,
    model_serializer,
    model_validator,
)

from router.errors import UsageError
from router.policy.consistency import action_problems, aim_problems, lane_problems, policy_problems, raise_first
from router.policy.inputs import CelType, coerce
from router.quality.guard.levels import DEFAULT_QUANTILE, QUANTILES
from router.quality.target import Target

MAX_RULES = 64


def _in_one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("text with control characters or line breaks; in YAML, `>-` folds lines without one at the end")
    return text


CodecId = Annotated[str, Field(pattern=r"^(plugin:)?[a-z0-9][a-z0-9._-]{0,63}$")]
ContextKeyName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
RuleName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
InputName = Annotated[str, Field(pattern=r"^[a-z]+\.[a-z][a-z0-9_]{0,63}$")]
Sentence = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_in_one_line)]
Setting = StrictBool | StrictInt | StrictFloat | Annotated[StrictStr, Field(max_length=64)]
Quality = Annotated[float, Field(ge=0, le=100, description="SSIMULACRA2: 90 visually lossless, 70 high, 50 medium, 30 low")]
Megapixels = Annotated[float, Field(gt=0)]
GuardName = Literal["off", "fast", "full", "strict"]
MetadataMode = Literal["keep", "icc", "strip"]
MetadataLoss = Literal["name", "refuse"]
RecordChoice = Literal["full", "short", "none"]
Metric = Literal["ssimulacra2", "psnr", "ms-ssim", "bpp", "max_bytes"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class TargetSpec(_Model):
    """What the encoder aims at."""

    metric: Metric
    value: float

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        self.parsed()
        return self

    def parsed(self) -> Target:
        """As the encoder takes it. Raises ValueError outside the metric's range."""
        try:
            return Target.parse({"metric": self.metric, "value": self.value})
        except UsageError as error:
            raise ValueError(error.message) from None


class GuardSpec(_Model):
    """How closely the guard looks, and what share of photographs it lets pass."""

    level: GuardName
    quantile: float = Field(
        default=DEFAULT_QUANTILE,
        ge=QUANTILES[0],
        le=QUANTILES[1],
        description="share of ordinary photographs whose worst tile passes; a lower one refuses more",
    )


# By a function: with a plain union, an error would be told for both forms.
Guard = Annotated[
    Annotated[GuardName, Tag("name")] | Annotated[GuardSpec, Tag("spec")],
    Discriminator(lambda value: "spec" if isinstance(value, dict | GuardSpec) else "name"),
]


def guard_spec(guard: GuardName | GuardSpec) -> GuardSpec:
    """The long form of either."""
    return guard if isinstance(guard, GuardSpec) else GuardSpec(level=guard)


class ContextKey(_Model):
    """One `context.<key>`: what the caller may tell this policy."""

    type: Literal["string", "int", "double", "bool"]
    default: StrictBool | StrictInt | StrictFloat | StrictStr
    record: bool = Field(default=False, description="the value may go into decision records")
    description: str = Field(default="", max_length=2000)

    @model_validator(mode="after")
    def _default_has_type(self) -> Self:
        try:
            coerce(self.default, self.type)
        except ValueError as error:
            raise ValueError(f"default: {error}") from None
        return self


class Budgets(_Model):
    """What an encoding may cost."""

    encode_ms: float | None = Field(
        default=None, gt=0, description="wall-clock ms for the whole image, decision included; a prediction where costs are known"
    )
    when_late: Literal["encode", "refuse"] = Field(
        default="encode",
        description="where no codec can make it in encode_ms: the last that can write the image encodes once, or none does",
    )
    max_bytes: int | None = Field(default=None, ge=1, description="largest output, record included; a larger one fails its lane")
    max_search_steps: int | None = Field(default=None, ge=1, le=64, description="encodings that a quality search may try")
    max_megapixels: Megapixels | dict[CodecId, Megapixels] | None = Field(
        default=None, description="largest image in MP, for all codecs of the action or by codec id; larger ones skip the codec"
    )

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without `when_late` where it has its default: the field is younger than policies, whose hashes must stay."""
        data: dict[str, Any] = plain(self)
        if self.when_late == "encode":
            data.pop("when_late", None)
        return data


class LaneSpec(_Model):
    """One lane to try."""

    lane: Literal["neural", "classical", "lossless", "transcode", "passthrough"]
    codecs: tuple[CodecId, ...] = Field(default=(), max_length=16)
    settings: dict[CodecId, dict[str, Setting]] = Field(default_factory=dict, max_length=16)
    choose: Literal["first", "smallest"] = "first"
    must_save: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="neural lane only: share of bytes to save beside the action's first classical codec, which is encoded too",
    )

    @property
    def is_neural(self) -> bool:
        """Whether this is the neural lane."""
        return self.lane == "neural"

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without `must_save` where it is not set: the field is younger than policies, whose hashes must stay."""
        data: dict[str, Any] = plain(self)
        if self.must_save is None:
            data.pop("must_save", None)
        return data

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        raise_first(lane_problems(dict(self)))
        return self


class _Aiming(_Model):
    quality: Quality | None = None
    target: TargetSpec | None = None

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        raise_first(aim_problems(dict(self)))
        return self

    @property
    def aim(self) -> Target | None:
        """The target that is written here, either way; None if there is none."""
        if self.target is not None:
            return self.target.parsed()
        return None if self.quality is None else Target.quality(self.quality)


class Action(_Aiming):
    """What happens to an image: lanes to try in order, and how."""

    lanes: tuple[LaneSpec, ...] = Field(min_length=1, max_length=8)
    fixed_target: bool = Field(default=False, description="the caller's quality or target does not override this one")
    budgets: Budgets = Budgets()
    guard: Guard | None = None
    metadata: MetadataMode | None = None
    record: RecordChoice | None = Field(default=None, description="how much of the decision record travels in the file")
    reason: str = Field(default="", max_length=200)
    why_not: RuleName | None = Field(
        default=None, description="an earlier rule: the reason goes on with the condition that kept it from matching"
    )

    @model_validator(mode="after")
    def _something_fixed(self) -> Self:
        raise_first(action_problems(dict(self)))
        return self

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without `record` and `why_not` where they are not set: they are younger than policies, whose hashes must stay."""
        data: dict[str, Any] = plain(self)
        return {name: value for name, value in data.items() if value is not None or name not in ("record", "why_not")}


class Rule(_Model):
    """`then` happens to the images for which `when` is true and no earlier rule was."""

    name: RuleName
    when: str = Field(min_length=1, description="a CEL expression of type bool")
    then: Action
    description: str = Field(default="", max_length=2000)
    because: dict[InputName, Sentence] = Field(
        default_factory=dict, max_length=32, description="by input: what is said where the part of `when` that reads it is true"
    )
    if_not: dict[InputName, Sentence] = Field(
        default_factory=dict, max_length=32, description="by input: what is said where the part of `when` that reads it is false"
    )

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without words where there are none: the fields are younger than policies, whose hashes must stay."""
        data: dict[str, Any] = plain(self)
        return {name: value for name, value in data.items() if value or name not in ("because", "if_not")}


class Defaults(_Aiming):
    """What holds where an action, or the caller, says nothing."""

    guard: Guard = "full"
    metadata: MetadataMode = "keep"
    metadata_loss: MetadataLoss = Field(
        default="name",
        description="where metadata is kept and a codec would leave some of it behind: the record names it; or it is passed over",
    )
    alpha: float = Field(default=0.05, gt=0, le=0.5, description="`ood.in_distribution` means p_value > alpha")
    record: RecordChoice = Field(default="full", description="how much of the decision record travels in the file")

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave `metadata_loss` and `record` out where they have their defaults.

        They are younger than policies whose hashes must stay.
        """
        data: dict[str, Any] = plain(self)
        if self.metadata_loss == "name":
            data.pop("metadata_loss", None)
        if self.record == "full":
            data.pop("record", None)
        return data


class Policy(_Model):
    """A whole policy."""

    schema_version: Literal[1]
    name: RuleName
    description: str = Field(default="", max_length=2000)
    context: dict[ContextKeyName, ContextKey] = Field(default_factory=dict, max_length=32)
    defaults: Defaults = Defaults()
    rules: tuple[Rule, ...] = Field(default=(), max_length=MAX_RULES)
    otherwise: Action
    on_error: Action | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        rules = [
            {"name": r.name, "because": r.because, "if_not": r.if_not, "then": {"why_not": r.then.why_not}} for r in self.rules
        ]
        on_error = None
        if self.on_error is not None:
            on_error = {"lanes": [{"lane": lane.lane} for lane in self.on_error.lanes], "why_not": self.on_error.why_not}
        context = {key: {"record": declared.record} for key, declared in self.context.items()}
        otherwise = {"why_not": self.otherwise.why_not}
        raise_first(policy_problems({"rules": rules, "context": context, "otherwise": otherwise, "on_error": on_error}))
        return self

    @property
    def error_action(self) -> Action:
        """What happens when a rule errs: `on_error`, else `otherwise` without its neural lanes, else classical codecs."""
        if self.on_error is not None:
            return self.on_error
        lanes = tuple(lane for lane in self.otherwise.lanes if not lane.is_neural)
        return self.otherwise.model_copy(update={"lanes": lanes}) if lanes else _CLASSICAL

    def context_types(self) -> dict[str, CelType]:
        """CEL type of every declared context key."""
        return {key: declared.type for key, declared in self.context.items()}


_CLASSICAL = Action(
    lanes=(
        LaneSpec(lane="classical", codecs=("avif", "webp", "jpeg")),
        LaneSpec(lane="lossless", codecs=("png", "jxl-lossless")),
    )
)

_FIELD_PREFIX = re.compile(r"^(?:Value error, )?([a-z_]+(?:\[\d+\]|\.[a-z_0-9]+)*): ")


def split_field(message: str) -> tuple[str, str]:
    """("codecs", "unknown codec ...") from the message of a validator above; ("", message) where it names no field."""
    found = _FIELD_PREFIX.match(message)
    return (found.group(1), message[found.end() :]) if found else ("", message.removeprefix("Value error, "))


def policy_json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a policy file, for editors. Only `load` checks conditions, and which codec fits which lane."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Policy.model_json_schema()}
