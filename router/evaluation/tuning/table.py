"""A report's tables as arrays: per image and target, what each lane would give, whatever the thresholds are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from router.codecs.base import Lane
from router.errors import InputError, UsageError
from router.evaluation import harm as harms
from router.evaluation.comparison.matched import AVIF
from router.evaluation.comparison.oracle import family_of
from router.evaluation.measure.guarded import NEVER
from router.evaluation.measure.variants import LOSSLESS, NEURAL
from router.policy.compiled import CompiledPolicy
from router.policy.decision import LanePlan
from router.reasons import ReasonCode
from router.routing.winner import saves_too_little, winner

if TYPE_CHECKING:
    import pandas as pd

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]
Order = tuple[str, ...]
"""Classical codec ids, in order of preference."""
MOST_ORDERED = 4
"""Codecs of which every order is tried; further ones stay last."""

_KEYS = ["domain", "image", "target"]


@dataclass(frozen=True, eq=False)
class Table:
    """Rows are images at targets; the rows of one image have one number in `image`.

    Attributes:
        domain: (R,) names; image: (R,) int; images: how many there are; targets: SSIMULACRA2, rising.
        asked: (R,) the policy sends it to the neural lane if the detector knows it (and it is expected to gain).
        p_value, gain: (R,), NaN where not known.
        quantile: (R,) the smallest guard quantile at which the neural result passes; `inf` where none does, or it does not
            reach the target.
        harmed: (R,) whether the neural result is harmful, see `harm`.
        neural: (R,) bytes if the neural lane succeeds.
        failed, closed: order -> (R,) bytes if the neural lane fails, and if it is not tried.
        saves: order -> (R,) whether, where it is not taken unmeasured, the policy tries it beside a classical codec (`must_save`)
            and it saves what it must.
        base, base_neural: (R,) bytes under the policy as it stands, and whether its neural lane succeeds.
        avif: (R,) bytes of always-AVIF. Sizes are NaN where nothing could be written.
    """

    domain: NDArray[np.str_]
    image: NDArray[np.int64]
    images: int
    targets: tuple[float, ...]
    asked: Flags
    p_value: Values
    gain: Values
    quantile: Values
    harmed: Flags
    neural: Values
    failed: Mapping[Order, Values]
    closed: Mapping[Order, Values]
    saves: Mapping[Order, Flags]
    base: Values
    base_neural: Flags
    avif: Values

    @property
    def domains(self) -> tuple[str, ...]:
        """Names, sorted."""
        return tuple(sorted({str(name) for name in self.domain}))

    def rows(self, chosen: Flags) -> Table:
        """These rows alone; an image is to be chosen with all its rows or not at all."""
        numbers, image = np.unique(self.image[chosen], return_inverse=True)
        parts: dict[str, Any] = {name: getattr(self, name)[chosen] for name in _COLUMNS}
        orders: dict[str, Any] = {n: {o: v[chosen] for o, v in getattr(self, n).items()} for n in ("failed", "closed", "saves")}
        return replace(self, image=image.astype(np.int64), images=len(numbers), **parts, **orders)

    def per_image(self, rows: Flags) -> int:
        """Images with at least one of these rows."""
        found = np.zeros(self.images, bool)
        found[self.image[rows]] = True
        return int(found.sum())


_COLUMNS = ("domain", "asked", "p_value", "gain", "quantile", "harmed", "neural", "base", "base_neural", "avif")


def read(folders: Sequence[Path], base: CompiledPolicy, targets: Sequence[float] | None = None) -> Table:
    """The tables of reports that `codec-router evaluate --policy BASE` wrote.

    `targets`: these only, all by default.

    Raises InputError (NOT_FOUND, UNREADABLE) for a folder that is no such report; UsageError (BAD_ARGUMENT) for one that was
    made with another policy, other targets, another definition of harm or an older build, for an image that is in two, and for
    a policy whose neural lane does not depend on the detector.
    """
    parts = [_read(folder, base) for folder in folders]
    first = parts[0][2]
    if any(results["run"]["targets"] != first["run"]["targets"] for _, _, results in parts):
        raise _unfit("the reports have different targets", "Evaluate all of them with the same --targets")
    import pandas as pd

    routed = pd.concat([part[0] for part in parts], ignore_index=True)
    matched = pd.concat([part[1] for part in parts], ignore_index=True)
    if targets is not None:
        if missing := sorted(set(targets) - set(routed["target"])):
            raise _unfit(f"target {missing[0]:g} is not in the report", "Evaluate again with it among --targets")
        routed = routed[routed["target"].isin(list(targets))]
    if routed.duplicated(_KEYS).any():
        twice = routed[routed.duplicated(_KEYS)].iloc[0]
        raise _unfit(f"{twice['domain']}/{twice['image']} is in two reports", "An image counts once")
    return _table(routed.sort_values(_KEYS, ignore_index=True), matched)


def _read(folder: Path, base: CompiledPolicy) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    import pandas as pd

    try:
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        policies, version = results["run"]["policies"], results["harm"]["version"]
        routed, matched = pd.read_parquet(folder / "routed.parquet"), pd.read_parquet(folder / "matched.parquet")
        harm = pd.read_csv(folder / "harm.csv", dtype={"domain": str, "image": str})
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} holds no report: {Path(error.filename or '').name} is missing",
            code=ReasonCode.NOT_FOUND,
            hint="Give the folder that `codec-router evaluate -o` wrote",
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"the report in {folder} cannot be read: {error}", code=ReasonCode.UNREADABLE) from error
    if policies.get(base.name, {}).get("sha256") != base.sha256:
        raise _unfit(
            f"the report in {folder} was not made with this version of the policy {base.name}",
            "Evaluate again with --policy; what was measured is not measured again",
        )
    if version != harms.VERSION:
        raise _unfit(f"the report in {folder} has harm version {version}, not {harms.VERSION}", "Evaluate again")
    if not {"lanes_open", "lanes_closed", "guard_quantile"} <= set(routed.columns):
        raise _unfit(f"the report in {folder} lacks what tuning needs", "Evaluate again with this version of codec-router")
    routed = routed[routed["policy"] == base.name].merge(harm[[*_KEYS, "harmed"]], on=_KEYS, how="left")
    return routed, matched, results


def _table(routed: pd.DataFrame, matched: pd.DataFrame) -> Table:
    sizes = matched.assign(bytes=matched["bytes"].where(matched["guard_passed"] | (matched["family"] == NEURAL)))
    by_family = sizes.pivot(index=_KEYS, columns="family", values="bytes")
    lossless = by_family.reindex(columns=list(LOSSLESS)).min(axis=1)
    rows = list(routed[_KEYS].itertuples(index=False, name=None))
    written = [by_family.loc[key].dropna().to_dict() for key in rows]
    least = np.array([lossless.loc[key] for key in rows], float)
    opened, closed = ([json.loads(text) for text in routed[name]] for name in ("lanes_open", "lanes_closed"))
    if any(_lanes(lanes[1:], Lane.NEURAL) for lanes in (*opened, *closed)) or any(_unchecked(lanes) for lanes in closed):
        raise _unfit(
            "the policy has a neural lane that is not the first, or is taken unmeasured whatever the detector says",
            "Tune a policy whose neural lane comes first in a rule that asks ood.in_distribution",
        )
    sources = routed["source_bytes"].to_numpy(float)
    families = {codec: family_of(codec) for lanes in (*opened, *closed) for lane in lanes for codec in lane[2]}
    quantile = routed["guard_quantile"].to_numpy(float)
    reached = np.array([NEURAL in found for found in written])
    images = routed[["domain", "image"]].apply(tuple, axis=1)

    def walk(plans: Sequence[Any], order: Order, *, neural: bool) -> Values:
        found = [
            _first(lanes, order, known, source, families, neural=neural)
            for lanes, known, source in zip(plans, written, sources, strict=True)
        ]
        return np.where(np.isnan(found), least, found)

    def saves(order: Order) -> Flags:
        found = [_saves(lanes, order, known, families) for lanes, known in zip(closed, written, strict=True)]
        return np.array(found, bool)

    orders = orders_of([*opened, *closed])
    base, avif = routed["bytes"].to_numpy(float), _column(by_family, AVIF, rows)
    return Table(
        domain=routed["domain"].to_numpy(str),
        image=np.unique(images.astype(str), return_inverse=True)[1].astype(np.int64),
        images=int(images.nunique()),
        targets=tuple(sorted(float(t) for t in routed["target"].unique())),
        asked=np.array([bool(lanes) and lanes[0][0] == Lane.NEURAL for lanes in opened], bool),
        p_value=routed["p_value"].to_numpy(float),
        gain=routed["gain"].to_numpy(float),
        quantile=np.where(reached & (quantile < NEVER), quantile, np.inf),
        harmed=routed["harmed"].fillna(False).astype(bool).to_numpy(),
        neural=walk(opened, orders[0], neural=True),
        failed={order: walk(opened, order, neural=False) for order in orders},
        closed={order: walk(closed, order, neural=False) for order in orders},
        saves={order: saves(order) for order in orders},
        base=np.where(np.isnan(base), least, base),
        base_neural=(routed["lane"] == Lane.NEURAL.value).to_numpy(),
        avif=np.where(np.isnan(avif), least, avif),
    )


def _column(table: pd.DataFrame, name: str, rows: Sequence[Any]) -> Values:
    return np.array([table.loc[key].get(name, np.nan) for key in rows], float)


def orders_of(plans: Sequence[Any]) -> tuple[Order, ...]:
    """Every order of the classical codecs that these plans try one after the other, the plans' own first.

    `plans`: lists of [lane, choose, codecs, must_save].
    """
    lists = [codecs for lanes in plans for lane, choose, codecs, _ in lanes if lane == Lane.CLASSICAL and choose == "first"]
    known = tuple(dict.fromkeys(codec for codecs in sorted(lists, key=len, reverse=True) for codec in codecs))
    head, tail = known[:MOST_ORDERED], known[MOST_ORDERED:]
    return tuple((*order, *tail) for order in permutations(head))


def in_order(codecs: Sequence[str], order: Order) -> list[str]:
    """The same codecs as `order` ranks them; one that it does not know stays behind the others."""
    return sorted(codecs, key=lambda codec: order.index(codec) if codec in order else len(order))


def _first(
    lanes: Sequence[Any],
    order: Order,
    written: Mapping[str, float],
    source: float,
    families: Mapping[str, str | None],
    *,
    neural: bool,
) -> float:
    """Bytes of what wins; NaN if nothing does. `neural`: whether neural lanes are tried."""
    won = winner(
        [_plan(lane, order) for lane in lanes if neural or lane[0] != Lane.NEURAL],
        lambda lane, codec: written.get(families[codec] or ""),
        float,
        source_goes=bool(source),
    )
    return float("nan") if won is None else source if won.result is None else won.result


def _plan(lane: Sequence[Any], order: Order) -> LanePlan:
    which, choose, codecs, must_save = lane
    ranked = in_order(codecs, order) if which == Lane.CLASSICAL and choose == "first" else codecs
    return LanePlan(which, tuple(ranked), {}, choose, must_save)


def _saves(lanes: Sequence[Any], order: Order, written: Mapping[str, float], families: Mapping[str, str | None]) -> bool:
    """Whether a plan's neural lane saves what it must beside the first classical codec."""
    if not lanes or lanes[0][0] != Lane.NEURAL or NEURAL not in written:
        return False
    baseline = _first(_lanes(lanes, Lane.CLASSICAL), order, written, 0.0, families, neural=False)
    return bool(np.isnan(baseline)) or not saves_too_little(_plan(lanes[0], order), written[NEURAL], baseline)


def _lanes(lanes: Sequence[Any], which: Lane) -> list[Any]:
    return [lane for lane in lanes if lane[0] == which]


def _unchecked(lanes: Sequence[Any]) -> bool:
    return any(lane[3] is None for lane in _lanes(lanes, Lane.NEURAL))


def _unfit(message: str, hint: str) -> UsageError:
    return UsageError(message, code=ReasonCode.BAD_ARGUMENT, hint=hint)
