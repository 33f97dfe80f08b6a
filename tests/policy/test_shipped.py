"""What the shipped policies decide: tables of cases."""

import pytest
from facts_for_policies import Facts

from router.policy.engine import decide
from router.policy.load import load
from router.policy.receiver import Receiver

JPEG = {"format": "jpeg", "lossy": True, "bpp": 2.0, "transcodable": True}
LOSSY_WEBP = {"format": "webp", "lossy": True, "bpp": 1.0}
SCREENSHOT = {"bpp": 0.2}
BARE = {"format": "array", "is_file": False}
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
SAFARI_13 = "image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5"
FOREIGN = {"in_distribution": False, "p_value": 0.008}
UNUSUAL = {"in_distribution": False, "p_value": 0.03}
LARGE = {"width": 6000, "height": 4000, "megapixels": 24.0}


def run(name, receiver="self", image=(), source=(), ood=(), device=(), **arguments):
    facts = Facts(image=dict(image), source=dict(source), ood=dict(ood), device=dict(device))
    decision = decide(load(name), facts, Receiver.parse(receiver), neural_model=lambda codec: "m1", **arguments)
    return decision, facts


BALANCED = [
    # receiver, image, source, ood, arguments, rule, lane, codec
    ("self", {}, {}, {}, {}, "photograph", "neural", "ncr"),
    ("self", {}, JPEG, {}, {}, "photograph", "neural", "ncr"),
    ("self", {}, {}, FOREIGN, {}, "unfamiliar", "classical", "avif"),
    ("self", {}, JPEG, FOREIGN, {}, "unfamiliar", "classical", "avif"),
    ("self", {}, {}, UNUSUAL, {}, "doubtful", "neural", "ncr"),
    ("self", {}, {}, {"available": False}, {}, "otherwise", "classical", "avif"),
    ("self", {}, JPEG, {}, {"quality": 95}, "jpeg-repack", "transcode", "jxl-transcode"),
    ("self", {}, {}, {}, {"quality": 95}, "otherwise", "classical", "avif"),
    ("self", {}, {}, {}, {"context": {"allow_neural": False}}, "otherwise", "classical", "avif"),
    ("self", {}, {}, {}, {"target": {"metric": "psnr", "value": 38.0}}, "photograph", "neural", "ncr"),
    ("self", {"bits": 16}, {}, {}, {}, "deep", "lossless", "jxl-lossless"),
    ("self", {"hdr": True}, JPEG, {}, {}, "hdr", "passthrough", None),
    ("self", {"wide_gamut": True}, {}, {}, {}, "otherwise", "classical", "avif"),
    ("self", {"has_alpha": True}, {}, {}, {}, "otherwise", "classical", "avif"),
    ("self", {}, SCREENSHOT, {}, {}, "graphics", "lossless", "webp-lossless"),
    ("self", {"colours": 40}, BARE, {}, {}, "graphics", "lossless", "webp-lossless"),
    ("self", {"colours": 80, "gray": True}, {}, {}, {}, "otherwise", "classical", "avif"),
    ("self", {"colours": 2, "gray": True}, {}, {}, {}, "graphics", "lossless", "webp-lossless"),
    ("self", {"width": 32}, {}, {}, {}, "otherwise", "classical", "avif"),
    ("self", LARGE, {}, {}, {}, "large", "classical", "avif"),
    (None, {}, {}, {}, {}, "otherwise", "classical", "avif"),
    (None, {}, JPEG, {}, {"quality": 95}, "otherwise", "classical", "avif"),
    (CHROME, {}, {}, {}, {}, "otherwise", "classical", "avif"),
    ("image/*", {}, {}, {}, {}, "otherwise", "classical", "jpeg"),
    ({"accept": "image/x-ncr,image/*", "models": ["m1"]}, {}, {}, {}, {}, "photograph", "neural", "ncr"),
    ({"accept": "image/x-ncr,image/*", "models": ["m0"]}, {}, {}, {}, {}, "photograph", "classical", "jpeg"),
]


@pytest.mark.parametrize(("receiver", "image", "source", "ood", "arguments", "rule", "lane", "codec"), BALANCED)
def test_balanced(receiver, image, source, ood, arguments, rule, lane, codec):
    decision, _ = run("balanced", receiver, image, source, ood, **arguments)
    assert (decision.rule, decision.lane, decision.codec) == (rule, lane, codec)
    assert decision.lanes[-1].lane == "lossless" or rule == "graphics"


def test_balanced_trusts_an_unusual_image_to_the_neural_lane_only_for_a_measured_saving():
    direct, unusual = (run("balanced", ood=ood)[0].lanes[0] for ood in ({}, UNUSUAL))
    assert (direct.must_save, unusual.must_save) == (None, 0.1)


def test_balanced_runs_the_detector_only_for_candidates():
    for arguments in (
        {"receiver": None}, {"receiver": "image/*"}, {"image": {"bits": 16}}, {"device": {"neural_available": False}},
        {"source": SCREENSHOT}, {"image": LARGE}, {"quality": 95}, {"context": {"allow_neural": False}},
    ):  # fmt: skip
        _, facts = run("balanced", **arguments)
        assert "ood" not in facts.asked
    assert "ood" in run("balanced")[1].asked


@pytest.mark.parametrize(
    ("receiver", "image", "source", "codecs"),
    [
        (CHROME, {}, {}, ["avif", "webp", "jpeg", "webp-lossless", "png"]),
        (CHROME, LARGE, JPEG, ["webp", "jpeg", "webp-lossless", "png"]),
        ("image/webp,*/*", {}, {}, ["webp", "jpeg", "webp-lossless", "png"]),
        ("image/avif,image/jxl,*/*", {}, {}, ["avif", "jxl", "jpeg", "png"]),
        ("image/jxl,*/*", {}, {}, ["jxl", "jpeg", "png"]),
        (SAFARI_13, {}, {}, ["jpeg", "png"]),
        (SAFARI_13, {"has_alpha": True, "alpha_used": True}, {}, ["png", "jpeg"]),
        (SAFARI_13, {"colours": 20}, {}, ["png", "jpeg"]),
        ("*/*", {}, {}, ["jpeg", "png"]),
        (None, {}, {}, ["jpeg", "png"]),
        (CHROME, {}, SCREENSHOT, ["webp-lossless", "png", "avif", "webp", "jpeg"]),
        (CHROME, {"hdr": True}, {}, ["avif", "webp", "jpeg"]),
        ({"accept": "image/x-ncr,image/avif", "models": ["m1"]}, {}, {}, ["avif"]),
    ],
)
def test_web(receiver, image, source, codecs):
    decision, _ = run("web", receiver, image, source)
    assert [codec for plan in decision.lanes for codec in plan.codecs] == codecs
    assert decision.metadata == "icc"


@pytest.mark.parametrize(
    ("source", "years", "lanes"),
    [
        (JPEG, 10, ["transcode", "passthrough", "lossless"]),
        (JPEG, 50, ["passthrough", "lossless"]),
        ({}, 10, ["lossless", "passthrough"]),
        ({}, 50, ["passthrough", "lossless"]),
        (LOSSY_WEBP, 10, ["passthrough", "lossless"]),
        (LOSSY_WEBP, 50, ["lossless", "passthrough"]),
        (BARE, 10, ["lossless"]),
        (BARE, 50, ["lossless"]),
    ],
)
def test_archival(source, years, lanes):
    decision, _ = run("archival", None, source=source, context={"retention_years": years})
    assert [plan.lane for plan in decision.lanes] == lanes
    assert decision.context_recorded == {"retention_years": years}
    if years > 30:
        assert {codec for plan in decision.lanes for codec in plan.codecs} == {"png"}


@pytest.mark.parametrize(
    ("source", "image", "modality", "lanes"),
    [
        (JPEG, {}, "US", ["transcode", "passthrough", "lossless"]),
        (LOSSY_WEBP, {}, "", ["passthrough", "lossless"]),
        ({}, {"bits": 16, "channels": 1, "mode": "L"}, "CR", ["lossless", "passthrough"]),
        ({}, {"megapixels": 100.0}, "SM", ["lossless", "passthrough"]),
        (BARE, {}, "CT", ["lossless"]),
    ],
)
def test_medical(source, image, modality, lanes):
    decision, _ = run("medical", "self", image, source, context={"modality": modality}, quality=30)
    assert [plan.lane for plan in decision.lanes] == lanes
    assert decision.guard == "strict"
    assert decision.context_recorded == {"modality": modality}


@pytest.mark.parametrize(
    ("latency", "image", "source", "arguments", "rule", "codec"),
    [
        (100, {}, {}, {}, "usual", "webp"),
        (20, {}, {}, {}, "otherwise", "jpeg"),
        (100, LARGE, {}, {}, "otherwise", "jpeg"),
        (500, {}, {}, {}, "roomy", "avif"),
        (3000, {}, {}, {}, "searched", "avif"),
        (3000, LARGE, {}, {}, "otherwise", "jpeg"),
        (100, {}, {}, {"quality": 90}, "fine", "jpeg"),
        (100, {}, SCREENSHOT, {}, "flat", "webp-lossless"),
        (100, {"hdr": True}, {}, {}, "hdr", None),
    ],
)
def test_realtime(latency, image, source, arguments, rule, codec):
    decision, facts = run("realtime", None, image, source, context={"latency_ms": latency}, **arguments)
    assert (decision.rule, decision.codec) == (rule, codec)
    assert not facts.read & {"image.colours", "image.gray", "image.alpha_used"}
    knobless = [plan for plan in decision.lanes if plan.lane == "classical"]
    assert rule == "searched" or all("quality" in plan.settings[codec] for plan in knobless for codec in plan.codecs)


def sized(width, height):
    return {"width": width, "height": height, "megapixels": width * height / 1e6}


@pytest.mark.parametrize(
    ("size", "gpu", "rule"),
    [
        *((size, False, "photograph") for size in ((4000, 3000), (4032, 3024), (4080, 3060), (4096, 3072), (3072, 4080))),
        *((size, True, "photograph") for size in ((8064, 6048), (8192, 6144), (9248, 6936), (9280, 6944))),
        *((size, False, "otherwise") for size in ((4608, 3456), (4624, 3468), (4656, 3492), (4928, 3264))),
        *((size, False, "large") for size in ((5184, 3888), (5712, 4284), (6000, 4000), (8064, 6048), (12000, 9000))),
    ],
)
def test_balanced_puts_common_sizes_of_one_kind_on_one_side(size, gpu, rule):
    for width, height in (size, size[::-1]):
        assert run("balanced", image=sized(width, height), device={"gpu": gpu})[0].rule == rule


@pytest.mark.parametrize(
    ("size", "codec"),
    [((3840, 2160), "avif"), ((3264, 2448), "avif"), ((4032, 3024), "jxl"), ((4656, 3492), "jxl"), ((6000, 4000), "webp")],
)
def test_web_puts_common_sizes_of_one_kind_on_one_side(size, codec):
    assert run("web", "image/avif,image/jxl,image/webp", image=sized(*size))[0].codec == codec


@pytest.mark.parametrize(
    ("size", "latency", "rule"),
    [
        *((size, 2000, "searched") for size in ((1280, 720), (1024, 1024), (1280, 800))),
        *((size, 400, "roomy") for size in ((1920, 1080), (1600, 1200), (1024, 1024))),
        *((size, 100, "usual") for size in ((1920, 1080), (1024, 1024))),
        *((size, 50, "usual") for size in ((1280, 720), (1024, 1024))),
        ((1920, 1200), 400, "otherwise"),
    ],
)
def test_realtime_puts_common_sizes_of_one_kind_on_one_side(size, latency, rule):
    assert run("realtime", image=sized(*size), context={"latency_ms": latency})[0].rule == rule
