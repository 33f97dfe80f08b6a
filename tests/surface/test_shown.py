"""What a notebook shows of results: whole in itself, escaped, bounded, and never an error."""

from __future__ import annotations

import dataclasses
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sample_set import Samples

import router
from router.display import colours, fragment
from router.policy.decision import Reason
from router.reasons import ReasonCode

HOSTILE = '</style><script>alert(1)</script><img src=x onerror=alert(1)> & "more"\n\u202e\ud800'


class Elements(HTMLParser):
    """Well-formed elements with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag != "img":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.text += data


def checked(html: str) -> Elements:
    """What holds of everything that is shown."""
    page = Elements(html)
    tags = {tag for tag, _ in page.found}
    assert not tags & {"script", "link", "iframe", "object", "a", "form", "meta", "foreignobject", "pre"}
    for _, attributes in page.found:
        assert not [name for name in attributes if name.startswith("on") or name == "href"]
        assert (attributes.get("src") or "data:image/webp;base64,").startswith("data:image/webp;base64,")
    assert not re.search(r"https?:|url\(|@import", html)
    html.encode("utf-8")
    assert len(html) < 1_500_000
    return page


@pytest.fixture(scope="module")
def shown(samples: Samples) -> dict[str, router.EncodedImage]:
    made = {"neural": router.compress(samples["photo_cat"], quality=50, receiver="self")}
    made["alpha"] = router.compress(samples["alpha_logo"])
    made["deep"] = router.compress(samples["depth16_phantom"])
    made["kept"] = router.compress(samples["palette_badge"], policy="archival")
    made["array"] = router.compress(np.zeros((3, 1500, 3), np.uint8), codec="png")
    return made


@pytest.mark.parametrize("name", ["neural", "alpha", "deep", "kept", "array"])
def test_encoded(shown: dict[str, router.EncodedImage], name: str) -> None:
    encoded = shown[name]
    page = checked(encoded._repr_html_())
    assert encoded.record.codec in page.text
    assert ("the source" in page.text) == (name != "array")
    (picture,) = [attributes for tag, attributes in page.found if tag == "img"]
    assert max(int(picture["width"] or 0), int(picture["height"] or 0)) <= 640
    with Image.open(io.BytesIO(encoded._repr_png_() or b"")) as image:
        assert image.format == "PNG"
        assert max(image.size) <= 640
    assert repr(encoded).count("\n") == 0
    assert len(repr(encoded)) < 300
    assert f"{len(encoded.data)} bytes" in repr(encoded)


def test_texts_are_escaped_and_bounded(shown: dict[str, router.EncodedImage], samples: Samples) -> None:
    encoded = shown["neural"]
    reason = encoded.record.reasons[0].model_copy(update={"code": HOSTILE, "detail": HOSTILE * 500})
    policy = encoded.record.policy.model_copy(update={"name": HOSTILE, "rule": HOSTILE})  # type: ignore[union-attr]
    record = encoded.record.model_copy(update={"reasons": (reason,) * 500, "policy": policy, "codec": HOSTILE, "lane": HOSTILE})
    page = checked(dataclasses.replace(encoded, record=record)._repr_html_())
    assert "<script>" in page.text
    assert "and 480 more" in page.text
    assert "\\u202e" in page.text
    decision = router.decide(samples["photo_cat"], receiver="self")
    trace = dataclasses.replace(decision.trace[0], rule=HOSTILE, condition=HOSTILE, inputs={HOSTILE: HOSTILE * 100})
    told = Reason(ReasonCode.RULE_MATCHED, HOSTILE * 100)
    hostile = dataclasses.replace(decision, policy=HOSTILE, rule=HOSTILE, reasons=(told,), trace=(trace,) * 300)
    assert "<script>" in checked(hostile._repr_html_()).text
    assert "\n" not in repr(hostile)


@pytest.mark.parametrize(("name", "policy"), [("photo_cat", "balanced"), ("chart_rates", "web"), ("photo_rocket", "archival")])
def test_decision(samples: Samples, name: str, policy: str) -> None:
    decision = router.decide(samples[name], policy=policy, receiver="self")
    page = checked(decision._repr_html_())
    assert f"policy {policy}, rule {decision.rule}" in page.text
    assert decision.lane in page.text
    assert ("in distribution, p = " in page.text) == (name == "photo_cat")
    assert repr(decision).count("\n") == 0
    assert decision.policy_sha256 not in repr(decision)


@pytest.mark.parametrize("name", ["photo_cat", "document_page", "noise_uniform", "depth16_phantom"])
def test_report(samples: Samples, name: str) -> None:
    plain = router.score(samples[name])
    page = checked(plain._repr_html_())
    assert plain.calibration is not None
    assert f"{len(plain.calibration)} calibration photographs" in page.text
    assert (1 + (plain.calibration >= plain.ood_score).sum()) / (len(plain.calibration) + 1) == pytest.approx(plain.p_value)
    assert plain._repr_png_() is None
    assert "img" not in {tag for tag, _ in page.found}
    seen = router.score(samples[name], heatmap=True)
    assert seen == plain
    assert "img" in {tag for tag, _ in checked(seen._repr_html_()).found}
    with Image.open(io.BytesIO(seen._repr_png_() or b"")) as image, Image.open(samples[name]) as source:
        assert image.size[0] / image.size[1] == pytest.approx(source.size[0] / source.size[1], rel=0.02)
    assert "\n" not in repr(seen)


def test_images_that_are_not_measured_have_no_calibration() -> None:
    report = router.score(np.zeros((8, 300, 3), np.uint8), heatmap=True)
    assert report.calibration is None
    assert "too-small" in checked(report._repr_html_()).text
    assert report._repr_png_() is not None


def test_what_cannot_be_shown_is_told_in_words(shown: dict[str, router.EncodedImage]) -> None:
    broken = dataclasses.replace(shown["neural"], data=b"<b>no image")
    assert broken._repr_html_() == f"<pre>{fragment.shortened(repr(broken)).replace(chr(39), '&#39;')}</pre>"
    assert broken._repr_png_() is None


@pytest.mark.parametrize("name", ["alpha", "deep", "neural"])
def test_compare(shown: dict[str, router.EncodedImage], samples: Samples, tmp_path: Path, name: str) -> None:
    source = {"alpha": "alpha_logo", "deep": "depth16_phantom", "neural": "photo_cat"}[name]
    found = router.compare(samples[source], shown[name])
    target = shown[name].record.target
    if name == "neural":
        assert target is not None
        assert found.score == pytest.approx(target.achieved, abs=0.01)
        assert found.worst is not None
        assert found.worst.value < found.worst.median <= 1
    assert found.source.shape == found.decoded.shape
    page = checked(found._repr_html_())
    assert len([tag for tag, _ in page.found if tag == "img"]) == (2 if found.identical else 4)
    assert "\n" not in repr(found)
    path = Path(found.save(tmp_path / "beside"))
    assert path.name == "beside.png"
    with Image.open(path) as image:
        assert image.size == found.image.size
        assert max(image.size) < 1400
    with pytest.raises(router.OutputExistsError):
        found.save(path)


def test_the_worst_square_is_where_the_damage_is(samples: Samples) -> None:
    with Image.open(samples["photo_astronaut"]) as image:
        source = np.asarray(image.convert("RGB"))
    damaged = source.copy()
    damaged[300:340, 140:180] = damaged[300:340, 140:180][::-1]
    encoded = router.compress(damaged, codec="png").data
    for metric in ("ssimulacra2", "ms-ssim", "psnr"):
        worst = router.compare(source, encoded, metric=metric).worst  # type: ignore[arg-type]
        assert worst is not None
        assert (worst.x, worst.y) == (128, 256)
    assert router.compare(damaged, encoded).identical
    gray = source[..., :1].copy()
    assert router.compare(gray[..., 0], router.compress(gray.repeat(3, 2), codec="png").data).identical
    with pytest.raises(router.UsageError, match="512 x 512 px, the output 512 x 511"):
        router.compare(source, router.compress(source[1:], codec="png"))
    with pytest.raises(router.UsageError, match="metric is one of"):
        router.compare(source, encoded, metric="bpp")  # type: ignore[arg-type]


def test_accents_stand_out_in_both_themes() -> None:
    """WCAG 2.1, 1.4.11: 3 to 1 for what is drawn, on white and on the dark paper of notebooks."""
    for palette, paper in ((colours.LIGHT, "#ffffff"), (colours.DARK, "#111111")):
        for name in ("k-ncr", "k-avif", "k-jxl", "k-webp", "k-jpeg", "k-oracle", "less", "more"):
            assert _contrast(palette[name], paper) >= 3, name


def _contrast(one: str, other: str) -> float:
    values = []
    for colour in (one, other):
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in colours.rgb(colour))]
        values.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(values) + 0.05) / (min(values) + 0.05)
