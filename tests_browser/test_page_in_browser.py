"""The page of a report, used as people use it: pointer, keyboard, phone, paper, and without scripts."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import HOSTILE, Open
from playwright.sync_api import Page, expect

SECTIONS = ("summary", "rivals", "domains", "routing", "curves", "detector", "cases", "survival", "run")


def test_all_sections_and_names_as_text(opened: Open) -> None:
    page = opened().page
    for section in SECTIONS:
        expect(page.locator(f"#{section}")).to_be_visible()
        expect(page.locator(f"nav a[href='#{section}']")).to_have_count(1)
    assert page.locator("img").evaluate_all(
        "found => found.every((image) => image.src.startsWith('data:') && image.naturalWidth)"
    )
    expect(page.locator("#domains .on tbody").get_by_text(HOSTILE)).to_be_visible()
    assert page.locator("table thead th, table tbody th").evaluate_all("found => found.every((cell) => cell.scope)")


def test_policy_and_target_are_chosen(opened: Open) -> None:
    page = opened().page
    expect(page.locator("#target")).to_have_value("75")
    for policy in ("web", "archival", "balanced"):
        for target in ("50", "85", "75"):
            page.locator("#policy").select_option(policy)
            page.locator("#target").select_option(target)
            expect(page.locator("#summary .sentence:visible")).to_have_count(1)
            verdicts = page.locator("#summary .verdicts:visible")
            expect(verdicts).to_have_count(1)
            names = verdicts.locator("li b").all_inner_texts()
            assert names == ["balanced", "web", "archival", "always-neural, for comparison"]
            expect(page.locator("#summary .sentence:visible")).to_contain_text(f"At SSIMULACRA2 {target} the policy {policy}")
            for section in ("rivals", "domains", "routing"):
                expect(page.locator(f"#{section} .view:visible")).to_have_count(1)
            expect(page.locator("tr.chosen")).to_have_count(1)
            expect(page.locator("tr.chosen th")).to_have_text(policy)


def test_regret_by_rule_follows_the_choice(opened: Open) -> None:
    page = opened().page
    causes = page.locator("#domains table:visible", has_text="Rule")
    for policy, rule in (("balanced", "photograph"), ("archival", "otherwise")):
        page.locator("#policy").select_option(policy)
        expect(causes).to_have_count(1)
        expect(causes.locator("tbody tr").first).to_contain_text("all rules4")
        expect(causes.get_by_role("rowheader", name=rule)).to_be_visible()


def test_all_rivals_are_shown_with_their_seconds(opened: Open) -> None:
    rows = opened().page.locator("#rivals .on table").first.locator("tbody tr")
    names = ["router, balanced", "oracle within the rule", "oracle of balanced", "always-jpeg", "always-avif", "always-jxl"]
    assert rows.locator("th").all_inner_texts() == [*names, "always-neural", "complexity-rule"]
    assert all(text.endswith("%") for text in rows.locator("td:last-child").all_inner_texts())


def test_metric(opened: Open) -> None:
    page = opened().page
    expect(page.locator("#curves figure:visible")).to_have_count(4)  # all and three domains
    page.locator("#metric").select_option("ms_ssim")
    expect(page.locator("#curves .view:visible")).to_have_attribute("data-metric", "ms_ssim")
    expect(page.locator("#curves figure:visible")).to_have_count(4)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_theme(opened: Open, scheme: str) -> None:
    page = opened(color_scheme=scheme).page
    paper = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(paper)
    button = page.locator("#theme")
    expect(button).to_have_attribute("aria-pressed", "true" if scheme == "dark" else "false")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "false" if scheme == "dark" else "true")
    assert page.evaluate(paper) != before
    page.reload()
    assert page.evaluate(paper) != before  # remembered
    page.locator("#theme").click()
    assert page.evaluate(paper) == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(opened: Open, scheme: str) -> None:
    """WCAG 2.1, 1.4.3: 4.5 to 1, for every colour that text is set in, codecs' names among them."""
    page = opened(color_scheme=scheme).page
    names = ["ink", "soft", "link", "k-ncr", "k-avif", "k-jxl", "k-webp", "k-jpeg", "k-router"]
    for name in names:
        colours = [
            page.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('--{n}')") for n in (name, "paper")
        ]
        assert _contrast(*colours) >= 4.5, name


def test_columns_are_sorted_by_button(opened: Open) -> None:
    page = opened().page
    table = page.locator("#domains .on table").first
    heading = table.locator("thead th", has_text="Bytes / oracle")
    names = table.locator("tbody tr > :first-child")
    for order, sign in (("ascending", 1), ("descending", -1)):
        heading.locator("button").focus()
        page.keyboard.press("Enter")
        expect(heading).to_have_attribute("aria-sort", order)
        values = [float(text) for text in table.locator("tbody tr:not(.pooled) > :nth-child(3)").all_inner_texts()]
        assert values == sorted(values, reverse=sign < 0)
        expect(names.first).to_have_text("all images")
    table.locator("thead th", has_text="Domain").locator("button").click()
    expect(heading).not_to_have_attribute("aria-sort", "descending")
    assert sorted(names.all_inner_texts()[1:], key=str.casefold) == names.all_inner_texts()[1:]


def test_every_column_can_be_sorted(opened: Open) -> None:
    page = opened().page
    for button in page.locator("th button:visible").all():
        button.click()
    assert page.locator("th[aria-sort]").count() >= 5


def test_tooltips_by_pointer_and_by_keyboard(opened: Open) -> None:
    page = opened().page
    tip = page.locator("#tip")
    expect(tip).to_be_hidden()
    chart = page.locator("#rivals .on td.plot svg").first
    chart.scroll_into_view_if_needed()
    chart.locator(".dot").hover()
    expect(tip).to_contain_text("router, balanced")
    page.mouse.move(2, 2)
    expect(tip).to_be_hidden()
    curves = page.locator("#curves .on svg.chart.panel").first
    curves.scroll_into_view_if_needed()
    before = curves.evaluate("(chart) => { const all = [...document.querySelectorAll('a, button, select, svg.chart')]"
                             ".filter((e) => e.tabIndex >= 0 && e.checkVisibility()); return all.indexOf(chart) }")  # fmt: skip
    assert before > 0
    page.locator("#metric").focus()
    page.keyboard.press("Tab")
    expect(curves).to_be_focused()
    first = tip.inner_text()
    assert "bits per pixel at SSIMULACRA2" in first
    page.keyboard.press("ArrowRight")
    assert tip.inner_text() != first
    page.keyboard.press("ArrowLeft")
    assert tip.inner_text() == first
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_focus_goes_through_the_page_and_is_seen(opened: Open) -> None:
    page = opened().page
    seen = []
    for _ in range(14):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.className || document.activeElement.hash"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", seen[-1]
    assert seen[:4] == ["skip", "policy", "target", "theme"]
    assert seen[4:13] == [f"#{section}" for section in SECTIONS]
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_magnification_by_keyboard(opened: Open) -> None:
    page = opened().page
    button = page.locator(".magnify").first
    button.focus()
    page.keyboard.press("Enter")
    lens = page.locator("#lens")
    expect(lens).to_be_visible()
    expect(page.locator(".lens-panes")).to_be_focused()
    expect(lens.locator("figure")).to_have_count(3)
    zoom, width = page.locator("#lens-zoom").inner_text(), _width(page)
    page.keyboard.press("+")
    assert page.locator("#lens-zoom").inner_text() != zoom
    assert _width(page) > width
    place = _places(page)
    assert len(set(place)) == 1  # the three views show the same place
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    assert _places(page) != place
    assert len(set(_places(page))) == 1
    for key in ("-", "-", "0"):
        page.keyboard.press(key)
    assert _width(page) <= width
    page.keyboard.press("Escape")
    expect(lens).to_be_hidden()
    expect(button).to_be_focused()


def test_magnification_by_pointer(opened: Open) -> None:
    page = opened().page
    page.locator(".case .crop").first.click()
    lens = page.locator("#lens")
    expect(lens).to_be_visible()
    width = _width(page)
    lens.get_by_role("button", name="Larger").click()
    lens.get_by_role("button", name="Larger").click()
    assert _width(page) > width
    box = lens.locator(".crop").first.bounding_box()
    assert box is not None
    place = _places(page)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 - 60, box["y"] + box["height"] / 2 - 40, steps=4)
    page.mouse.move(box["x"] + box["width"] / 2 + 30, box["y"] + box["height"] / 2 + 50, steps=4)
    page.mouse.up()
    assert _places(page) != place
    page.mouse.wheel(0, 200)
    lens.get_by_role("button", name="Smaller").click()
    lens.get_by_role("button", name="Worst square").click()
    lens.get_by_role("button", name="Close").click()
    expect(lens).to_be_hidden()


@pytest.mark.parametrize("width", [320, 380, 768, 1366, 1920])
def test_no_sideways_scrolling(opened: Open, width: int) -> None:
    page = opened(width=width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("#metric").select_option("ms_ssim")
    page.locator("#policy").select_option("archival")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    wide = page.locator(".scroll").evaluate_all("found => found.some((box) => box.scrollWidth > box.clientWidth)")
    assert wide == (width < 900)
    page.locator(".magnify").first.click()
    assert page.evaluate("document.querySelector('#lens').scrollWidth") <= width


def test_touch_targets_on_a_phone(opened: Open) -> None:
    """WCAG 2.2, 2.5.8: 24 px."""
    page = opened(width=380).page
    for control in page.locator("select:visible, button:visible, nav a:visible").all():
        box = control.bounding_box()
        assert box is not None
        assert box["height"] >= 24, control.evaluate("(e) => e.outerHTML")


def test_paper(opened: Open) -> None:
    page = opened(color_scheme="dark").page
    page.locator("#theme").click()
    page.locator("#theme").click()
    page.emulate_media(media="print", color_scheme="dark")
    for section in SECTIONS:
        expect(page.locator(f"#{section}")).to_be_visible()
    assert page.locator(".view").evaluate_all("found => found.every((view) => view.checkVisibility())")
    assert page.locator("pre").evaluate_all("found => found.every((text) => text.scrollHeight <= text.clientHeight + 1)")
    for hidden in ("#theme", "#policy", ".contents", ".magnify"):
        expect(page.locator(hidden).first).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(253, 253, 251)"
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_without_scripts(opened: Open) -> None:
    page = opened(java_script_enabled=False).page
    views = page.locator(".view")
    assert views.count() > 9
    for view in views.all():
        expect(view).to_be_visible()
    expect(page.locator(".tools")).to_be_hidden()
    expect(page.locator(".magnify").first).to_be_hidden()
    expect(page.locator("#summary table")).to_be_visible()
    expect(page.locator("#curves svg.panel").first).to_be_visible()
    expect(page.locator(".case .crop img").first).to_be_visible()
    # the browser's own tooltips
    assert all("bits per pixel at" in text for text in page.locator("#curves svg .mark title").all_text_contents())


def test_size(report: Path) -> None:
    assert 100_000 < report.stat().st_size < 8_000_000


def _width(page: Page) -> float:
    return float(page.locator("#lens .sheet").first.evaluate("(sheet) => sheet.getBoundingClientRect().width"))


def _places(page: Page) -> list[str]:
    return [str(place) for place in page.locator("#lens .sheet").evaluate_all("found => found.map((s) => s.style.transform)")]


def _contrast(a: str, b: str) -> float:
    def luminance(colour: str) -> float:
        text = colour.strip().lstrip("#")
        parts = [int(text[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)
