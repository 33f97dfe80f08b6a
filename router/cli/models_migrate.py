"""`codec-router models migrate`: standard files from `.ncr` files, before their model goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router.cli import options as o
from router.cli.inputs import InputFile, one_output
from router.cli.live import progress
from router.cli.ncr_files import Inputs, ncr_files
from router.cli.reporting import Tally, console, human_bytes, shown
from router.cli.untouched import Untouched
from router.codecs.neural.arithmetic import Decoding
from router.errors import OutputExistsError, UsageError
from router.files.named import exists
from router.reasons import ReasonCode

if TYPE_CHECKING:
    from router.encoded import EncodedImage


def command(
    inputs: Inputs,
    output: o.OutputOption,
    codec: Annotated[
        str | None,
        typer.Option("--codec", help="png by default; jxl-lossless is smaller; a lossy one, such as avif, needs --quality."),
    ] = None,
    quality: o.QualityOption = None,
    decoding: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Arithmetic: exact (the same pixels on every machine), or fp32 (what the guard saw, as this machine has it).",
        ),
    ] = Decoding.EXACT,
    model: Annotated[str | None, typer.Option("--model", metavar="ID", help="Only files that need this model.")] = None,
    force: o.ForceOption = False,
    no_limits: o.NoLimitsOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Write standard files from .ncr files, which stay where they are.

    Pixels, metadata and the decision record are kept; the new record names the model and the file too. Every machine writes the
    same files. They keep their whole names: a.ncr becomes a.ncr.png.
    """
    tally, limits, root = Tally(as_json), o.limits_from(no_limits), Path(output)
    with tally.setup(inputs):
        from router.files.named import write_atomically
        from router.migrate import DEFAULT_CODEC, check_target, migrate

        chosen = codec or DEFAULT_CODEC
        suffix = check_target(chosen, quality).suffix
        Decoding.parse(decoding)
        named = [InputFile(path, Path(path.name)) for path in inputs]
        single = one_output(inputs, named, output)
        untouched = Untouched(inputs)
    sums = _Sums()
    for file in progress(
        ncr_files(inputs, into_folder=not single), None, as_json, name=lambda file: str(file.relative), tally=tally, unit="files"
    ):
        destination = root / file.relative.with_name(file.relative.name + suffix)

        def work(file: InputFile = file, destination: Path = destination) -> dict[str, Any]:
            source = file.check()
            if model is not None and (other := _model_of(source)) != model:
                sums.left += 1
                return {"migrated": False, "model": other}
            if not single and not force and exists(destination):  # asked again by the writing; here it costs no decoding
                raise _exists(destination)
            encoded = migrate(source, codec=chosen, quality=quality, decoding=decoding, limits=limits)
            target = encoded.path_for(root) if single else destination
            Untouched([source]).check(untouched.check(target))
            written = write_atomically(target, encoded.data, overwrite=force)
            sums.add(encoded)
            return _document(encoded, written)

        document = tally.run(file.path, work)
        if document is not None and document["migrated"] and not as_json:
            _print(document)
    if not as_json and (sums.files or sums.left):
        _print_sums(sums)
    tally.exit()
    if model is not None and not sums.files:
        with tally.setup([model]):
            raise UsageError(
                f"no file here needs the model {model!r}",
                code=ReasonCode.BAD_ARGUMENT,
                hint="`codec-router models audit` shows which models are needed",
            )


class _Sums:
    """What the batch has done: counts, and nothing that grows with it."""

    def __init__(self) -> None:
        self.files = self.left = self.source_bytes = self.output_bytes = 0

    def add(self, encoded: EncodedImage) -> None:
        self.files += 1
        self.source_bytes += encoded.run.source_bytes or 0
        self.output_bytes += len(encoded.data)


def _model_of(source: Path) -> str:
    from router.archive.audit import reference

    return reference(source)[1].model_id


def _document(encoded: EncodedImage, written: Path) -> dict[str, Any]:
    migration = encoded.record.migrated_from
    assert migration is not None
    return {
        "migrated": True,
        "model": migration.model,
        "output": str(written),
        "bytes": len(encoded.data),
        "source_bytes": encoded.run.source_bytes,
        "as_recorded": migration.as_recorded,
        "record": encoded.record.model_dump(mode="json", exclude_none=True),
    }


def _print(document: dict[str, Any]) -> None:
    sizes = f"{human_bytes(document['source_bytes'])} -> {human_bytes(document['bytes'])}"
    note = "  [yellow]decoded to other pixels than its record names[/]" if document["as_recorded"] is False else ""
    console().print(f"{shown(document['output'])}  [dim]{sizes}[/]{note}", soft_wrap=True)


def _print_sums(sums: _Sums) -> None:
    sizes = f"{human_bytes(sums.source_bytes)} -> {human_bytes(sums.output_bytes)}"
    left = f"; {sums.left} left out, which need another model" if sums.left else ""
    console().print(f"[dim]{sums.files} migrated, {sizes}{left}[/]", soft_wrap=True)


def _exists(path: Path) -> OutputExistsError:
    return OutputExistsError(f"{path} already exists", code=ReasonCode.OUTPUT_EXISTS, hint="Pass --force", path=str(path))
