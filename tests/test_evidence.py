"""What records may hold, what files may carry out, and which failures may not lose an image."""

from __future__ import annotations

import io
import json
import signal
from pathlib import Path

import numpy as np
import pytest
from images.image_builders import chunk, png
from PIL import Image
from sample_set import Samples

import router
from router.codecs import registry
from router.codecs.png import PngCodec
from router.detector.report import OodReport
from router.errors import ArtefactError, InputError, NoLaneError, OutputNotWritableError
from router.images.read import read
from router.record import MAX_BYTES

PIXELS = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
NAN, INF = float("nan"), float("inf")
LOSSLESS = {"lanes": [{"lane": "lossless", "codecs": ["png"]}]}


def jpeg(**options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "JPEG", quality=95, **options)
    return buffer.getvalue()


def policy(**fields: object) -> dict[str, object]:
    return {"schema_version": 1, "name": "tried", "otherwise": LOSSLESS} | fields


@pytest.mark.parametrize(
    "condition", ['"abc".matches(context.patient)', '{"a": 1}[context.patient] > 0', "1 / (size(context.patient) - 11) > 0"]
)
def test_an_error_in_a_condition_does_not_tell_context_that_may_not_be_recorded(condition: str) -> None:
    rules = [{"name": "r", "when": condition, "then": LOSSLESS}]
    secret = policy(context={"patient": {"type": "string", "default": ""}}, rules=rules)
    encoded = router.compress(PIXELS, policy=secret, context={"patient": "(John Smith"})
    assert encoded.record.reasons[0].code == "RULE_ERROR"
    assert "Smith" not in encoded.record.to_json().decode()
    assert "Smith" not in encoded.run.to_json()
    assert b"Smith" not in encoded.data


def test_a_record_with_much_context_stays_small_and_reads_back_equal() -> None:
    keys = {f"k{i}": {"type": "string", "default": "", "record": True} for i in range(12)}
    encoded = router.compress(PIXELS, policy=policy(context=keys), context=dict.fromkeys(keys, "ä" * 900))
    assert len(encoded.record.to_json()) <= MAX_BYTES
    assert router.inspect(encoded.data) == encoded.record
    assert encoded.record.context


def test_context_left_at_an_empty_default_reads_back() -> None:
    encoded = router.compress(PIXELS, policy="medical")
    assert encoded.record.context == {"modality": ""}
    assert router.inspect(encoded.data) == encoded.record


def test_context_that_xml_cannot_hold_does_not_spoil_the_record() -> None:
    keys = {"note": {"type": "string", "default": "", "record": True}}
    encoded = router.compress(PIXELS, policy=policy(context=keys), context={"note": "a\uffffb\x00c\rd"})
    assert router.inspect(encoded.data).context == {"note": "a\uffffb\x00c\rd"}


def test_no_path_of_a_damaged_model_gets_into_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "models" / "broken.model"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text("{}")
    monkeypatch.setattr("router.codecs.neural.weights.MODELS", tmp_path / "models")
    monkeypatch.setattr("router.codecs.registry._instances", {})
    neural = {"lanes": [{"lane": "neural", "codecs": ["ncr"]}, *LOSSLESS["lanes"]]}
    encoded = router.compress(PIXELS, policy=policy(otherwise=neural), receiver="self")
    assert encoded.record.lane == "lossless"
    assert "ARTEFACT_DAMAGED" in {r.code for r in encoded.record.reasons}
    assert str(tmp_path) not in encoded.record.to_json().decode()


@pytest.mark.parametrize("receiver", ["self", "image/jxl, image/png", "image/png"])
@pytest.mark.parametrize("choice", ["strip", "icc"])
@pytest.mark.parametrize("hidden", ["exif", "comment", "iptc"])
def test_what_may_not_go_out_goes_out_in_no_lane(receiver: str, choice: str, hidden: str) -> None:
    if hidden == "exif":
        tags = Image.Exif()
        tags[0x010E] = "the secret"
        source = jpeg(exif=tags.tobytes())
    elif hidden == "comment":
        source = jpeg(comment=b"the secret")
    else:
        whole = jpeg()
        source = whole[:2] + b"\xff\xed\x00\x1aPhotoshop 3.0\x00the secret" + whole[2:]
    encoded = router.compress(source, policy="archival", receiver=receiver, metadata=choice)
    assert encoded.record.lane == "lossless"
    assert b"the secret" not in encoded.data
    plain = router.compress(jpeg(), policy="archival", receiver="self", metadata=choice)
    assert plain.record.lane in ("transcode", "passthrough")


def test_a_tiff_kept_for_very_long_is_kept() -> None:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "TIFF")
    encoded = router.compress(buffer.getvalue(), policy="archival", context={"retention_years": 50})
    assert (encoded.record.lane, encoded.media_type, encoded.suffix) == ("passthrough", "image/tiff", ".tif")
    assert encoded.data == buffer.getvalue()


@pytest.mark.parametrize("shipped", ["balanced", "web", "archival", "medical", "realtime"])
def test_pq_is_kept_as_it_is_or_refused_and_never_shown_as_sdr(shipped: str) -> None:
    source = png(PIXELS, extra=chunk(b"cICP", bytes([9, 16, 0, 1])))
    kept = router.compress(source, policy=shipped, receiver="self")
    assert kept.data == source
    with_text = png(PIXELS, extra=chunk(b"cICP", bytes([9, 16, 0, 1])) + chunk(b"tEXt", b"Author\0Somebody"))
    with pytest.raises(NoLaneError) as refused:
        router.compress(with_text, policy=shipped, receiver="self", metadata="strip")
    assert "HDR" in {a.outcome for a in refused.value.attempts}


def test_identical_pixels_have_a_finite_psnr() -> None:
    encoded = router.compress(np.full((64, 64, 3), 255, np.uint8), codec="webp", target={"metric": "psnr", "value": 40})
    assert router.inspect(encoded.data).target == encoded.record.target
    assert encoded.record.target is not None
    assert encoded.record.target.achieved == 100
    json.loads(encoded.run.to_json())


@pytest.mark.parametrize("limit", [12_000, 5_000])
@pytest.mark.parametrize("codec", ["avif", "webp", "jpeg"])
def test_a_size_target_counts_every_byte(samples: Samples, codec: str, limit: int) -> None:
    source = Image.open(samples["photo_cat"]).convert("RGB").resize((96, 96))
    encoded = router.compress(source, codec=codec, target={"metric": "max_bytes", "value": limit})
    assert len(encoded.data) <= limit
    if limit == 12_000:
        assert router.inspect(encoded.data) == encoded.record
    else:  # as little as a coarse setting takes: where both do not fit, the picture goes before the record
        assert {"FORCED_CODEC", "RECORD_NOT_CARRIED"} >= {r.code for r in encoded.record.reasons}


def test_a_record_that_does_not_fit_the_size_is_left_out_and_that_is_said() -> None:
    flat = np.zeros((64, 64, 3), np.uint8)
    encoded = router.compress(flat, codec="webp", target={"metric": "max_bytes", "value": 300})
    assert len(encoded.data) <= 300
    assert "RECORD_NOT_CARRIED" in {r.code for r in encoded.record.reasons}


def test_the_record_judges_by_the_alpha_of_the_policy(samples: Samples) -> None:
    for alpha, inside in ((0.0001, True), (0.5, False)):
        rules = [{"name": "r", "when": f"ood.in_distribution != {str(inside).lower()}", "then": LOSSLESS}]
        asked = policy(defaults={"alpha": alpha}, rules=rules)
        scores = router.compress(samples["portrait_hopper"], policy=asked).record.scores
        assert scores is not None
        assert scores.in_distribution == (scores.p_value > alpha)


def test_the_source_hash_is_that_of_what_was_given_whatever_was_stripped() -> None:
    from PIL import ImageCms

    image = Image.fromarray(PIXELS)
    image.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    kept, stripped = (router.compress(image, codec="png", metadata=m).record.source_sha256 for m in ("keep", "strip"))
    assert kept == stripped == read(image).source_sha256


def test_names_that_no_file_can_have(tmp_path: Path) -> None:
    encoded = router.compress(PIXELS, codec="png")
    for name in ("a" * 300, "nul\0byte"):
        with pytest.raises(OutputNotWritableError):
            encoded.save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("raised", [ValueError("broken"), OSError(28, "No space left"), KeyError("x")])
def test_a_log_that_fails_does_not_lose_the_image(raised: Exception) -> None:
    def log(run: object) -> None:
        raise raised

    with pytest.raises(OutputNotWritableError) as caught:
        router.Router("web", log=log).compress(PIXELS, codec="png")
    assert router.inspect(caught.value.encoded.data).codec == "png"


def test_a_log_of_our_own_that_fails_does_not_lose_the_image() -> None:
    with pytest.raises(OutputNotWritableError) as caught:
        router.Router("web", log=router.JsonLines("/dev/full")).compress(PIXELS, codec="png")
    assert router.inspect(caught.value.encoded.data).codec == "png"


def test_half_a_log_line_does_not_stay(tmp_path: Path) -> None:
    import resource

    log = router.JsonLines(tmp_path / "log")
    router.Router("web", log=log).compress(PIXELS, codec="png")
    before = (tmp_path / "log").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handled = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, limits[1]))
    try:
        with pytest.raises(OutputNotWritableError):
            router.Router("web", log=log).compress(PIXELS, codec="png")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handled)
    assert (tmp_path / "log").read_bytes() == before


@pytest.mark.parametrize("numbers", [(NAN, 0.5), (1.0, NAN), (INF, 0.5), (-INF, 0.5), (1.0, 1.5), (1.0, -0.5), (NAN, NAN)])
def test_a_detector_whose_score_is_no_number_fails_closed(numbers: tuple[float, float]) -> None:
    class Broken:
        def score(self, sample: object, heatmap: bool = False) -> OodReport:
            return OodReport(*numbers, in_distribution=True, alpha=0.05, detector_id="broken", stratum="colour-few")

    for when in ("ood.in_distribution", "ood.score < 2.0", "ood.p_value > 0.1", "!(ood.score > 2.0)"):
        neural = {"lanes": [{"lane": "neural", "codecs": ["ncr"]}]}
        asked = router.Router(policy(rules=[{"name": "r", "when": when, "then": neural}]))
        asked._loaded_detector = lambda: Broken()  # type: ignore[assignment,method-assign,return-value]
        record = asked.compress(PIXELS, receiver="self").record
        assert record.policy is not None
        assert (record.policy.rule, record.lane, record.scores) == ("on_error", "lossless", None)
        assert {"RULE_ERROR", "ARTEFACT_DAMAGED"} <= {r.code for r in record.reasons}
        with pytest.raises(ArtefactError):
            asked.score(PIXELS)


def test_a_source_that_turns_out_damaged_ends_the_walk() -> None:
    with pytest.raises(InputError):
        router.compress(jpeg()[:-900], policy="web")


@pytest.mark.parametrize("value", [float("nan"), b"bytes", {1, 2}, np.int64(3), object(), "\ud800", [[]] * 3])
def test_what_a_plugin_says_of_itself_does_not_cost_the_image(value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd(PngCodec):
        codec_id = "odd"

        def get_config(self) -> dict[str, object]:
            return {**super().get_config(), "odd": value}

    for name in ("_registered", "_instances"):
        monkeypatch.setattr(registry, name, {})
    registry.register(Odd)
    encoded = router.compress(PIXELS, codec="odd")
    assert router.inspect(encoded.data).codec == "odd"
    assert json.loads(encoded.run.to_json())["record"]["codec"] == "odd"
