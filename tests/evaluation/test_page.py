"""The page as a document: whole in itself, well formed, escaped, and there whatever is missing from the data."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from evaluation.pieces import crop, line, table

from router.detector.detector import DEFAULT_ID
from router.evaluation import report
from router.evaluation.comparison.baselines import baseline_results
from router.evaluation.comparison.bd_rate import bd_rates, by_domain
from router.evaluation.comparison.routing import COLUMNS
from router.evaluation.detection import scores as page_scores
from router.evaluation.detection import separation
from router.evaluation.harm import harm
from router.evaluation.measure.pictures import pictures_in
from router.evaluation.measure.variants import choose
from router.evaluation.page import words
from router.evaluation.page.build import ReportPage, build
from router.evaluation.page.cases import Case, Pane
from router.evaluation.page.sections import strategies
from router.evaluation.page.survival import LEVELS, WAYS, Survival, survival
from router.evaluation.page.tiles import Square
from router.evaluation.summary import harm_over_targets, summary
from router.policy.load import load

TARGETS = (40.0, 70.0)
HOSTILE = "<script>alert(1)</script>\"'&amp;{{ 7 * 7 }}</title>"
ALL_CODECS = {"ncr": line(0.8), "avif444": line(1.0), "jpeg": line(2.0), "png": [(90_000, 100.0, 1.0)]}
PIXEL = "data:image/webp;base64,UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="
_VOID = {"meta", "link", "img", "br", "input", "hr"}


class Document(HTMLParser):
    """What a parser makes of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: Counter[str] = Counter()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.ids.update(value for name, value in attrs if name == "id" and value)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def routed_rows(frame: pd.DataFrame, policy: str, lanes: Mapping[str, str], **values: Any) -> pd.DataFrame:
    """One row an image and target; `lanes`: image to lane."""
    known = {
        "rule": "photograph",
        "first_lane": "neural",
        "family": "ncr",
        "bytes": 9_000.0,
        "seconds": 1.0,
        "oracle_family": "ncr",
    }
    known |= {"oracle_bytes": 8_000.0, "oracle_seconds": 3.0, "fixed_settings": False}
    known |= {"permitted_family": "ncr", "permitted_bytes": 8_500.0, "permitted_seconds": 2.0}
    rows = [
        dict.fromkeys(COLUMNS) | known | {"domain": d, "image": i, "policy": policy, "target": t, "lane": lanes.get(i)} | values
        for (d, i), _ in frame.groupby(["domain", "image"])
        for t in TARGETS
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype(
        dict.fromkeys(("bytes", "seconds", "oracle_bytes", "oracle_seconds", "permitted_bytes", "permitted_seconds"), float)
    )


def made(
    frame: pd.DataFrame,
    routed: pd.DataFrame,
    scores: Sequence[tuple[str, str, float, float]] = (),
    natural: Sequence[str] = report.NATURAL,
    **more: Any,
) -> ReportPage:
    """A page from tables made by hand."""
    frame = frame.assign(width=160, height=100)
    compared, harmful = baseline_results(frame, TARGETS), harm(frame, TARGETS)
    rows = [dict(zip(page_scores.COLUMNS, (*row, "photo-1"), strict=True)) for row in scores]
    told = separation.detections(pd.DataFrame(rows, columns=page_scores.COLUMNS), natural)
    policies = sorted(str(name) for name in routed["policy"].unique())
    results = {
        "run": {"quick": False, "max_side": None, "targets": list(TARGETS), "families": {"jpeg": {"id": "jpeg"}}}
        | {"policies": {name: {"sha256": "00", "policy": {"name": name, "description": HOSTILE}} for name in policies}}
        | {"receiver": "self", "bundle": "b", "versions": {"numpy": "2"}, "python": "3", "machine": "m"}
        | {"images": {str(k): int(v) for k, v in frame.groupby("domain")["image"].nunique().items()}, "points": len(frame)}
        | {"encoded_now": 0, "from_cache": len(frame), "refused": [["d", "a", "webp", "CANNOT_CARRY_MODE"]]}
        | {"failed": [[HOSTILE, HOSTILE, "NOT_AN_IMAGE", HOSTILE]]},
        "targets": summary(compared, routed, harmful),
        "harm": {"version": 1, "over_targets": harm_over_targets(routed, harmful, TARGETS) if len(routed) else {}},
        "bd_rates": by_domain(bd_rates(frame)),
        "detector": separation.summary(told),
    }
    json.dumps(results, allow_nan=False)
    return ReportPage(frame, compared, routed, told, results, **more)


def no_policy() -> pd.DataFrame:
    return pd.DataFrame(columns=COLUMNS).astype({"target": float})


def read(page: ReportPage) -> Document:
    """Built and checked for what holds of every page."""
    document = Document(build(page).decode())
    assert max(document.ids.values()) == 1
    for tag, attributes in document.tags:
        for name in ("href", "src"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)
        for name in ("aria-labelledby",):
            assert attributes.get(name) is None or attributes[name] in document.ids
        assert not any(name.startswith("on") for name in attributes)
        if tag == "a":
            assert str(attributes["href"])[1:] in document.ids
        if tag == "img":
            assert attributes["alt"]
        if tag == "svg" and "aria-hidden" not in attributes:
            assert attributes["role"] == "img"
            assert attributes["aria-label"]
        if tag == "th":
            assert attributes["scope"] in ("row", "col")
        for value in attributes.values():
            assert "nan" not in str(value).lower().replace("alert", "").split(), (tag, attributes)
    assert len(document.of("script")) == 2
    return document


def case(domain: str = "d", image: str = "a") -> Case:
    panes = [Pane(name, "avif444", PIXEL, 1000, 70.0, math.nan) for name in ("source", "neural", "classical")]
    gaps = {"ms_ssim": math.nan, "worst_tile_ms_ssim": 3.0}
    return Case(domain, image, 70.0, [], True, gaps, panes, Square(0, 0, 8, 8), 0, 0, 16, 16)


def test_everything_at_once() -> None:
    frames = [table(ALL_CODECS, image, domain) for domain in ("natural", "d") for image in ("a", "b", "c")]
    frame = pd.concat(frames, ignore_index=True)
    routed = pd.concat([routed_rows(frame, "p", {"a": "neural"}), routed_rows(frame, "q", {"b": "classical"})])
    scores = [(d, i, float(k) + 2 * (d == "d"), 0.5) for d in ("natural", "d") for k, i in enumerate("abc")]
    kept = [Survival(70.0, "d", 0, dict.fromkeys(WAYS, _nothing()), dict.fromkeys(LEVELS, _nothing()))]
    document = read(made(frame, routed, scores, cases=[case()], survival=kept))
    shown = " ".join(document.text)
    assert "At SSIMULACRA2 70 the policy p stores 6 images" in shown
    assert "AUROC" in shown
    assert {option["value"] for option in document.of("option")} >= {"p", "q", "40", "70", "ssimulacra2", "ms_ssim"}
    views = [attributes for attributes in document.of("div") if "data-policy" in attributes]
    assert {(view["data-policy"], view["data-target"]) for view in views} == {(p, t) for p in "pq" for t in ("40", "70")}
    on = {(view["data-policy"], view["data-target"]) for view in views if "on" in str(view["class"]).split()}
    assert on == {("p", "70")}


def _nothing() -> Any:
    from router.evaluation.statistics import IntervalEstimate

    return IntervalEstimate(None, None, None, 0)


@pytest.mark.parametrize("curves", [{"jpeg": line(1.0)}, {"ncr": line(1.0)}, {"png": [(100, 100.0, 1.0)]}, ALL_CODECS])
def test_one_image_with_whatever_was_measured(curves: Mapping[str, Any]) -> None:
    frame = table(curves)
    assert "No policy was evaluated" in " ".join(read(made(frame, no_policy())).text)
    read(made(frame, routed_rows(frame, "p", {"a": "neural"})))


def test_a_single_setting_is_a_curve_too() -> None:
    read(made(table({"jpeg": line(1.0)[4:5], "avif444": line(1.0)[2:3], "ncr": line(1.0)[5:6]}), no_policy()))


def test_nothing_was_measured() -> None:
    empty = made(table({"jpeg": line(1.0)}), no_policy())
    nothing = ReportPage(
        empty.points.iloc[:0],
        empty.baselines.iloc[:0],
        empty.routed,
        empty.detections,
        dict(empty.results) | {"targets": {}},
    )
    assert "No point was measured" in " ".join(read(nothing).text)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none(value: float) -> None:
    frame = pd.concat([table(ALL_CODECS, "a"), table(ALL_CODECS, "b")], ignore_index=True)
    frame.loc[frame.index % 3 == 0, ["ms_ssim", "worst_tile_ms_ssim"]] = value
    frame.loc[frame["image"] == "b", "ssimulacra2"] = np.nan
    routed = routed_rows(frame, "p", {"a": "neural"}, bytes=abs(value), oracle_bytes=np.nan, seconds=np.nan, oracle_seconds=0.0)
    scores = [("natural", "a", value, 0.5), ("d", "b", 1.0, np.nan)]
    read(made(frame, routed.assign(bytes=np.nan), scores, cases=[case()]))


def test_names_are_only_text() -> None:
    frame = pd.concat([table(ALL_CODECS, image, HOSTILE) for image in (HOSTILE, "b")], ignore_index=True)
    routed = routed_rows(frame, HOSTILE, {HOSTILE: "neural"}, rule=HOSTILE, lane="neural")
    scores = [(HOSTILE, HOSTILE, 3.0, 0.01), ("natural", "x", 0.0, 0.5)]
    document = read(made(frame, routed, scores, cases=[case(HOSTILE, HOSTILE)], natural=("natural", HOSTILE[:9])))
    assert document.text.count(HOSTILE) >= 8
    assert not any("49" in text and "alert" in text for text in document.text)


def test_a_name_that_is_no_utf8_is_shown_as_an_escape() -> None:
    page = made(table(ALL_CODECS), no_policy())
    run = dict(page.results["run"]) | {"failed": [["d", b"caf\xe9.png".decode("utf-8", "surrogateescape"), "NOT_AN_IMAGE", ""]]}
    document = read(replace(page, results=dict(page.results) | {"run": run}))
    assert any(r"caf\udce9.png" in text for text in document.text)


def test_from_images_to_a_page(tmp_path: Path) -> None:
    """Real images, codecs, policy and detector; the second page encodes nothing and is the same."""
    crop(tmp_path / "in" / "natural", "photo_cat", 160)
    crop(tmp_path / "in" / "graphic", "map_districts", 96)
    plan = report.EvaluationPlan(pictures_in([tmp_path / "in"]), choose(["avif", "ncr"]), [load("balanced")], (80.0,))
    cache, out = tmp_path / "cache", tmp_path / "out"
    first = report.write_page(report.evaluate(plan, cache), plan, out, cache).read_bytes()
    document = Document(first.decode())
    images = [attributes for attributes in document.of("img") if str(attributes["src"]).startswith("data:image/webp;base64,")]
    assert len(images) % 3 == 0
    assert len(images) >= 3
    assert any(text.startswith(DEFAULT_ID) for text in document.text)
    stored = {path: path.read_bytes() for path in cache.rglob("*.jsonl")}
    again = report.evaluate(plan, cache)
    assert again.results["run"]["encoded_now"] == 0
    report.write_page(again, plan, out, cache)
    assert {path: path.read_bytes() for path in cache.rglob("*.jsonl")} == stored
    for image in images:
        assert str(image["src"]) in (out / "index.html").read_text()


def test_survival_figures(tmp_path: Path) -> None:
    seen = {"avif": {"contrast": 1.0}, "again": {"contrast": 0.7}, "webp": {"contrast": 0.9}, "router": None}
    rows = [
        seen | {"domain": "radiograph", "target": 50.0, "neural": {"contrast": contrast}, "stopped": stopped}
        for contrast, stopped in (
            (0.9, {"full": "", "strict": "marks"}),
            (0.8, {"full": "", "strict": ""}),
            (0.79, {"full": "GUARD_DETAIL_LOST", "strict": "GUARD_DETAIL_LOST"}),
            (0.1, {"full": "", "strict": "marks"}),
        )
    ]
    rows.append(rows[0] | {"avif": {"contrast": 0.2}})  # AVIF does not show it
    (tmp_path / "survival.json").write_text(json.dumps({"quantile": 0.99, "rows": rows}))
    domain, everything = survival(tmp_path / "survival.json")
    assert (domain.domain, everything.domain) == ("radiograph", "all")
    assert domain.structures == 4
    assert domain.kept["neural"].value == 0.5
    assert domain.kept["full"].value == pytest.approx(2 / 3)
    assert domain.kept["strict"].value == 1
    assert domain.kept["webp"].value == 1
    assert domain.kept["again"].value == 0
    assert domain.kept["router"].value is None
    assert domain.lost_found["full"].value == 0.5
    assert domain.lost_found["strict"].value == 1
    frame = table(ALL_CODECS)
    text = " ".join(read(made(frame, no_policy(), survival=[domain, everything])).text)
    assert "66.7\u00a0%" in text
    assert "None measured" in " ".join(read(made(frame, no_policy())).text)


@pytest.mark.parametrize("content", ["", "[]", '{"rows": [{}]}', '{"rows": 1}'])
def test_a_file_that_holds_no_survival_figures(tmp_path: Path, content: str) -> None:
    from router.errors import InputError

    (tmp_path / "survival.json").write_text(content)
    with pytest.raises(InputError):
        survival(tmp_path / "survival.json")
    with pytest.raises(InputError):
        survival(tmp_path / "missing.json")


def test_verdicts_say_what_a_newcomer_asks() -> None:
    frame = pd.concat([table(ALL_CODECS, image) for image in ("a", "b")], ignore_index=True)
    routed = pd.concat(
        [
            routed_rows(frame, "p", {"a": "neural", "b": "classical"}, decide_seconds=0.75),
            routed_rows(frame, "kept", {"a": "lossless", "b": "passthrough"}),
        ]
    )
    found = made(frame, routed).results
    lines = {name: text for one in strategies.verdicts(found) if one["target"] == "70" for name, _, text in one["lines"]}
    assert set(lines) == {"p", "kept", "always-neural, for comparison"}
    assert "than AVIF" in lines["p"]
    assert "of 2 images harmed" in lines["p"]
    assert "33\u00a0% of the time that trying every codec takes" in lines["p"]
    assert "every image kept without loss" in lines["kept"]


def test_deciding_on_whole_files_is_not_held_against_searching_in_crops() -> None:
    frame = table(ALL_CODECS)
    # Deciding takes 4.5 s of the whole file, searching 0.75 s of the crop, the oracle 3 s of it.
    page = made(frame, routed_rows(frame, "p", {"a": "neural"}, seconds=5.25, decide_seconds=4.5))
    whole = " ".join(read(page).text)
    assert "175\u00a0%" in whole
    page.results["run"]["max_side"] = 192
    cropped = " ".join(read(page).text)
    assert "175\u00a0%" not in cropped
    assert "The searches of the router take 25\u00a0% of the oracle's time" in cropped
    assert "takes 4.50 s an image more" in cropped


def test_images_that_always_neural_cannot_do_are_in_its_sentence() -> None:
    found = {"against_avif": 1.166, "out_of_reach": 20, "harm": {"neural_images": 174, "harmed_images": 37}}
    assert words.verdict_of_neural(194, found) == (
        "always-neural, for comparison: 16.6\u00a0% larger than AVIF at the same quality; 37 of 194 images harmed, and 20 of 194 "
        "that it cannot write or bring to this quality, counted as lossless files."
    )
