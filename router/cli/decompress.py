"""`codec-router decompress`: any output back to a standard file, or to the original where the output holds it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router.cli import options as o
from router.cli.address_paths import as_path
from router.cli.inputs import InputFile, expand, one_output
from router.cli.left_out import tell
from router.cli.live import progress
from router.cli.many import Named, Ways, run_many
from router.cli.path_lists import listed
from router.cli.pipes import check_pipe, write_to_pipe
from router.cli.reporting import Tally, console, human_bytes, shown
from router.cli.untouched import Untouched
from router.errors import StreamError, UsageError
from router.folders import LeftOut
from router.limits import Limits
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from rich.console import Console

    from router.batch import Restoration, Row

_JPEG = {".jpg", ".jpeg"}


def command(
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A .png (or the suffix of --to) for one input, .jpg gives a transcode's original back; else a folder. "
            "- is standard output.",
        ),
    ],
    inputs: o.SomeInputs = None,
    files_from: o.FilesFromOption = None,
    null: o.NullOption = False,
    originals: Annotated[
        bool,
        typer.Option(
            "--originals",
            help="Transcodes become their JPEGs again and passed-through files stay as they are, byte for byte; "
            "files get the names of their sources.",
        ),
    ] = False,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="FORMAT",
            help="What the others become: png, webp, jxl (all lossless), jpg (quality 95) or avif (quality 90).",
        ),
    ] = "png",
    decoding: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Arithmetic of a neural file's pixels: fp32 (the reference), bf16 (faster, less precise), "
            "exact (slower, the same pixels on every machine).",
        ),
    ] = None,
    jobs: o.JobsOption = None,
    timeout: o.TimeoutOption = None,
    force: o.ForceAgainOption = False,
    retry_failed: o.RetryOption = False,
    no_limits: o.NoLimitsOption = False,
    verbose: o.VerboseOption = False,
    metrics: o.MetricsOption = None,
    quiet: o.QuietOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Decode outputs to PNG or another format, 16 bit and metadata kept, or give the originals back.

    Folders, lists and more than a few files are done by worker processes; a second run does what is left.
    """
    tally, limits, root, left_out = Tally(as_json), o.limits_from(no_limits), as_path(output), LeftOut()
    ways = Ways(jobs, timeout, force, retry_failed, quiet, verbose, metrics)
    with tally.setup(inputs or [output]):
        from router.archive.restoring import form
        from router.batch import Restoration
        from router.codecs.neural.arithmetic import Decoding

        named = Named(inputs or [], listed(files_from, null), output, files_from is not None, encoded=True)
        named.check()
        check_pipe(output, as_json)
        job, suffixes = Restoration(to, originals, decoding, limits), form(to).suffixes
        if decoding is not None:
            Decoding.parse(decoding)
        many = named.are_many(ways)
        if many:
            listing = named.listing(left_out, whole=False)
            files: list[InputFile] = []
            single = False
        else:
            files = expand(named.arguments, left_out=left_out, encoded=True, output=root)
            single = output != "-" and one_output(named.arguments, files, output)
        untouched = Untouched(file.path for file in files)
        if single:
            _check_suffix(root, originals, to, suffixes)
    if many:
        kinds: Counter[bool] = Counter()

        def show(screen: Console, row: Row) -> None:
            kinds[row.lane != "decoded"] += 1
            _show(screen, _document(root / row.output, row.output_bytes or 0, row.why))

        with tally.setup(named.arguments or [output]):
            run_many(
                job,
                listing,
                root,
                ways,
                tally,
                read=named.folders,
                kept=(),
                document=lambda row: _document(root / row.output, row.output_bytes or 0, row.why),
                show=show,
            )
        if originals and not quiet and not as_json:
            _tell_originals(kinds[True], kinds[False], to)
        if not quiet:
            tell(left_out, named.arguments, as_json)
        tally.exit()
        return
    claimed: set[Path] = set()
    for file in progress(files, len(files), as_json or quiet, name=lambda file: str(file.relative), tally=tally):

        def work(file: InputFile = file) -> dict[str, Any]:
            return _one(file, root, single, job, to_pipe=output == "-", force=force, untouched=untouched, claimed=claimed)

        document = tally.run(file.path, work)
        if document is not None and not as_json and not quiet:
            _show(console(stderr=output == "-"), document)
    tally.exit()


def _tell_originals(kept: int, decoded: int, to: str) -> None:
    """How many of the files written are the sources themselves: the others have their names and not their bytes."""
    screen = console()
    if kept:
        screen.print(f"{kept} byte for byte as the source was", soft_wrap=True)
    if decoded:
        loss = "not the source's bytes, nor its pixels where the encoding lost some"
        screen.print(f"{decoded} decoded to {to.upper()}: {loss}", soft_wrap=True)


def _check_suffix(path: Path, originals: bool, to: str, suffixes: tuple[str, ...]) -> None:
    """Raises UsageError where one output file is named like none that can be written."""
    if originals:
        raise UsageError(
            "--originals takes names from the sources, and needs a folder",
            code=ReasonCode.BAD_ARGUMENT,
            hint=f"Write -o {path}/, or without --originals -o NAME.jpg for a transcode's JPEG",
        )
    if path.suffix.lower() not in ({*suffixes} if to != "png" else {".png"} | _JPEG):
        alone = " (or .jpg for a transcode)" if to == "png" else ""
        raise UsageError(
            f"{path} does not end in {suffixes[0]}{alone}", code=ReasonCode.BAD_ARGUMENT, hint="--to names another format"
        )


def _one(
    file: InputFile,
    root: Path,
    single: bool,
    job: Restoration,
    *,
    to_pipe: bool,
    force: bool,
    untouched: Untouched,
    claimed: set[Path],
) -> dict[str, Any]:
    from router.decoding import load
    from router.files import addresses
    from router.files.named import write_named

    if single:
        untouched.check(root)
    source = file.source(job.limits)
    if single and job.to == "png" and root.suffix.lower() in _JPEG:
        data, mode, target = _original(load(source, job.limits), job.limits), "original JPEG", root
    else:
        restored, name = job.restored(source, file.relative)
        data, mode, target = restored.data, restored.mode, root if single else root / file.relative.with_name(name)
        while target in claimed:  # `a.png` and `a.png.avif` may both want `a.png`
            target = target.with_name(target.name + (restored.suffixes or (file.path.suffix or ".bin",))[0])
    if to_pipe:
        write_to_pipe(data)
        return _document(Path("standard output"), len(data), mode)
    write_named(addresses.parse(untouched.check(target)), data, overwrite=force)
    claimed.add(target)
    return _document(target, len(data), mode)


def _document(written: Path, size: int, mode: str) -> dict[str, Any]:
    return {"output": str(written), "bytes": size, "mode": mode}


def _show(screen: Console, document: dict[str, Any]) -> None:
    line = f"{shown(document['output'])}  [dim]{document['mode']}, {human_bytes(document['bytes'])}[/]"
    screen.print(line, soft_wrap=True)


def _original(encoded: bytes, limits: Limits) -> bytes:
    from router.decoding import restore

    try:
        return restore(encoded, limits=limits)
    except StreamError as error:
        if error.code is not ReasonCode.NOT_A_JPEG:
            raise
        raise StreamError(
            "only a transcoded JPEG gives a JPEG back, and this is none",
            code=error.code,
            hint="Name an output that ends in .png, or write a new JPEG with --to jpg",
        ) from error
