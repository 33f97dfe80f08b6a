"""The manifest: one row an image, as the last run left it, for the questions that the documentation asks."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from sample_set import Samples

from router import batch
from router.batch import Options, journal, manifest
from router.errors import InputError, OutputExistsError
from router.limits import DEFAULT_LIMITS
from router.reasons import ReasonCode

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "batch.md"
PASS = Options("archival", None, DEFAULT_LIMITS, {})


@pytest.fixture
def done(samples: Samples, tmp_path: Path) -> Path:
    """An output folder after two runs: a failure that was mended, one that was not, and a name that is no UTF-8."""
    root = tmp_path / "in"
    root.mkdir()
    shutil.copy(samples["palette_badge"], root / "a.png")
    shutil.copy(samples["palette_badge"], root / "b\udcff.png")
    (root / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    (root / "mended.png").write_bytes(b"no image")
    output = tmp_path / "out"
    _run(root, output)
    shutil.copy(samples["palette_badge"], root / "mended.png")
    _run(root, output)
    return output


def _run(root: Path, output: Path) -> None:
    batch.run(((path, Path(path.name)) for path in sorted(root.iterdir())), output, PASS)


def test_one_row_an_image_and_the_last_word_counts(done: Path, tmp_path: Path) -> None:
    file = tmp_path / "manifest.parquet"
    assert manifest.write(done, file) == 4
    table = {row["name"]: row for row in pq.read_table(file).to_pylist()}
    assert {name: row["state"] for name, row in table.items()} == {
        "a.png": "done",
        "b\\xff.png": "done",
        "broken.png": "failed",
        "mended.png": "done",
    }
    assert table["a.png"]["lane"]
    assert table["a.png"]["source_bytes"] >= table["a.png"]["output_bytes"] > 0
    assert table["broken.png"]["lane"] is None
    with pytest.raises(OutputExistsError):
        manifest.write(done, file)
    assert manifest.write(done, file, overwrite=True) == 4


def test_a_torn_line_and_a_folder_without_a_journal(done: Path, tmp_path: Path) -> None:
    with max((done / journal.FOLDER).glob("rows-*.jsonl")).open("ab") as file:
        file.write(b'{"name":"a.png","state":"fai')
    assert manifest.write(done, tmp_path / "m.parquet") == 4
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as raised:
        manifest.write(tmp_path / "empty", tmp_path / "n.parquet")
    assert raised.value.code is ReasonCode.NOT_FOUND
    assert not (tmp_path / "n.parquet").exists()


def test_the_questions_of_the_documentation(done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    manifest.write(done, Path("manifest.parquet"))
    failed, saved = (duckdb.sql(query).fetchall() for query in re.findall(r"```sql\n(.*?)```", PAGE.read_text("utf-8"), re.S))
    ((code, images, example, why),) = failed
    assert (code, images, example) == ("DAMAGED_IMAGE", 1, "broken.png")
    assert why
    assert sum(row[1] for row in saved) == 3
    assert all(before >= after for _, _, before, after, _ in saved)
