"""`codec-router decompress`: any output back to a PNG, or a transcode back to its original JPEG."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from router.cli import options as o
from router.cli.inputs import ENCODED_SUFFIXES, InputFile, expand
from router.cli.reporting import Tally, console, human_bytes, progress
from router.errors import UsageError
from router.images.limits import Limits
from router.reasons import ReasonCode

_JPEG = {".jpg", ".jpeg"}


def command(
    inputs: o.Inputs,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A .png for one input (.jpg gives a transcode's original back), else a folder.")
    ],
    force: o.ForceOption = False,
    no_limits: o.NoLimitsOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Decode outputs to PNG, 16 bit and metadata kept."""
    files = expand(inputs, frozenset(ENCODED_SUFFIXES))
    single = len(files) == 1 and not inputs[0].is_dir() and not output.is_dir() and not str(output).endswith("/")
    if single and output.suffix.lower() not in {".png"} | _JPEG:
        raise UsageError(f"{output} does not end in .png (or .jpg for a transcode)", code=ReasonCode.BAD_ARGUMENT)
    tally, limits = Tally(as_json), o.limits_from(no_limits)
    for file in progress(files, len(files), as_json):
        destination = output if single else (output / file.relative).with_name(file.relative.name + ".png")

        def work(file: InputFile = file, destination: Path = destination) -> dict[str, Any]:
            return _decompress_one(file.path, destination, force, limits)

        document = tally.run(str(file.path), work)
        if document is not None and not as_json:
            console().print(f"{document['output']}  [dim]{document['mode']}, {human_bytes(document['bytes'])}[/]", soft_wrap=True)
    tally.exit()


def _decompress_one(source: Path, destination: Path, force: bool, limits: Limits) -> dict[str, Any]:
    from router.codecs.png import PngCodec
    from router.files import read_bytes, write_atomically
    from router.images.arrays import from_pixels
    from router.streams import decode, restore

    encoded = read_bytes(source, limits)
    if destination.suffix.lower() in _JPEG:
        data, mode = restore(encoded), "original JPEG"
    else:
        image = decode(encoded, limits)
        sample, png = from_pixels(image.pixels, image.metadata), PngCodec()
        refusal = png.refusal(sample)
        if refusal is not None:
            raise refusal
        data = png.encode(sample, {})
        data = data if image.metadata.xmp is None else png.with_xmp(data, image.metadata.xmp)
        mode = f"{sample.mode} {sample.bits} bit, {sample.width}x{sample.height}"
    write_atomically(destination, data, overwrite=force)
    return {"output": str(destination), "bytes": len(data), "mode": mode}
