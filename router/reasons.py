"""Every reason code that a refusal, an error, a fallback or a decision can carry. Codes are stable: never renamed, only added."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class ReasonCode(StrEnum):
    """Grouped by who says it. The value is what appears in records, logs and `--json`.

    Attributes:
        meaning: what it says, in one sentence.
        way_out: what to do about it.
    """

    meaning: str
    way_out: str

    def __new__(cls, value: str, meaning: str = "", way_out: str = "") -> Self:
        """A code with what it means and what to do about it."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning, member.way_out = meaning, way_out
        return member

    # input
    EMPTY_INPUT = (
        "EMPTY_INPUT",
        "The input has no bytes.",
        "Pass the bytes of an image file; rewind a file object that was read before.",
    )
    NOT_FOUND = (
        "NOT_FOUND",
        "There is nothing at the path or address, or no image in the folder.",
        "Check the path; `--files-from` takes a list.",
    )
    NOT_A_FILE = (
        "NOT_A_FILE",
        "A folder, a device, or bare pixels where a file's own bytes are needed.",
        "Name one file; passthrough needs a file.",
    )
    UNREADABLE = (
        "UNREADABLE",
        "The disk, the connection or the permissions stopped the reading.",
        "Check permissions and credentials, or try again.",
    )
    NOT_AN_IMAGE = (
        "NOT_AN_IMAGE",
        "The content is no image of any kind that is known.",
        "Check the file: its suffix may say something else than its bytes.",
    )
    FORMAT_NOT_SUPPORTED = (
        "FORMAT_NOT_SUPPORTED",
        "An image of a format that is not read here (HEIC, DICOM, camera raw, SVG ...).",
        "Convert it first, or use a policy that keeps the file (`archival`, `medical`).",
    )
    DAMAGED_IMAGE = ("DAMAGED_IMAGE", "The picture is damaged or cut short.", "Get the file again from where it came from.")
    BAD_ARRAY = (
        "BAD_ARRAY",
        "An array or a PIL image that holds no image: wrong shape, type or mode, or no pixels.",
        "Pass uint8 or uint16 of (H, W) or (H, W, C) with 1 to 4 channels.",
    )
    BAD_ARGUMENT = (
        "BAD_ARGUMENT",
        "An argument or option has a wrong type or value, or does not go with another.",
        "The message says which values are taken.",
    )
    MODE_NOT_SUPPORTED = (
        "MODE_NOT_SUPPORTED",
        "Colours that cannot be shown as gray or RGB without guessing, such as CMYK.",
        "Convert to sRGB first, or keep the file.",
    )
    DEPTH_NOT_SUPPORTED = (
        "DEPTH_NOT_SUPPORTED",
        "Samples that do not fit into 8 or 16 bits: floating point, negative, 32 bits, or deep ones without the `depth` extra.",
        "Install the extra `depth`, convert first, or keep the file.",
    )
    ANIMATED = (
        "ANIMATED",
        "More than one frame or page.",
        "`first_frame=True` or `--first-frame` takes the first; or keep the file.",
    )
    # limits
    TOO_MANY_PIXELS = (
        "TOO_MANY_PIXELS",
        "More pixels than `Limits` allows.",
        "`Limits(...)` or `--no-limits`, if the source is trusted.",
    )
    SIDE_TOO_LONG = (
        "SIDE_TOO_LONG",
        "A side is longer than `Limits` allows.",
        "`Limits(...)` or `--no-limits`, if the source is trusted.",
    )
    FILE_TOO_LARGE = (
        "FILE_TOO_LARGE",
        "The file is larger than `Limits` allows.",
        "`Limits(...)` or `--no-limits`, if the source is trusted.",
    )
    MEMORY_LIMIT = (
        "MEMORY_LIMIT",
        "The work would take more memory than one image may have; nothing was begun.",
        "Raise `Limits.memory`, or let another codec of the policy take its place.",
    )
    OUT_OF_MEMORY = (
        "OUT_OF_MEMORY",
        "Memory ran out during the work.",
        "Fewer images at a time, a smaller `Limits.memory`, or a smaller image.",
    )
    # outputs
    OUTPUT_EXISTS = (
        "OUTPUT_EXISTS",
        "Something is there already, or an option would write what the command reads.",
        "`overwrite=True` or `--force`, or another name.",
    )
    OUTPUT_NOT_WRITABLE = (
        "OUTPUT_NOT_WRITABLE",
        "The folder is missing, full or not writable, or the log failed.",
        "Check the folder. After a failed log the image is in the error's `encoded`.",
    )
    # codecs
    UNKNOWN_CODEC = (
        "UNKNOWN_CODEC",
        "No codec of this id is installed.",
        "`codec-router codecs list` names them; a plug-in may have to be installed.",
    )
    MISSING_EXTRA = ("MISSING_EXTRA", "Packages are not installed.", "The hint is the command that installs the extra.")
    CANNOT_CARRY_MODE = (
        "CANNOT_CARRY_MODE",
        "The codec has no such channel layout.",
        "Another codec; policies try the next by themselves.",
    )
    CANNOT_CARRY_DEPTH = (
        "CANNOT_CARRY_DEPTH",
        "The codec cannot hold this many bits.",
        "Another codec: PNG and lossless JPEG XL hold 16.",
    )
    CANNOT_CARRY_ALPHA = (
        "CANNOT_CARRY_ALPHA",
        "The codec has no alpha channel.",
        "Another codec, or remove the alpha channel first.",
    )
    CANNOT_CARRY_ICC = (
        "CANNOT_CARRY_ICC",
        "The codec cannot hold this colour profile.",
        'Another codec, or metadata "strip", which converts to sRGB where nothing is lost.',
    )
    CANNOT_CARRY_EXIF = (
        "CANNOT_CARRY_EXIF",
        "The codec cannot hold this EXIF block.",
        'Another codec, or metadata "icc" or "strip".',
    )
    CANNOT_CARRY_XMP = (
        "CANNOT_CARRY_XMP",
        "The codec cannot hold this XMP packet.",
        'Another codec, or metadata "icc" or "strip".',
    )
    CANNOT_CARRY_SIZE = (
        "CANNOT_CARRY_SIZE",
        "The format cannot hold this many pixels or so long a side.",
        "Another codec, or a smaller image.",
    )
    WIDE_GAMUT = ("WIDE_GAMUT", "The colours do not fit into sRGB, which this codec writes.", "A codec that carries the profile.")
    HDR = ("HDR", "PQ or HLG samples, which no codec here writes.", "A passthrough lane, or tone mapping first.")
    NOT_A_JPEG = (
        "NOT_A_JPEG",
        "A transcode was asked of something that is no JPEG, or an original of what holds none.",
        "Another codec; `restore` works on transcodes only.",
    )
    BAD_SETTING = (
        "BAD_SETTING",
        "The codec has no such setting, or does not take this value.",
        "`codec-router codecs list` and the message name what is taken.",
    )
    WRONG_LANE = ("WRONG_LANE", "The codec belongs to another lane than the policy puts it in.", "Move it in the policy.")
    ENCODE_FAILED = ("ENCODE_FAILED", "The encoder gave up.", "Another codec; the log has the library's words.")
    TARGET_UNREACHABLE = (
        "TARGET_UNREACHABLE",
        "The target is not reached at the codec's highest setting, or a size not kept at its lowest.",
        "A lower target, or another codec; `details` has the nearest result.",
    )
    TARGET_OVERSHOT = (
        "TARGET_OVERSHOT",
        "The result lies above its target by more than the tolerance.",
        "Nothing is wrong. More `max_search_steps`, if the search was cut short.",
    )
    # streams and artefacts
    UNKNOWN_STREAM = (
        "UNKNOWN_STREAM",
        "The data is of no format that a codec here decodes.",
        "Check the file, or install the plug-in that wrote it.",
    )
    TRUNCATED = ("TRUNCATED", "The data ends early.", "Fetch the file again.")
    DAMAGED_STREAM = ("DAMAGED_STREAM", "The data contradicts its format.", "Fetch the file again.")
    CHECKSUM_MISMATCH = ("CHECKSUM_MISMATCH", "A chunk's checksum does not fit its content.", "Fetch the file again.")
    UNKNOWN_CRITICAL_CHUNK = (
        "UNKNOWN_CRITICAL_CHUNK",
        "The file needs a feature that this version does not know.",
        "Upgrade codec-router.",
    )
    UNSUPPORTED_VERSION = (
        "UNSUPPORTED_VERSION",
        "A file, record or artefact of a version that is not read here.",
        "Upgrade codec-router, or make the artefact again.",
    )
    UNKNOWN_MODEL = (
        "UNKNOWN_MODEL",
        "The model that the file names is not installed.",
        "Install its folder; `codec-router models audit` counts the files that need it.",
    )
    MODEL_MISMATCH = (
        "MODEL_MISMATCH",
        "A model of that id is there with other weights.",
        "Install the weights of the hash that the file states.",
    )
    LATENT_MISMATCH = ("LATENT_MISMATCH", "The decoded latents are not those that were written.", "Fetch the file again.")
    BINDING_MISMATCH = ("BINDING_MISMATCH", "The file was put together from pieces of several files.", "Fetch the file again.")
    ARTEFACT_DAMAGED = (
        "ARTEFACT_DAMAGED",
        "Something that ships, or a detector that was named, is damaged or not what the bundle names.",
        "`codec-router models verify` tells what; install again.",
    )
    NO_RECORD = ("NO_RECORD", "The file is fine and holds no decision record.", "Look it up in the log by the file's hash.")
    DAMAGED_RECORD = (
        "DAMAGED_RECORD",
        "The record cannot be read, or there is more than one.",
        "Fetch the file again, or ask the log.",
    )
    # policy
    POLICY_NOT_FOUND = ("POLICY_NOT_FOUND", "There is no shipped policy or file of this name.", "`codec-router policies list`.")
    POLICY_INVALID = (
        "POLICY_INVALID",
        "The policy does not load.",
        "`codec-router policies check FILE` lists all that is wrong, with places.",
    )
    RULE_ERROR = (
        "RULE_ERROR",
        "A rule's condition failed, so that `on_error` decided.",
        "`codec-router decide` shows the rule and what it read.",
    )
    RULE_MATCHED = ("RULE_MATCHED", "The rule that decided, in the policy's words.", "Nothing is wrong.")
    FORCED_CODEC = ("FORCED_CODEC", "The caller named the codec, and the policy was not asked.", "Nothing is wrong.")
    NEURAL_NO_CONSENT = (
        "NEURAL_NO_CONSENT",
        "The receiver did not say that it decodes the neural format and holds the model.",
        '`receiver="self"`, or Accept with `image/x-ncr` and the model\'s id.',
    )
    RECEIVER_DOES_NOT_ACCEPT = (
        "RECEIVER_DOES_NOT_ACCEPT",
        "The receiver does not take this media type.",
        "Another codec in the policy, or a wider Accept.",
    )
    BUDGET_EXCEEDED = (
        "BUDGET_EXCEEDED",
        "The time is over, or the image or the result is larger than a budget allows.",
        "Raise the budget, or put a faster codec behind.",
    )
    BUDGET_PREDICTED = (
        "BUDGET_PREDICTED",
        "The codec was passed over because it would not make it in the time left.",
        "Raise `encode_ms`, or measure again with `codec-router models benchmark`.",
    )
    BUDGET_OVERRUN = (
        "BUDGET_OVERRUN",
        "All that failed was time, so the last codec encoded although the time was over.",
        "`when_late: refuse`, where nothing is better than late.",
    )
    NO_LANE_LEFT = (
        "NO_LANE_LEFT",
        "Every lane that the policy permits was refused or failed.",
        "`details` names each reason; add a lane to fall back to.",
    )
    DETECTOR_UNAVAILABLE = (
        "DETECTOR_UNAVAILABLE",
        "A rule asked the detector, and there is no score.",
        "Install the extra `neural`, or see the reason beside it.",
    )
    TARGET_FIXED_BY_POLICY = (
        "TARGET_FIXED_BY_POLICY",
        "The policy's target went before the caller's.",
        "Remove `fixed_target` from the action.",
    )
    # guard and release
    GUARD_PASSED = ("GUARD_PASSED", "The decoded result is near enough to its source.", "Nothing is wrong.")
    GUARD_NOT_IDENTICAL = (
        "GUARD_NOT_IDENTICAL",
        "A lossless result, or an alpha channel, differs from its source.",
        "Another codec; please report it.",
    )
    GUARD_GEOMETRY = (
        "GUARD_GEOMETRY",
        "Size, channels or depth of the decoded result differ.",
        "Another codec; please report it.",
    )
    GUARD_QUALITY = (
        "GUARD_QUALITY",
        "The score of the whole image is below the target.",
        "A higher setting, or no fixed setting, so that the search runs.",
    )
    GUARD_WORST_TILE = (
        "GUARD_WORST_TILE",
        "One tile is worse than the worst of ordinary photographs.",
        "The next lane takes over; a higher target helps a forced codec.",
    )
    GUARD_COLOUR_CAST = (
        "GUARD_COLOUR_CAST",
        "A block's colours have shifted.",
        "The next lane takes over; a higher target helps a forced codec.",
    )
    GUARD_EDGES_LOST = (
        "GUARD_EDGES_LOST",
        "Edges or lines of the source are missing.",
        "The next lane takes over; a higher target helps a forced codec.",
    )
    GUARD_DETAIL_LOST = (
        "GUARD_DETAIL_LOST",
        "Spots, lines or faint marks of the source are missing.",
        "The next lane takes over; a higher target helps a forced codec.",
    )
    GUARD_STRUCTURE_ADDED = (
        "GUARD_STRUCTURE_ADDED",
        "The result shows structure that the source has not.",
        "The next lane takes over; a higher target helps a forced codec.",
    )
    GUARD_NO_GAIN = (
        "GUARD_NO_GAIN",
        "At guard `strict`: the neural result is not smaller and no worse than the classical one.",
        "The classical result is released.",
    )
    GUARD_DECODE_FAILED = (
        "GUARD_DECODE_FAILED",
        "What was written cannot be decoded.",
        "The next lane takes over; please report it.",
    )
    NOT_VERIFIED = (
        "NOT_VERIFIED",
        "A file is kept as it is without having been decoded whole.",
        "Guard `full`, more memory, or an installed reader for it.",
    )
    METADATA_LEFT_BEHIND = (
        "METADATA_LEFT_BEHIND",
        "Named metadata of the source is not in the output.",
        "`metadata_loss: refuse`, or a codec that holds it.",
    )
    PROFILE_UNUSABLE = (
        "PROFILE_UNUSABLE",
        "The source's colour profile cannot be used and was left out.",
        "Mend the profile; colours are taken as sRGB.",
    )
    METADATA_NOT_STRIPPED = (
        "METADATA_NOT_STRIPPED",
        "The file may not go out as it is: metadata is to go and it may hold some.",
        "A lane that encodes anew.",
    )
    METADATA_WOULD_BE_LOST = (
        "METADATA_WOULD_BE_LOST",
        "The codec was passed over because it would leave metadata behind.",
        "`metadata_loss: name`, or a lane that keeps the file.",
    )
    SOURCE_RECORD_STAYS = (
        "SOURCE_RECORD_STAYS",
        "The file is passed through with a decision record of its own, which is not this decision.",
        "Read the log for this one.",
    )
    NOT_SMALLER_THAN_SOURCE = (
        "NOT_SMALLER_THAN_SOURCE",
        "The new file would be no smaller, so the source goes out.",
        "Nothing is wrong.",
    )
    NOT_SMALLEST = ("NOT_SMALLEST", "Another codec of the lane gave a smaller file.", "Nothing is wrong.")
    SAVES_ENOUGH = ("SAVES_ENOUGH", "The neural result saves the share that `must_save` asks for.", "Nothing is wrong.")
    SAVES_TOO_LITTLE = (
        "SAVES_TOO_LITTLE",
        "The neural result does not save the share that `must_save` asks for.",
        "The next codec takes over.",
    )
    RECORD_NOT_CARRIED = (
        "RECORD_NOT_CARRIED",
        "The record is not in the file: no place for it, or it would break a budget.",
        "Read the log; a short record may fit.",
    )
    SOURCE_XMP_DAMAGED = (
        "SOURCE_XMP_DAMAGED",
        "The source's XMP is no well-formed packet and was left out.",
        "Mend it in the source.",
    )
    INTERNAL_ERROR = (
        "INTERNAL_ERROR",
        "Something failed that should not.",
        "Please report it, with what CODEC_ROUTER_DEBUG=1 prints.",
    )
    # many images
    TIMED_OUT = (
        "TIMED_OUT",
        "An image took longer than `--timeout`, or a source did not arrive in time.",
        "Raise the timeout, or try again.",
    )
    WORKER_DIED = (
        "WORKER_DIED",
        "The process that worked on the image died, twice.",
        "Try the image alone; a decoder may have crashed or memory run out.",
    )
    # tuning
    NOT_ENOUGH_EVIDENCE = (
        "NOT_ENOUGH_EVIDENCE",
        "The measured images do not support the claim that was asked for.",
        "More images (the hint says how many), or a larger epsilon or delta.",
    )


SECTIONS: dict[str, ReasonCode] = {
    "Input": ReasonCode.EMPTY_INPUT,
    "Limits": ReasonCode.TOO_MANY_PIXELS,
    "Outputs": ReasonCode.OUTPUT_EXISTS,
    "Codecs": ReasonCode.UNKNOWN_CODEC,
    "Streams and artefacts": ReasonCode.UNKNOWN_STREAM,
    "Policy": ReasonCode.POLICY_NOT_FOUND,
    "Guard and release": ReasonCode.GUARD_PASSED,
    "Many images": ReasonCode.TIMED_OUT,
    "Tuning": ReasonCode.NOT_ENOUGH_EVIDENCE,
}
"""The first code of each section, in the order of the codes."""
