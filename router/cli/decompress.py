"""`codec-router decompress`: any output back to a PNG, or a transcode back to its original JPEG."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from router.cli import options as o
from router.cli.inputs import InputFile, expand, one_output
from router.cli.left_out import tell
from router.cli.reporting import Tally, console, human_bytes, progress, shown
from router.cli.untouched import Untouched
from router.codecs.neural.arithmetic import Decoding
from router.errors import StreamError, UsageError
from router.folders import LeftOut
from router.limits import Limits
from router.reasons import ReasonCode

_JPEG = {".jpg", ".jpeg"}


def command(
    inputs: o.Inputs,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A .png for one input (.jpg gives a transcode's original back), else a folder.",
        ),
    ],
    decoding: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Arithmetic of a neural file's pixels: fp32 (the reference), bf16 (faster, less precise), "
            "exact (slower, the same pixels on every machine).",
        ),
    ] = None,
    force: o.ForceOption = False,
    no_limits: o.NoLimitsOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Decode outputs to PNG, 16 bit and metadata kept."""
    tally, limits, root, left_out = Tally(as_json), o.limits_from(no_limits), Path(output), LeftOut()
    with tally.setup(inputs):
        files = expand(inputs, left_out=left_out, encoded=True, output=root)
        single = one_output(inputs, files, output)
        untouched = Untouched(file.path for file in files)
        if decoding is not None:
            Decoding.parse(decoding)
        if single and root.suffix.lower() not in {".png"} | _JPEG:
            raise UsageError(f"{output} does not end in .png (or .jpg for a transcode)", code=ReasonCode.BAD_ARGUMENT)
    for file in progress(files, len(files), as_json):
        destination = root if single else (root / file.relative).with_name(file.relative.name + ".png")

        def work(file: InputFile = file, destination: Path = destination) -> dict[str, Any]:
            source = file.check()
            untouched.check(destination)
            return _decompress_one(source, destination, decoding, force, limits)

        document = tally.run(file.path, work)
        if document is not None and not as_json:
            line = f"{shown(document['output'])}  [dim]{document['mode']}, {human_bytes(document['bytes'])}[/]"
            console().print(line, soft_wrap=True)
    tell(left_out, inputs, as_json)
    tally.exit()


def _decompress_one(source: Path, destination: Path, decoding: str | None, force: bool, limits: Limits) -> dict[str, Any]:
    from router.codecs.png import PngCodec
    from router.decoding import decode, load, restore
    from router.files import read_bytes, write_atomically
    from router.images.arrays import from_pixels

    if destination.suffix.lower() in _JPEG:
        data, mode = _original(restore, read_bytes(source, limits), limits), "original JPEG"
    else:
        image = decode(load(source, limits), limits, decoding)
        sample, png = from_pixels(image.pixels, image.metadata), PngCodec()
        refusal = png.refusal(sample)
        if refusal is not None:
            raise refusal
        data = png.encode(sample, {})
        data = data if image.metadata.xmp is None else png.with_xmp(data, image.metadata.xmp)
        mode = f"{sample.mode} {sample.bits} bit, {sample.width}x{sample.height}"
    write_atomically(destination, data, overwrite=force)
    return {"output": str(destination), "bytes": len(data), "mode": mode}


def _original(restore: Any, encoded: bytes, limits: Limits) -> bytes:
    try:
        data: bytes = restore(encoded, limits=limits)
    except StreamError as error:
        if error.code is not ReasonCode.NOT_A_JPEG:
            raise
        raise StreamError(
            "only a transcoded JPEG gives a JPEG back, and this is none",
            code=error.code,
            hint="Name an output that ends in .png",
        ) from error
    return data
