"""Tables into the pages of docs/results: what stands between two marks is replaced.

    python -m training.guard.damage --data DIR/eval ... | python -m training.results.page docs/results/0.4/guard.md damage

Marks are `<!-- damage:begin -->` and `<!-- damage:end -->`, each on a line of its own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> None:
    """Put what arrives on standard input into a page."""
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("page", type=Path)
    ap.add_argument("name", help="of the marks")
    args = ap.parse_args(arguments)
    put(args.page, args.name, sys.stdin.read())


def put(page: Path, name: str, text: str) -> None:
    """Replace what `page` has between the marks of `name`. Raises SystemExit if there are none, or if there is nothing to put."""
    begin, end = (f"<!-- {name}:{which} -->\n" for which in ("begin", "end"))
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found_too, after = rest.partition(end)
    if not (found and found_too):
        raise SystemExit(f"{page} has no marks {begin.strip()} and {end.strip()}")
    if not text.strip():
        raise SystemExit(f"nothing to put into {page}: the table is empty")
    page.write_text(f"{before}{begin}{text.strip()}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
