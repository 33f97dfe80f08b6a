"""The whole flow on real images: right lane, evidence inside, pixels as promised."""

from __future__ import annotations

import dataclasses
import io
import json
import threading

import numpy as np
import pytest
from PIL import Image
from sample_set import Samples

import router
from router.codecs import registry
from router.errors import CarryError, GuardError, NoLaneError, NoRecordError, StreamError, UsageError
from router.images.read import read
from router.quality.metrics import scorer
from router.record import MAX_BYTES

BROWSER = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


def _pixels(path: object) -> np.ndarray:
    return read(path).pixels


@pytest.fixture(scope="module")
def balanced() -> router.Router:
    return router.Router("balanced")


@pytest.mark.parametrize(
    "name",
    ["photo_cat", "photo_coffee", "chart_rates", "alpha_logo", "depth16_phantom", "palette_cat", "gray_coins", "oriented_coffee"],
)
def test_every_kind_comes_back_with_its_evidence(balanced: router.Router, samples: Samples, name: str) -> None:
    path = samples[name]
    encoded = balanced.compress(path, receiver="self", quality=70)
    record = encoded.record
    source = _pixels(path)
    decoded = router.decompress(encoded.data, as_array=True)
    decoded = decoded[..., None] if decoded.ndim == 2 else decoded
    assert decoded.shape == source.shape
    assert decoded.dtype == source.dtype
    if record.lane == "passthrough":
        assert encoded.data == path.read_bytes()
        return
    assert router.inspect(encoded.data) == record
    assert len(record.to_json()) <= MAX_BYTES
    assert record.guard is not None
    assert record.guard.passed
    if record.lane in ("lossless", "transcode"):
        assert np.array_equal(decoded, source)
    else:
        assert record.target is not None
        assert record.target.achieved == pytest.approx(scorer("ssimulacra2", source)(decoded), abs=0.01)
        assert record.target.achieved >= 69


def test_photographs_go_neural_and_a_chart_does_not(balanced: router.Router, samples: Samples) -> None:
    assert balanced.decide(samples["photo_cat"], receiver="self").lane == "neural"
    for kind in ("chart", "noise", "map", "document"):
        for path in samples.of_kind(kind):
            assert balanced.decide(path, receiver="self").lane != "neural", path.name


@pytest.mark.parametrize(
    "receiver", [None, BROWSER, "*/*", "image/*", "image/x-ncr, image/png", {"accept": "image/x-ncr, */*", "models": ["another"]}]
)
def test_no_neural_without_consent(balanced: router.Router, samples: Samples, receiver: object) -> None:
    decision = balanced.decide(samples["photo_cat"], receiver=receiver)
    assert all(plan.lane != "neural" for plan in decision.lanes)


def test_a_receiver_that_reads_nothing_we_may_send(balanced: router.Router, samples: Samples) -> None:
    with pytest.raises(NoLaneError) as refused:
        balanced.compress(samples["photo_cat"], receiver="image/x-ncr")
    assert "NEURAL_NO_CONSENT" in str(refused.value.attempts)


def test_consent_names_type_and_model(balanced: router.Router, samples: Samples) -> None:
    model = registry.get("ncr").get_config()["model"]
    receiver = {"accept": "image/x-ncr, image/png", "models": [model]}
    assert balanced.compress(samples["photo_cat"], receiver=receiver, quality=50).media_type == "image/x-ncr"


def test_same_input_same_bytes(samples: Samples) -> None:
    first, second = (router.Router("balanced").compress(samples["photo_cat"], receiver="self", quality=60) for _ in range(2))
    assert first.data == second.data
    assert first.record == second.record


def test_one_router_serves_threads(balanced: router.Router, samples: Samples) -> None:
    results: dict[int, bytes] = {}

    def work(index: int) -> None:
        results[index] = balanced.compress(samples["chart_rates"], receiver=BROWSER, quality=60).data

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results.values())) == 1
    assert len(results) == 3


def test_every_kind_of_source_gives_the_same_pixels(samples: Samples) -> None:
    path = samples["palette_badge"]
    with Image.open(path) as image:
        image.load()
        array = _pixels(path)
        sources = [path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), image, array]
        hashes = {router.compress(source, codec="png").record.pixels_sha256 for source in sources}
    assert len(hashes) == 1


@pytest.mark.parametrize("codec", ["jpeg", "webp", "avif", "jxl", "ncr"])
def test_a_forced_codec_hits_the_quality_target(samples: Samples, codec: str) -> None:
    encoded = router.compress(samples["portrait_hopper"], codec=codec, quality=65)
    record = encoded.record
    assert record.policy is None
    assert record.reasons[0].code == "FORCED_CODEC"
    assert record.target is not None
    assert record.target.achieved is not None
    assert record.target.achieved >= 64
    assert router.inspect(encoded.data).codec == codec


@pytest.mark.parametrize(
    ("target", "check"),
    [
        ({"metric": "psnr", "value": 35}, lambda e, n: e.record.target.achieved >= 34.75),
        ({"metric": "ms-ssim", "value": 0.98}, lambda e, n: e.record.target.achieved >= 0.979),
        ({"metric": "bpp", "value": 1.0}, lambda e, n: 8 * len(e.data) / n <= 1.0),
        ({"metric": "max_bytes", "value": 12_000}, lambda e, n: len(e.data) <= 12_000),
    ],
)
def test_other_targets(samples: Samples, target: dict[str, object], check) -> None:  # type: ignore[no-untyped-def]
    encoded = router.compress(samples["photo_coffee"], codec="avif", target=target)
    with Image.open(samples["photo_coffee"]) as image:
        assert check(encoded, image.width * image.height)


def test_a_forced_codec_that_cannot_carry_the_image_refuses(samples: Samples) -> None:
    with pytest.raises(CarryError) as refused:
        router.compress(samples["depth16_phantom"], codec="avif")
    assert refused.value.code == "CANNOT_CARRY_DEPTH"


def test_a_failed_guard_is_raised_or_released_with_the_evidence(samples: Samples) -> None:
    options = {"codec": "jpeg", "quality": 90, "settings": {"quality": 5}}
    with pytest.raises(GuardError) as refused:
        router.compress(samples["portrait_hopper"], **options)
    assert refused.value.code == "GUARD_QUALITY"
    released = router.compress(samples["portrait_hopper"], **options, on_guard_fail="release")
    guard = router.inspect(released.data).guard
    assert guard is not None
    assert not guard.passed


def test_an_unreachable_target_falls_to_the_next_lane(samples: Samples) -> None:
    policy = {
        "schema_version": 1,
        "name": "steep",
        "otherwise": {
            "lanes": [{"lane": "classical", "codecs": ["jpeg"]}, {"lane": "lossless", "codecs": ["webp-lossless"]}],
        },
    }
    encoded = router.compress(samples["photo_cat"], policy=policy, quality=99.9)
    assert encoded.record.lane == "lossless"
    assert "TARGET_UNREACHABLE" in {reason.code for reason in encoded.record.reasons}


def test_a_jpeg_is_repacked_and_restored_byte_for_byte(samples: Samples) -> None:
    original = samples["photo_astronaut"].read_bytes()
    encoded = router.compress(original, policy="archival", receiver="self")
    assert encoded.record.lane == "transcode"
    assert len(encoded.data) < len(original)
    assert router.restore(encoded.data) == original
    assert router.inspect(encoded.data) == encoded.record
    with pytest.raises(StreamError):
        router.restore(original)


def test_a_transcode_never_smuggles_metadata_out(samples: Samples) -> None:
    with pytest.raises(CarryError) as refused:
        router.compress(samples["oriented_coffee"], codec="jxl-transcode", metadata="strip")
    assert refused.value.code == "METADATA_NOT_STRIPPED"
    encoded = router.compress(samples["oriented_coffee"], policy="archival", receiver="self", metadata="strip")
    assert encoded.record.lane == "lossless"
    assert router.decompress(encoded.data).getexif() == {}


def test_never_larger_than_the_source(samples: Samples) -> None:
    buffer = io.BytesIO()
    Image.fromarray(read(samples["photo_cat"]).pixels).save(buffer, "JPEG", quality=30)
    small = buffer.getvalue()
    again = router.compress(small, policy="web", receiver="image/jpeg", quality=85)
    assert again.record.lane == "passthrough"
    assert again.data == small
    assert "NOT_SMALLER_THAN_SOURCE" in {reason.code for reason in again.record.reasons}


@pytest.mark.parametrize("codec", ["jpeg", "webp", "avif", "png", "ncr", "jxl"])
def test_metadata_travels_or_stays_as_asked(samples: Samples, codec: str) -> None:
    path = samples["oriented_coffee"]
    source = read(path).metadata
    assert source.icc
    assert source.exif
    assert source.xmp
    if codec == "jxl":
        with pytest.raises(CarryError) as refused:
            router.compress(path, codec=codec, quality=50)
        assert refused.value.code == "CANNOT_CARRY_ICC"
    else:
        kept = registry.get(codec).decode(router.compress(path, codec=codec, quality=50).data).metadata
        assert kept.exif == source.exif
        assert kept.icc == (None if codec == "ncr" else source.icc)  # the neural lane holds sRGB pixels
    stripped = router.compress(path, codec=codec, quality=50, metadata="strip")
    left = registry.get(codec).decode(stripped.data).metadata
    assert left.exif is None
    assert left.icc is None
    with pytest.raises(NoRecordError):
        router.inspect(stripped.data)


def test_metadata_that_no_reader_takes_along_is_named(samples: Samples) -> None:
    jpeg = samples["portrait_hopper"].read_bytes()
    payload = b"http://ns.adobe.com/xmp/extension/\x00" + bytes(60)
    extended = jpeg[:2] + b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload + jpeg[2:]
    for source, expected in ((extended, ["extended XMP"]), (jpeg, [])):
        encoded = router.compress(source, codec="webp", settings={"quality": 80}, quality=50)
        assert [r.detail for r in encoded.record.reasons if r.code == "METADATA_LEFT_BEHIND"] == expected
    repacked = router.compress(extended, codec="jxl-transcode")
    assert router.restore(repacked.data) == extended


def test_a_record_is_replaced_when_an_output_is_compressed_again(samples: Samples) -> None:
    first = router.compress(samples["photo_cat"], codec="webp", quality=80)
    second = router.compress(first.data, codec="avif", quality=60)
    assert router.inspect(second.data) == second.record
    assert second.record.source_sha256 != first.record.source_sha256


def test_the_log_has_one_line_per_output(samples: Samples, tmp_path) -> None:  # type: ignore[no-untyped-def]
    log = tmp_path / "runs.jsonl"
    with_log = router.Router("web", log=router.JsonLines(log))
    for name in ("palette_badge", "chart_rates"):
        with_log.compress(samples[name], receiver=BROWSER)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["record"]["policy"]["name"] for line in lines] == ["web", "web"]
    assert all(line["seconds"] and line["rules"] for line in lines)


def test_a_file_without_record_says_so(samples: Samples) -> None:
    with pytest.raises(NoRecordError) as refused:
        router.inspect(samples["photo_cat"])
    assert refused.value.code == "NO_RECORD"


@pytest.mark.parametrize(
    "options",
    [
        {"quality": 101},
        {"quality": 70, "target": {"metric": "psnr", "value": 30}},
        {"metadata": "some"},
        {"receiver": 7},
        {"context": {"undeclared": 1}},
        {"settings": {"quality": 3}},
        {"on_guard_fail": "ignore"},
        {"policy": "no-such-policy"},
        {"codec": "jpeg", "settings": {"quality": 101}},
        {"codec": "jpeg", "settings": {"surprise": 1}},
    ],
)
def test_wrong_arguments_are_usage_errors(samples: Samples, options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        router.compress(samples["portrait_hopper"], **options)


def test_records_hold_nothing_private(samples: Samples) -> None:
    encoded = router.compress(samples["photo_cat"], policy="web", receiver=BROWSER)
    text = encoded.record.to_json().decode()
    assert str(samples["photo_cat"]) not in text
    assert "photo_cat" not in text
    assert "started_at" not in text


def test_the_public_names_are_what_they_say() -> None:
    assert sorted(router.__all__) == list(router.__all__)
    for name in router.__all__:
        assert getattr(router, name) is not None
    with pytest.raises(AttributeError):
        _ = router.no_such_name


def test_the_record_names_the_bundle_only_where_all_of_it_is_the_bundles(samples: Samples) -> None:
    from router.detector.detector import default_detector

    shipped = router.Router("balanced").compress(samples["chart_rates"], receiver="self", quality=40)
    assert shipped.record.bundle is not None
    own = dataclasses.replace(default_detector(), id="mine-1")
    other = router.Router("balanced", detector=own).compress(samples["chart_rates"], receiver="self", quality=40)
    assert other.record.scores is not None
    assert other.record.scores.detector == "mine-1"
    assert other.record.bundle is None
