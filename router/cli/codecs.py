"""`codec-router codecs`: which codecs are here, and what each can carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from router.cli import options as o
from router.cli.reporting import Tally, console, shown

if TYPE_CHECKING:
    from router.codecs.base import Codec

app = typer.Typer(help="Codecs: list those that are here, plug-ins included.", no_args_is_help=True)


@app.command("list")
def list_command(as_json: o.JsonOption = False) -> None:
    """List the codecs: lane, format, what each carries, and what is missing to use it here."""
    from rich.table import Table

    from router.codecs import registry

    tally = Tally(as_json)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("codec", "lane", "format", "carries", "settings", "usable here"):
        table.add_column(title, overflow="fold")
    for codec_id in registry.ids():

        def work(codec_id: str = codec_id) -> dict[str, Any]:
            document = _document(registry.get_class(codec_id)())
            missing = document["unavailable"]
            usable = "[green]yes[/]" if missing is None else f"[yellow]{shown(missing)}[/]"
            settings = ", ".join(document["settings"])
            table.add_row(shown(codec_id), document["lane"], document["media_type"], _carries(document), shown(settings), usable)
            return document

        tally.run(codec_id, work)
    if not as_json:
        console().print(table)
    tally.exit()


def _document(codec: Codec) -> dict[str, Any]:
    carries = codec.carries
    return {
        "codec": codec.codec_id,
        "lane": str(codec.lane),
        "media_type": codec.media_type,
        "suffix": codec.suffix,
        "modes": sorted(carries.modes),
        "depths": sorted(carries.depths),
        "alpha": carries.alpha,
        "icc": carries.icc,
        "exif": carries.exif,
        "xmp": carries.xmp,
        "settings": sorted(codec.accepted()),
        "unavailable": codec.unavailable(),
    }


def _carries(document: dict[str, Any]) -> str:
    depths = "/".join(str(depth) for depth in document["depths"])
    metadata = [name.upper() for name in ("icc", "exif", "xmp") if document[name]]
    alpha = "" if document["alpha"] == "none" else f", alpha {document['alpha']}"
    return f"{' '.join(document['modes'])} {depths} bit{alpha}; {' '.join(metadata) or 'no metadata'}"
